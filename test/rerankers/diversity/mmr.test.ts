import { describe, expect, it } from "vitest"
import { type MmrOptions, mmr } from "../../../rerankers/diversity/index.js"
import { emptyRanking, type Hit, type Ranking, type ScoreKind } from "../../../src/core/index.js"
import { conformanceRanking, describeReranker } from "../../conformance/reranker.js"

describeReranker("mmr", () => mmr())
describeReranker("mmr of the first three", () => mmr({ top: 3, lambda: 0.3 }))

const ranking = (
  parts: readonly [id: string, score: number, text: string][],
  scoreKind: ScoreKind = "cosine",
): Ranking => ({
  ...emptyRanking({ id: "q", text: "?" }, scoreKind),
  hits: parts.map(([id, score, text]): Hit => ({ id, score, document: { id, text } })),
})
const run = async (given: Ranking, options: MmrOptions = {}, explain = false) =>
  (await mmr(options).rerank([given], { explain }))[0]!
const ids = (given: Ranking) => given.hits.map((hit) => hit.id).join("")
const four = ranking([
  ["a", 1, "red red"],
  ["b", 0.9, "red"],
  ["c", 0.5, "blue"],
  ["d", 0, "green"],
])

describe("mmr", () => {
  it("is the incoming order for lambda 1", async () => {
    const { hits } = await run(four, { lambda: 1 })
    expect(hits.map((hit) => [hit.id, hit.score])).toEqual([
      ["a", 1],
      ["b", 0.9],
      ["c", 0.5],
      ["d", 0],
    ])
  })

  it("puts something else between two that are alike", async () => {
    // By hand: a first (0.5); then b: 0.45 - 0.5 = -0.05, c: 0.25, d: 0; so c, d, b.
    const { hits, scoreKind } = await run(four, { lambda: 0.5 })
    expect(hits.map((hit) => hit.id).join("")).toBe("acdb")
    hits.forEach((hit, place) => {
      expect(hit.score).toBeCloseTo([0.5, 0.25, 0, -0.05][place]!, 12)
    })
    expect(scoreKind).toBe("ordinal")
  })

  it("gives the others their order below the first `top`, and scores that never rise", async () => {
    const diversified = await run(four, { lambda: 0.5, top: 2 })
    expect(ids(diversified)).toBe("acbd")
    diversified.hits.slice(1).forEach((hit, index) => {
      expect(hit.score).toBeLessThanOrEqual(diversified.hits[index]!.score)
    })
  })

  it("agrees with the formula applied to every choice", async () => {
    const given = conformanceRanking("q", "x", 8)
    const seeds = Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => ((i * 7 + j * 7) % 11) / 11))
    const similarity = () => (left: number, right: number) => seeds[left]![right]!
    const chosen: number[] = []
    const relevance = (hit: number) => (given.hits[hit]!.score - 3) / 7
    while (chosen.length < 8) {
      const values = given.hits.map((_, hit) =>
        chosen.includes(hit)
          ? Number.NEGATIVE_INFINITY
          : 0.6 * relevance(hit) - 0.4 * Math.max(0, ...chosen.map((other) => seeds[other]![hit]!)),
      )
      chosen.push(values.indexOf(Math.max(...values)))
    }
    expect((await run(given, { lambda: 0.6, similarity })).hits.map((hit) => hit.id)).toEqual(
      chosen.map((hit) => `d${hit}`),
    )
  })

  it("reads ranks where scores are ordinal", async () => {
    const given = ranking(
      [
        ["a", 1000, "x"],
        ["b", 1, "y"],
        ["c", 0, "z"],
      ],
      "ordinal",
    )
    expect((await run(given, { lambda: 1 })).hits.map((hit) => hit.score)).toEqual([1, 1 - 1 / 3, 1 - 2 / 3])
  })

  it("explains its scores and keeps the explanation below", async () => {
    const before = { value: 9, description: "bm25" }
    const given = { ...four, hits: four.hits.map((hit) => ({ ...hit, explanation: before })) }
    for (const { score, explanation } of (await run(given, {}, true)).hits) {
      expect(explanation!.details!.reduce((sum, part) => sum + part.value, 0)).toBeCloseTo(score, 12)
      expect(explanation!.details![0]!.details).toEqual([before])
    }
  })

  it("counts missing texts, and refuses what is no number", async () => {
    const bare = { ...four, hits: [...four.hits, { id: "e", score: 0 }] }
    expect((await run(bare)).warnings).toEqual([{ code: "missing-text", count: 1, ids: ["e"] }])
    await expect(run(four, { similarity: () => () => Number.NaN })).rejects.toMatchObject({ code: "score-kind" })
    await expect(run(four, { similarity: () => () => 2 })).rejects.toMatchObject({ code: "score-kind" })
    await expect(run(ranking([["a", Number.NaN, ""]]))).rejects.toMatchObject({ code: "score-kind" })
    expect(() => mmr({ lambda: 2 })).toThrow(/0\.\.1/)
    expect(() => mmr({ top: 0 })).toThrow(/at least 1/)
  })
})
