import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Detokenizer } from "../../../src/models/generation/detokenizer.js"
import { StopMatcher } from "../../../src/models/generation/stop-matcher.js"
import { truncateText } from "../../../src/models/generation/truncate-text.js"
import { tinyCodec } from "./tiny-tokenizer.js"

describe("stop texts", () => {
  const run = (pieces: readonly string[], stops: readonly string[]) => {
    const matcher = new StopMatcher(stops)
    let text = ""
    for (const piece of pieces) {
      const step = matcher.push(piece)
      text += step.text
      if (step.stop !== undefined) return { text, stop: step.stop }
    }
    return { text: text + matcher.flush(), stop: undefined }
  }

  it("are found across pieces, and nothing of them is given", () => {
    expect(run(["Hel", "lo <", "/thi", "nk> more"], ["</think>"])).toEqual({ text: "Hello ", stop: "</think>" })
    expect(run(["a\n", "\nb"], ["\n\n"])).toEqual({ text: "a", stop: "\n\n" })
    expect(run(["aa", "ab"], ["aab"])).toEqual({ text: "a", stop: "aab" })
    expect(run(["ab"], ["abc"])).toEqual({ text: "ab", stop: undefined })
  })

  it("take the one that is complete first, whatever the pieces are", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 14 })
    const stop = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 6 }), fc.array(stop, { maxLength: 3 }), (pieces, stops) => {
        const whole = pieces.join("")
        // Character by character: the first end at which some stop text is complete, the longest one there.
        let expected: { text: string; stop: string | undefined } = { text: whole, stop: undefined }
        for (let end = 1; end <= whole.length && expected.stop === undefined; end++) {
          const [found] = stops.filter((each) => whole.slice(0, end).endsWith(each)).sort((a, b) => b.length - a.length)
          if (found !== undefined) expected = { text: whole.slice(0, end - found.length), stop: found }
        }
        expect(run(pieces, stops)).toEqual(expected)
      }),
      { numRuns: 1000 },
    )
  })
})

describe("decoding token by token", () => {
  const codec = tinyCodec()

  it("gives whole characters, and in all what decoding at once gives", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 30 }), fc.string({ maxLength: 12 }), (text, prompt) => {
        const ids = codec.encodePlain(text)
        const detokenizer = new Detokenizer((each) => codec.decode(each), codec.encodePlain(prompt))
        const pieces = ids.map((id) => detokenizer.push(id))
        for (const piece of pieces) expect(piece.isWellFormed()).toBe(true)
        if (!text.includes("\ufffd")) for (const piece of pieces) expect(piece).not.toContain("\ufffd")
        expect(pieces.join("") + detokenizer.flush()).toBe(codec.decode(ids))
      }),
      { numRuns: 500 },
    )
  })

  it("marks bytes that are no text, and goes on", () => {
    const bytes = Array.from({ length: 12 }, () => codec.idOf(0xff))
    const detokenizer = new Detokenizer((ids) => codec.decode(ids))
    const text =
      [...bytes, ...codec.encodePlain("yes no")].map((id) => detokenizer.push(id)).join("") + detokenizer.flush()
    expect(text).toContain("\ufffd")
    expect(text.endsWith("yes no")).toBe(true)
  })
})

describe("cutting a text by tokens", () => {
  it("keeps the longest beginning that fits", () => {
    const count = (text: string) => tinyCodec().encodePlain(text).length
    expect(truncateText("abcdef", 3, count)).toBe("abc")
    expect(truncateText("abc", 3, count)).toBe("abc")
    expect(truncateText("abc", 0, count)).toBe("")
    expect(truncateText("ab😀", 5, count)).toBe("ab")
    expect(truncateText("x".repeat(5000), 100, count)).toBe("x".repeat(100))
  })
})
