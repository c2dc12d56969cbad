import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { dedupe } from "../../../rerankers/diversity/index.js"
import { emptyRanking, type Hit, type Ranking } from "../../../src/core/index.js"
import { createAnalyzer, jaccard } from "../../../src/text/index.js"
import { describeReranker } from "../../conformance/reranker.js"

describeReranker("dedupe", () => dedupe(), { drops: true })

const rankingOf = (texts: readonly (string | undefined)[]): Ranking => ({
  ...emptyRanking({ id: "q", text: "?" }, "bm25"),
  hits: texts.map((text, rank): Hit => {
    const id = `d${rank}`
    return { id, score: -rank, ...(text === undefined ? {} : { document: { id, text } }) }
  }),
})
const kept = async (texts: readonly (string | undefined)[], options = {}) => {
  const [ranking] = await dedupe(options).rerank([rankingOf(texts)])
  return { ids: ranking!.hits.map((hit) => hit.id).join(" "), warnings: ranking!.warnings }
}
const long =
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"

describe("dedupe", () => {
  it("keeps the best of equal texts and counts the others", async () => {
    expect(await kept(["a b c", "x y z", " a b c ", "a b c"], { threshold: 1 })).toEqual({
      ids: "d0 d1",
      warnings: [{ code: "duplicate-hit", count: 2, ids: ["d2", "d3"] }],
    })
  })

  it("finds near duplicates, by terms and not by letters", async () => {
    const shouted = `${long.toUpperCase()}!`
    expect((await kept([long, shouted])).ids).toBe("d0")
    expect((await kept([long, shouted], { threshold: 1 })).ids).toBe("d0 d1")
    expect((await kept([long, `${long} eighteen`])).ids).toBe("d0")
    expect((await kept([long, `${long} eighteen nineteen twenty twentyone`])).ids).toBe("d0 d1")
  })

  it("keeps hits without text, and says which had no document", async () => {
    expect(await kept(["", undefined, "", "the", "of"])).toEqual({
      ids: "d0 d1 d2 d3 d4",
      warnings: [{ code: "missing-text", count: 1, ids: ["d1"] }],
    })
  })

  it("removes exactly what Jaccard's coefficient says", async () => {
    const text = fc.array(fc.constantFrom("red", "green", "blue", "grey", "black"), { minLength: 1, maxLength: 8 })
    const analyzer = createAnalyzer("english")
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 8 }), fc.constantFrom(0.3, 0.5, 0.8), async (texts, threshold) => {
        const expected: string[][] = []
        const ids: string[] = []
        texts.forEach((words, rank) => {
          const terms = analyzer.terms(words.join(" "))
          if (expected.some((other) => jaccard(terms, other, 2) >= threshold)) return
          expected.push(terms)
          ids.push(`d${rank}`)
        })
        const result = await kept(
          texts.map((words) => words.join(" ")),
          { threshold, shingle: 2 },
        )
        expect(result.ids).toBe(ids.join(" "))
      }),
    )
  })

  it("refuses impossible options", () => {
    for (const options of [{ threshold: 0 }, { threshold: 1.1 }, { threshold: Number.NaN }, { shingle: 0 }])
      expect(() => dedupe(options)).toThrow(/must/)
  })
})
