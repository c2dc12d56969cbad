import { describe, expect, it } from "vitest"
import { type AggregateOptions, aggregate } from "../../../rerankers/aggregation/index.js"
import { emptyRanking, type Hit, type Ranking, type ScoreKind } from "../../../src/core/index.js"
import { describeReranker } from "../../conformance/reranker.js"

describeReranker("aggregate", () => aggregate(), { drops: true, renames: true })
describeReranker("aggregate by id", () => aggregate({ by: { separator: "d" }, method: "mean" }), {
  drops: true,
  renames: true,
})

const chunk = (id: string, parentId: string | undefined, score: number): Hit => ({
  id,
  score,
  span: [score, score + 1],
  source: "bm25",
  document: { id, text: `text of ${id}`, ...(parentId ? { parentId } : {}), metadata: { page: score } },
})
const hits = [
  chunk("A#1", "A", 9),
  chunk("B#1", "B", 8),
  chunk("B#2", "B", 8),
  chunk("C", undefined, 7),
  chunk("A#2", "A", 1),
]
const given = (scoreKind: ScoreKind = "bm25", excludedIds: string[] = []): Ranking => ({
  ...emptyRanking({ id: "q", text: "?", excludedIds }, scoreKind),
  hits,
})
const run = async (options: AggregateOptions, ranking = given(), explain = false) =>
  (await aggregate(options).rerank([ranking], { explain }))[0]!
const scores = (ranking: Ranking) => ranking.hits.map((hit) => [hit.id, hit.score])

describe("aggregate", () => {
  it("max, first, mean of the best", async () => {
    expect(scores(await run({}))).toEqual([
      ["A", 9],
      ["B", 8],
      ["C", 7],
    ])
    expect(scores(await run({ method: "first" }))).toEqual([
      ["A", 9],
      ["B", 8],
      ["C", 7],
    ])
    expect(scores(await run({ method: "mean" }))).toEqual([
      ["B", 8],
      ["C", 7],
      ["A", 5],
    ])
    expect(scores(await run({ method: "mean", best: 1 }))).toEqual([
      ["A", 9],
      ["B", 8],
      ["C", 7],
    ])
  })

  it("tells max from first where scores do not follow the order, as below a seam", async () => {
    const seam = { ...given(), hits: [chunk("A#1", "A", 2), chunk("B#1", "B", 1), chunk("B#2", "B", 50)] }
    expect(scores(await run({ method: "max" }, seam))).toEqual([
      ["B", 50],
      ["A", 2],
    ])
    expect(scores(await run({ method: "first" }, seam))).toEqual([
      ["A", 2],
      ["B", 1],
    ])
  })

  it("shows the best chunk", async () => {
    const [first, , third] = (await run({})).hits
    expect(first).toMatchObject({ id: "A", span: [9, 10], source: "bm25" })
    expect(first!.document).toEqual({ id: "A", text: "text of A#1", metadata: { page: 9, chunkId: "A#1" } })
    expect(third!.document).toEqual(hits[3]!.document)
  })

  it("finds parents by separator or by function", async () => {
    expect(scores(await run({ by: { separator: "#" } }))).toEqual([
      ["A", 9],
      ["B", 8],
      ["C", 7],
    ])
    expect(scores(await run({ by: (hit) => hit.id.slice(0, 1).toLowerCase() }))).toEqual([
      ["a", 9],
      ["b", 8],
      ["c", 7],
    ])
    expect(aggregate({ by: { separator: "#" } }).needs).toBe("ids")
    expect(aggregate().needs).toBe("text")
  })

  it("leaves out excluded documents, and counts them", async () => {
    const ranking = await run({}, given("bm25", ["B", "Z"]))
    expect(ranking.hits.map((hit) => hit.id)).toEqual(["A", "C"])
    expect(ranking.warnings).toEqual([{ code: "excluded-document", count: 1, ids: ["B"] }])
  })

  it("counts chunks whose document is not there", async () => {
    const ranking = await run({}, { ...given(), hits: [{ id: "x", score: 1 }] })
    expect(ranking.warnings).toEqual([{ code: "missing-text", count: 1, ids: ["x"] }])
  })

  it("explains by chunks", async () => {
    const [best] = (await run({ method: "mean", best: 2 }, given(), true)).hits
    expect(best!.explanation).toEqual({
      value: 8,
      description: "mean of 2 of 2 chunks: sum of",
      details: [
        { value: 4, description: "chunk B#1, score 8" },
        { value: 4, description: "chunk B#2, score 8" },
      ],
    })
  })

  it("refuses means of ordinal scores, and impossible options", async () => {
    await expect(run({ method: "mean" }, given("ordinal"))).rejects.toMatchObject({ code: "score-kind" })
    expect((await run({}, given("ordinal"))).hits).toHaveLength(3)
    expect(() => aggregate({ best: 0 })).toThrow(/best/)
    expect(() => aggregate({ method: "median" as "mean" })).toThrow(/max, first or mean/)
    expect(() => aggregate({ by: { separator: "" } })).toThrow(/empty/)
  })
})
