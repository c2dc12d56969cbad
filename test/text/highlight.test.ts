import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/index.js"
import { createAnalyzer, snippet } from "../../src/text/index.js"

const english = createAnalyzer("english")
const termsOf = (query: string) => new Set(english.terms(query))
const filler = "lorem ipsum dolor sit amet consectetur adipiscing elit ".repeat(20)

describe("snippet", () => {
  it("marks what the analyzer takes for the same term", () => {
    const found = snippet("Running dogs run. The dog ran.", termsOf("dog runs"), english, {
      before: "<b>",
      after: "</b>",
    })
    expect(found.text).toBe("<b>Running</b> <b>dogs</b> <b>run</b>. The <b>dog</b> ran.")
    expect(found.spans).toEqual([
      [0, 7],
      [8, 12],
      [13, 16],
      [22, 25],
    ])
    expect([found.start, found.end]).toEqual([0, 30])
  })

  it("prefers different terms to many matches of one, and the first of equals", () => {
    const text = `${filler}fox fox fox ${filler}fox and hound ${filler}hound near fox ${filler}`
    const found = snippet(text, termsOf("fox hound"), english, { length: 60 })
    expect(found.text).toContain("fox and hound")
    expect(found.text.length).toBeLessThanOrEqual(60)
    expect(found.spans.map(([start, end]) => text.slice(start, end))).toEqual(["fox", "hound"])
  })

  it("starts and ends at word borders", () => {
    const found = snippet(`${filler}hound ${filler}`, termsOf("hound"), english, { length: 80 })
    const words = new Set(`${filler}hound`.split(/\s+/))
    for (const word of found.text.split(" ")) expect(words).toContain(word)
    expect(found.text.length).toBeGreaterThan(60)
  })

  it("without a match is the beginning of the text", () => {
    expect(snippet("  one two three four", termsOf("fox"), english, { length: 10 })).toEqual({
      text: "one two",
      spans: [],
      start: 2,
      end: 9,
    })
    expect(snippet("", termsOf("fox"), english)).toEqual({ text: "", spans: [], start: 0, end: 0 })
  })

  it("joins overlapping bigrams", () => {
    const cjk = createAnalyzer("cjk")
    const found = snippet("私は東京都に住む", new Set(cjk.terms("東京都")), cjk, { before: "[", after: "]" })
    expect(found.text).toBe("私は[東京都]に住む")
  })

  it("cuts a match only if it is longer than the passage", () => {
    const found = snippet("abcdefghij", termsOf("abcdefghij"), english, { length: 4, before: "[", after: "]" })
    expect(found).toEqual({ text: "[abcd]", spans: [[0, 4]], start: 0, end: 4 })
  })

  it("refuses a length that is none", () => {
    for (const length of [0, 1, 2.5, Number.NaN, -3])
      expect(() => snippet("text", new Set(), english, { length })).toThrow(RankineError)
  })

  it("keeps its promises for any text", () => {
    const standard = createAnalyzer("standard")
    const word = fc.constantFrom("fox", "dog", "😀", "𝐀𝐁", " ", " ", " ", "\n", "word", "é", "漢字")
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), fc.integer({ min: 2, max: 50 }), (parts, length) => {
        const text = parts.join("")
        const { start, end, spans, text: passage } = snippet(text, new Set(["fox", "漢"]), standard, { length })
        expect(end - start).toBeLessThanOrEqual(length)
        expect(passage).toBe(text.slice(start, end))
        expect(passage.isWellFormed()).toBe(true)
        let previous = start
        for (const [from, to] of spans) {
          expect(from).toBeGreaterThanOrEqual(previous)
          expect(to).toBeGreaterThan(from)
          previous = to
        }
        expect(previous).toBeLessThanOrEqual(Math.max(start, end))
        const tokens = standard.tokens(text).filter(({ term }) => term === "fox" || term === "漢")
        if (tokens.some((token) => token.end - token.start <= length)) expect(spans.length).toBeGreaterThan(0)
      }),
      { numRuns: 1000, seed: 11 },
    )
  })
})
