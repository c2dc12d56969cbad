import { describe, expect, it, vi } from "vitest"
import { pointwise } from "../../../rerankers/pointwise/index.js"
import type { ProgressEvent, Ranking } from "../../../src/core/index.js"
import { fakeScorer, idsOf, rankingOf } from "./fakes.js"

/** The best document comes last: what a budget leaves out shows. */
const texts = (count: number): string[] =>
  Array.from({ length: count }, (_, at) =>
    at === count - 1 ? "cold fish" : at % 2 === 1 ? `fish ${at}` : `heron ${at}`,
  )
const query = "cold fish"

describe("budgets of pointwise scoring", () => {
  it("scores as many documents as it has calls, from the top, and leaves the rest below in first-stage order", async () => {
    const scorer = fakeScorer()
    const rankings = [rankingOf(query, texts(10), "a"), rankingOf(query, texts(3), "b")]
    const [cut, whole] = await pointwise(scorer).rerank(rankings, { budget: { maxCalls: 4 } })
    expect(cut).toMatchObject({ status: "partial", final: true, scoreKind: "probability", usage: { calls: 4 } })
    expect(idsOf(cut!)).toEqual(["a-1", "a-3", "a-0", "a-2", "a-4", "a-5", "a-6", "a-7", "a-8", "a-9"])
    expect(whole).toMatchObject({ status: "ranked", usage: { calls: 3 } })
    expect(whole!.hits[0]!.id).toBe("b-2")
  })

  it("never reads more tokens than it may, and nearly as many", async () => {
    const ranking = rankingOf(query, texts(200))
    for (const maxTokens of [0, 10, 100, 500, 1000, 5000]) {
      const [result] = await pointwise(fakeScorer({ maxLength: 16 })).rerank([ranking], { budget: { maxTokens } })
      expect(result!.usage.promptTokens).toBeLessThanOrEqual(maxTokens)
      expect(result!.usage.promptTokens).toBeGreaterThan(Math.min(maxTokens, 200 * 7 - 1) - 16 - 7)
      expect(result!.status).toBe(maxTokens < 200 * 7 ? "partial" : "ranked")
      expect(new Set(idsOf(result!)).size).toBe(200)
    }
  })

  it("says partial where nothing could be scored, and keeps scores and their kind", async () => {
    const ranking = rankingOf(query, texts(3))
    const [result] = await pointwise(fakeScorer()).rerank([ranking], { budget: { maxCalls: 0 } })
    expect(result).toMatchObject({ status: "partial", scoreKind: "bm25", usage: { calls: 0 } })
    expect(result!.hits).toEqual(ranking.hits)
  })

  it("ends when its time is over, by the pace so far", async () => {
    let clock = 0
    const now = vi.spyOn(performance, "now").mockImplementation(() => clock)
    try {
      // A document takes 5 milliseconds: 20 fit into the time.
      const scorer = fakeScorer({ before: (pairs) => void (clock += pairs.length * 5) })
      const ranking = rankingOf(query, texts(400))
      const [result] = await pointwise(scorer).rerank([ranking], { budget: { maxSeconds: 0.1 } })
      expect(result).toMatchObject({ status: "partial", usage: { calls: 20 } })
      expect(result!.usage.seconds).toBeCloseTo(0.1, 6)
      expect(idsOf(result!).slice(20)).toEqual(idsOf(ranking).slice(20))
      // What one round may cost is not known before it: half of what is left at a time.
      expect(scorer.requests.map(({ length }) => length)).toEqual([8, 6, 3, 1, 1, 1])
      const [none] = await pointwise(scorer).rerank([ranking], { budget: { maxSeconds: 0 } })
      expect(none).toMatchObject({ status: "partial", usage: { calls: 0 } })
    } finally {
      now.mockRestore()
    }
  })

  it("keeps what an earlier stage said of the ranking", async () => {
    const before: Ranking = { ...rankingOf(query, texts(3)), status: "fallback" }
    const [whole] = await pointwise(fakeScorer()).rerank([before])
    expect(whole!.status).toBe("fallback")
  })

  it("refuses budgets that are no numbers", async () => {
    for (const budget of [{ maxCalls: -1 }, { maxTokens: Number.NaN }])
      await expect(pointwise(fakeScorer()).rerank([], { budget })).rejects.toMatchObject({ code: "argument" })
  })
})

describe("streams of pointwise scoring", () => {
  const stream = async (rankings: readonly Ranking[], options = {}) => {
    const all: Ranking[] = []
    const scorer = fakeScorer()
    for await (const ranking of pointwise(scorer, { chunk: 4 }).stream(rankings, options)) all.push(ranking)
    return { all, scorer }
  }

  it("gives better and better rankings of each query; the last one is final and the same as in one go", async () => {
    const rankings = [rankingOf(query, texts(10), "a"), rankingOf(query, texts(3), "b"), rankingOf(query, [], "c")]
    const { all, scorer } = await stream(rankings)
    const oneGo = await pointwise(fakeScorer()).rerank(rankings)
    for (const [at, { query: asked }] of rankings.entries()) {
      const own = all.filter((ranking) => ranking.query === asked)
      expect(own.map(({ final }) => final)).toEqual(own.map((_, index) => index === own.length - 1))
      expect(own.at(-1)!.hits).toEqual(oneGo[at]!.hits)
      expect(own.at(-1)!.status).toBe("ranked")
      expect(own.at(-1)!.usage.calls).toBe(oneGo[at]!.usage.calls)
      for (const ranking of own) expect(new Set(idsOf(ranking)).size).toBe(rankings[at]!.hits.length)
      for (const ranking of own.slice(0, -1)) expect(ranking.status).toBe("partial")
    }
    expect(all.filter((ranking) => ranking.query.id === "a")).toHaveLength(3)
    // The queries of a round share a request.
    expect(scorer.requests.map(({ length }) => length)).toEqual([4 + 3, 4, 2])
  })

  it("says which documents were cut, in whatever round", async () => {
    const long = Array.from({ length: 30 }, (_, at) => `word${at}`).join(" ")
    const { all } = await stream([rankingOf(query, [...texts(5), long, "heron"])])
    expect(all.at(-1)!.warnings).toEqual([{ code: "truncated", count: 1, ids: ["q-5"] }])
  })

  it("ends with the budget, and marks failures", async () => {
    const { all } = await stream([rankingOf(query, texts(10))], { budget: { maxCalls: 6 } })
    expect(all.at(-1)).toMatchObject({ final: true, status: "partial", usage: { calls: 6 } })
    expect(all.filter(({ final }) => final)).toHaveLength(1)
    const { all: failed } = await stream([rankingOf(query, [undefined])], { onError: "mark" })
    expect(failed).toHaveLength(1)
    expect(failed[0]).toMatchObject({ status: "failed", final: true })
  })

  it("reports progress up to the whole", async () => {
    const events: ProgressEvent[] = []
    await stream([rankingOf(query, texts(10))], { onProgress: (event: ProgressEvent) => events.push(event) })
    const done = events.map((event) => event.done)
    expect(done).toEqual(done.toSorted((left, right) => left - right))
    expect(events.at(-1)).toEqual({ stage: "pointwise(fake)", done: 10, total: 10, unit: "pairs" })
  })
})
