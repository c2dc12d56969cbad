/**
 * Regular expressions over code point classes, and the deterministic automaton of a list of them:
 * Thompson's construction, then the subset construction. A token grammar stays readable as rules and runs as one table.
 * @module
 */

/** Adds an expression to the automaton, starting from a state, and returns the state it ends in. */
export type Expression = (automaton: Builder, from: number) => number

interface Builder {
  state(): number
  move(from: number, set: string, to: number): void
  skip(from: number, to: number): void
}

/** A code point in any of the sets. */
export function oneOf(...sets: readonly string[]): Expression {
  return (automaton, from) => {
    const to = automaton.state()
    for (const set of sets) automaton.move(from, set, to)
    return to
  }
}

export function sequence(...parts: readonly Expression[]): Expression {
  return (automaton, from) => parts.reduce((state, part) => part(automaton, state), from)
}

export function either(...parts: readonly Expression[]): Expression {
  return (automaton, from) => {
    const to = automaton.state()
    for (const part of parts) automaton.skip(part(automaton, from), to)
    return to
  }
}

export function anyNumber(part: Expression): Expression {
  return (automaton, from) => {
    // A state of its own: loops must not lead back into a state that other expressions start from.
    const hub = automaton.state()
    automaton.skip(from, hub)
    automaton.skip(part(automaton, hub), hub)
    return hub
  }
}

export const atLeastOne = (part: Expression): Expression => sequence(part, anyNumber(part))
export const optional = (part: Expression): Expression => either(part, (_, from) => from)

/** A deterministic automaton: state 0 is dead, state 1 the start. */
export interface Automaton {
  /** The next state at `state * classes + class`. */
  readonly next: Uint16Array
  /** The number of the rule that a state accepts, counted from 1; 0 where it accepts none. */
  readonly accepts: Uint8Array
  readonly classes: number
}

/** The automaton that finds which of `rules` matches; where several do, the first of them counts. */
export function compile(rules: readonly Expression[], classSets: readonly (readonly string[])[]): Automaton {
  const moves: [set: string, to: number][][] = []
  const skips: number[][] = []
  const builder: Builder = {
    state: () => {
      skips.push([])
      return moves.push([]) - 1
    },
    move: (from, set, to) => moves[from].push([set, to]),
    skip: (from, to) => skips[from].push(to),
  }
  const start = builder.state()
  const ruleAt = new Map<number, number>()
  rules.forEach((rule, index) => {
    const end = builder.state()
    builder.skip(rule(builder, start), end)
    ruleAt.set(end, index + 1)
  })

  const closure = (states: Iterable<number>): number[] => {
    const seen = new Set(states)
    for (const state of seen) for (const to of skips[state]) seen.add(to)
    return [...seen].sort((left, right) => left - right)
  }
  const known = new Map<string, number>()
  const members: number[][] = [[]]
  const numberOf = (states: number[]): number => {
    if (states.length === 0) return 0
    const key = states.join()
    let number = known.get(key)
    if (number === undefined) known.set(key, (number = members.push(states) - 1))
    return number
  }
  numberOf(closure([start]))
  const rows: number[][] = [classSets.map(() => 0)]
  for (let number = 1; number < members.length; number++)
    rows.push(
      classSets.map((sets) => {
        const reached = new Set<number>()
        for (const state of members[number])
          for (const [set, to] of moves[state]) if (sets.includes(set)) reached.add(to)
        return numberOf(closure(reached))
      }),
    )
  const accepts = members.map((states) => {
    const matched = states.flatMap((state) => ruleAt.get(state) ?? [])
    return matched.length > 0 ? Math.min(...matched) : 0
  })
  return { next: Uint16Array.from(rows.flat()), accepts: Uint8Array.from(accepts), classes: classSets.length }
}
