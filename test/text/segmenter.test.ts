import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { analyzerNames, createAnalyzer, StandardTokenizer, tokenKinds } from "../../src/text/index.js"

/** Letters, digits, marks between them, and a sample of everything that the grammar tells apart. */
const signs = [
  ..."aZ19__:.',;#* \n-",
  ...'é\u0301‍️︎⃣אעש"カｶﾞー漢ひ한ㄱ๑กา👍🏽👩🇩🇪Ⓜ〄٣·〱',
  "\ud83d",
  "\udc00",
  "\u{e0067}",
  "\u{e007f}",
]
const anyText = fc.oneof(
  fc.array(fc.constantFrom(...signs), { maxLength: 40 }).map((list) => list.join("")),
  fc.string({ unit: "binary", maxLength: 60 }),
)

describe("StandardTokenizer", () => {
  it("finds by hand in ASCII what the automaton finds", () => {
    const tokenizer = new StandardTokenizer()
    fc.assert(
      fc.property(anyText, fc.nat(300), (text, copies) => {
        const whole = copies % 5 === 0 ? text.repeat(1 + (copies % 40)) : text
        const expected: number[] = []
        for (let at = 0; at < whole.length; at = tokenizer.end)
          if (tokenizer.next(whole, at)) expected.push(at, tokenizer.end)
        const count = tokenizer.segment(whole)
        expect([...tokenizer.offsets.subarray(0, 2 * count)]).toEqual(expected)
      }),
      { numRuns: 2000, seed: 3 },
    )
  })

  it("knows the kinds of tokens", () => {
    const kinds = Object.entries({
      emoji: "👩‍👩‍👧",
      number: "3.14",
      hangul: "한국어",
      katakana: "カタカナ",
      word: "wasn't",
      southeastAsian: "ภาษา",
      ideograph: "漢",
      hiragana: "ひ",
    })
    const tokenizer = new StandardTokenizer()
    for (const [kind, text] of kinds) {
      expect(tokenizer.next(text, 0), kind).toBe(true)
      expect(tokenizer.end).toBe(text.length)
      expect(tokenizer.kind).toBe(tokenKinds[kind as keyof typeof tokenKinds])
    }
    expect(tokenizer.next("-a", 0)).toBe(false)
    expect(tokenizer.end).toBe(1)
  })

  it("cuts tokens of more than 255 units, never within a surrogate pair", () => {
    const tokenizer = new StandardTokenizer()
    const places = (text: string) => [...tokenizer.offsets.subarray(0, 2 * tokenizer.segment(text))]
    expect(places("a".repeat(600))).toEqual([0, 255, 255, 510, 510, 600])
    expect(places(`${"a".repeat(254)}𝐀b`)).toEqual([0, 254, 254, 257])
    // Far more tokens than the buffer holds at first, without a character between them.
    expect(tokenizer.segment("漢".repeat(5000))).toBe(5000)
    expect(tokenizer.offsets[9999]).toBe(5000)
  })

  it("takes time in proportion to the text, however it is made", () => {
    // Quadratic work would be some 10^12 steps here: the test would not end.
    // The token starts where its letter comes within reach of 255 units, as in Lucene.
    const tokenizer = new StandardTokenizer()
    expect(tokenizer.segment("_".repeat(1_000_000))).toBe(0)
    expect(tokenizer.segment(`${"_".repeat(1_000_000)}a`)).toBe(1)
    expect([...tokenizer.offsets.subarray(0, 2)]).toEqual([999_746, 1_000_001])
    expect(tokenizer.segment("a".repeat(1_000_000))).toBe(Math.ceil(1_000_000 / 255))
  })
})

describe("every analyzer", () => {
  const analyzers = analyzerNames()
    .filter((name) => name !== "snowball")
    .map((name) => createAnalyzer(name))

  it("gives pieces in order and within the text; terms and tokens follow from them", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const analyzer of analyzers) {
          const count = analyzer.segment(text)
          const offsets = analyzer.offsets.slice(0, 2 * count)
          const tokens = []
          for (let index = 0; index < count; index++) {
            const [start, end] = offsets.subarray(2 * index, 2 * index + 2)
            expect(start).toBeLessThan(end)
            expect(end).toBeLessThanOrEqual(text.length)
            if (index > 0) expect(start).toBeGreaterThan(offsets[2 * index - 2])
            const term = analyzer.normalize(text.slice(start, end))
            if (term !== undefined) tokens.push({ term, start, end })
          }
          expect(analyzer.tokens(text)).toEqual(tokens)
          expect(analyzer.terms(text)).toEqual(tokens.map(({ term }) => term))
        }
      }),
      { numRuns: 300, seed: 5 },
    )
  })
})

describe("cjk", () => {
  it("gives the places of the signs where half-width Katakana fold together", () => {
    // ﾊﾞ is two units and one sign.
    expect(createAnalyzer("cjk").tokens("ﾊﾞｽ停")).toEqual([
      { term: "バス", start: 0, end: 3 },
      { term: "ス停", start: 2, end: 4 },
    ])
  })
})
