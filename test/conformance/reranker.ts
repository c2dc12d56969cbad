/** What every reranker must do, whatever it is made of. @module */
import { beforeAll, describe, expect, it } from "vitest"
import { emptyRanking, type Hit, RankineError, type Ranking, type Reranker, runReranker } from "../../src/core/index.js"

export interface RerankerConformance {
  /** The stage may drop hits (cutting, deduplication, aggregation). Default false. */
  readonly drops?: boolean
  /** The stage may change ids (aggregation). Default false. */
  readonly renames?: boolean
}

/** A ranking such as a first stage hands over, with texts. */
export function conformanceRanking(id = "q1", text = "fish in cold water", count = 8): Ranking {
  const texts = [
    "cold water",
    "warm water and fish",
    "granite",
    "fish",
    "",
    "cold fish in cold water",
    "granite",
    "heat",
  ]
  const hits = Array.from({ length: count }, (_, rank): Hit => {
    const documentId = `d${rank}`
    return { id: documentId, score: 10 - rank, document: { id: documentId, text: texts[rank % texts.length]! } }
  })
  return { ...emptyRanking({ id, text }, "bm25"), hits }
}

/** Runs the suite on the stage that `build` makes. */
export function describeReranker(
  name: string,
  build: () => Promise<Reranker> | Reranker,
  conformance: RerankerConformance = {},
): void {
  const { drops = false, renames = false } = conformance
  describe(`${name} as a reranker`, () => {
    let reranker: Reranker
    beforeAll(async () => {
      reranker = await build()
    })
    const rankings = () => [
      conformanceRanking(),
      { ...emptyRanking({ id: "empty", text: "fish" }, "bm25" as const) },
      conformanceRanking("q2", "granite", 3),
    ]
    const ids = (ranking: Ranking) => ranking.hits.map((hit) => hit.id)

    it("gives one ranking per ranking, in their order, with the queries they came with", async () => {
      const before = rankings()
      const after = await reranker.rerank(before)
      expect(after.map((ranking) => ranking.query)).toEqual(before.map((ranking) => ranking.query))
      expect(await reranker.rerank([])).toEqual([])
      expect(after[1]!.hits).toEqual([])
      expect(after[1]!.status).toBe("ranked")
    })

    it("loses and duplicates nothing that it should not", async () => {
      const before = rankings()
      const after = await reranker.rerank(before)
      after.forEach((ranking, index) => {
        const given = new Set(ids(before[index]!))
        expect(new Set(ids(ranking)).size).toBe(ranking.hits.length)
        if (!renames) for (const id of ids(ranking)) expect(given.has(id)).toBe(true)
        if (!drops) expect(ranking.hits.length).toBe(given.size)
      })
    })

    it("does not change what it was given", async () => {
      const before = rankings()
      const copy = structuredClone(before)
      await reranker.rerank(before)
      expect(before).toEqual(copy)
    })

    it("gives the same output for the same input, alone or together", async () => {
      const together = await reranker.rerank(rankings())
      expect((await reranker.rerank(rankings())).map((ranking) => ranking.hits)).toEqual(
        together.map((ranking) => ranking.hits),
      )
      const [alone] = await reranker.rerank([rankings()[2]!])
      expect(alone!.hits).toEqual(together[2]!.hits)
    })

    it("keeps what earlier stages have reported", async () => {
      const before = {
        ...conformanceRanking(),
        warnings: [{ code: "truncated", count: 2 } as const],
        stages: [{ stage: "first", seconds: 0, input: 0, output: 8, moved: 8 }],
      }
      const [after] = await reranker.rerank([before])
      expect(after!.warnings.find((warning) => warning.code === "truncated")?.count).toBeGreaterThanOrEqual(2)
      expect(after!.stages[0]).toEqual(before.stages[0])
    })

    it("lets rankings that have failed pass by, inside a pipeline", async () => {
      const failed: Ranking = { ...conformanceRanking(), status: "failed", error: new RankineError("model", "gone") }
      const [after] = await runReranker(reranker, [failed], {})
      expect(after).toBe(failed)
    })

    it("describes itself as plain data", () => {
      const description = reranker.describe!()
      expect(description.name).toBeTruthy()
      expect(JSON.parse(JSON.stringify(description))).toEqual(description)
    })
  })
}
