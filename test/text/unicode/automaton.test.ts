import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type Automaton,
  anyNumber,
  atLeastOne,
  compile,
  type Expression,
  either,
  oneOf,
  optional,
  separated,
  sequence,
} from "../../../src/text/unicode/automaton.js"

// Classes 0 to 3 are written a to d. "vowel" and "early" overlap.
const classSets = [["vowel", "early"], ["early"], ["late"], []]
const alphabet = "abcd"

interface Pair {
  readonly expression: Expression
  readonly source: string
}

/** Random expressions, each with the regular expression that means the same. */
const { pair } = fc.letrec<{ pair: Pair; leaf: Pair }>((tie) => ({
  leaf: fc.constantFrom(
    { expression: oneOf("vowel"), source: "a" },
    { expression: oneOf("early"), source: "[ab]" },
    { expression: oneOf("late", "vowel"), source: "[ac]" },
  ),
  pair: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    tie("leaf"),
    fc.array(tie("pair"), { minLength: 1, maxLength: 3 }).map((parts) => ({
      expression: sequence(...parts.map((part) => part.expression)),
      source: `(?:${parts.map((part) => part.source).join("")})`,
    })),
    fc.array(tie("pair"), { minLength: 1, maxLength: 3 }).map((parts) => ({
      expression: either(...parts.map((part) => part.expression)),
      source: `(?:${parts.map((part) => part.source).join("|")})`,
    })),
    tie("pair").map((part) => ({ expression: anyNumber(part.expression), source: `(?:${part.source})*` })),
    tie("pair").map((part) => ({ expression: atLeastOne(part.expression), source: `(?:${part.source})+` })),
    tie("pair").map((part) => ({ expression: optional(part.expression), source: `(?:${part.source})?` })),
    fc.tuple(tie("pair"), tie("pair")).map(([part, between]) => ({
      expression: separated(part.expression, between.expression),
      source: `(?:${part.source}(?:${between.source}${part.source})*)`,
    })),
  ),
}))

/** The rule that accepts the whole text, 0 for none. */
function run({ next, accepts, classes }: Automaton, text: string): number {
  let state = 1
  for (const sign of text) state = next[state * classes + alphabet.indexOf(sign)]
  return accepts[state]
}

describe("compile", () => {
  it("accepts what regular expressions accept, and prefers the first rule", () => {
    const texts = [""]
    for (let index = 0; texts.length < 341; index++) texts.push(...[...alphabet].map((sign) => texts[index] + sign))
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 3 }), (rules) => {
        const automaton = compile(
          rules.map(({ expression }) => expression),
          classSets,
        )
        const patterns = rules.map(({ source }) => new RegExp(`^${source}$`))
        for (const text of texts)
          expect(run(automaton, text), text).toBe(patterns.findIndex((pattern) => pattern.test(text)) + 1)
      }),
      { numRuns: 300, seed: 23 },
    )
  })

  it("makes the smallest automaton", () => {
    // Dead, nothing read, an odd number of letters, an even one: (ab|ab)* written clumsily.
    const twice = sequence(oneOf("early"), either(oneOf("early"), oneOf("vowel"), oneOf("early")))
    const { accepts } = compile([either(anyNumber(twice), atLeastOne(twice), optional(twice))], classSets)
    expect([...accepts]).toEqual([0, 1, 0])
  })
})
