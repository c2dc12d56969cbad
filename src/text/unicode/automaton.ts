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

/** One or more times `part`, with `separator` between. Built as one loop, so that `part` is there only once. */
export function separated(part: Expression, separator: Expression): Expression {
  return (automaton, from) => {
    const hub = automaton.state()
    automaton.skip(from, hub)
    const end = part(automaton, hub)
    automaton.skip(separator(automaton, end), hub)
    return end
  }
}

export const nothing: Expression = (_, from) => from
export const atLeastOne = (part: Expression): Expression => separated(part, nothing)
export const optional = (part: Expression): Expression => either(part, nothing)

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

  // Sets of states as bits. Only states that move or accept are kept: the others tell no two sets apart.
  const words = Math.ceil(moves.length / 32)
  const closures = skips.map((_, from) => {
    const bits = new Uint32Array(words)
    const seen = new Set([from])
    for (const state of seen) {
      for (const to of skips[state]) seen.add(to)
      if (moves[state].length > 0 || ruleAt.has(state)) bits[state >> 5] |= 1 << (state & 31)
    }
    return bits
  })
  const targets = moves.map((list) =>
    list.flatMap(([set, to]) => classSets.flatMap((sets, index) => (sets.includes(set) ? [[index, to] as const] : []))),
  )

  const keyOf = (bits: Uint32Array): string => String.fromCharCode(...new Uint16Array(bits.buffer))
  const members: Uint32Array[] = [new Uint32Array(words), closures[start]]
  const known = new Map(members.map((bits, number) => [keyOf(bits), number]))
  const rows: number[][] = [classSets.map(() => 0)]
  const accepts = [0]
  for (let number = 1; number < members.length; number++) {
    const reached: (Uint32Array | undefined)[] = classSets.map(() => undefined)
    let accepted = 0
    for (let state = 0; state < moves.length; state++) {
      if ((members[number][state >> 5] & (1 << (state & 31))) === 0) continue
      const rule = ruleAt.get(state) ?? 0
      if (rule > 0 && (accepted === 0 || rule < accepted)) accepted = rule
      for (const [index, to] of targets[state]) {
        const bits = (reached[index] ??= new Uint32Array(words))
        for (let word = 0; word < words; word++) bits[word] |= closures[to][word]
      }
    }
    accepts.push(accepted)
    rows.push(
      reached.map((bits) => {
        if (!bits) return 0
        const key = keyOf(bits)
        let to = known.get(key)
        if (to === undefined) known.set(key, (to = members.push(bits) - 1))
        return to
      }),
    )
  }
  return merge(rows, accepts)
}

/**
 * The smallest automaton that accepts the same: states are told apart by what they accept, then by the groups
 * that they lead to, until no group splits any more (Moore, 1956). Groups keep the order of their first states.
 */
function merge(rows: readonly (readonly number[])[], accepts: readonly number[]): Automaton {
  let groups = [...accepts]
  for (let count = 0; ; ) {
    const numbers = new Map<string, number>()
    const split = rows.map((row, state) => {
      const key = `${groups[state]}:${row.map((to) => groups[to]).join()}`
      const number = numbers.get(key) ?? numbers.size
      numbers.set(key, number)
      return number
    })
    groups = split
    if (numbers.size === count) break
    count = numbers.size
  }
  const firsts = [...new Map(groups.map((group, state) => [group, state] as const).reverse()).values()].sort(
    (left, right) => left - right,
  )
  return {
    next: Uint16Array.from(firsts.flatMap((state) => rows[state].map((to) => groups[to]))),
    accepts: Uint8Array.from(firsts, (state) => accepts[state]),
    classes: rows[0].length,
  }
}
