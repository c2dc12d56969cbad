import { describe, expect, it } from "vitest"
import type { Dataset } from "../../datasets/dataset.js"
import { emptyRanking, type Query, RankineError, type Retriever } from "../../src/core/index.js"
import { parseResult } from "../../src/evaluation/index.js"
import { runBenchmark } from "../../src/pipelines/benchmark.js"

function dataset(name: string, queries: readonly Query[], relevant: Record<string, string>): Dataset {
  return {
    name,
    split: "test",
    size: 3,
    queries,
    allQueries: queries.length + 1,
    queryFields: new Map(),
    qrels: new Map(Object.entries(relevant).map(([query, id]) => [query, new Map([[id, 1]])])),
    relevance: { threshold: 1 },
    measures: ["RR@10"],
    warnings: [{ code: "empty-document", count: 1, ids: ["c"] }],
    description: { name },
    async *documents() {
      for (const id of ["a", "b", "c"]) yield { id, text: id === "c" ? "" : id }
    },
  }
}

/** Returns every document in the order of its text; fails on queries that say so. */
async function alphabetical(documents: AsyncIterable<{ id: string }>): Promise<Retriever> {
  const ids: string[] = []
  for await (const { id } of documents) ids.push(id)
  return {
    name: "alphabetical",
    describe: () => ({ name: "alphabetical", documents: ids.length }),
    async retrieve(queries, options = {}) {
      return queries.map((query) => {
        const ranking = emptyRanking(query, "ordinal")
        if (query.text === "fail") {
          if (options.onError !== "mark") throw new RankineError("model", "asked to fail")
          return { ...ranking, status: "failed" as const, error: new RankineError("model", "asked to fail") }
        }
        return { ...ranking, hits: ids.slice(0, options.topK).map((id, rank) => ({ id, score: -rank })) }
      })
    },
  }
}

const queries = [
  { id: "q1", text: "one" },
  { id: "q2", text: "two" },
]

describe("runBenchmark", () => {
  it("gives a result that reads back, with every parameter and count", async () => {
    const { result, rankings } = await runBenchmark(dataset("toy", queries, { q1: "a", q2: "b" }), (context) =>
      alphabetical(context.documents()),
    )
    expect(parseResult(JSON.parse(JSON.stringify(result)), "result")).toEqual(result)
    expect(result.measures).toEqual({ "RR@10": 0.75 })
    expect(result.perQuery).toEqual({ q1: { "RR@10": 1 }, q2: { "RR@10": 0.5 } })
    expect(result.dataset).toEqual({ name: "toy", split: "test", documents: 3, queries: 3, judgedQueries: 2 })
    expect(result.pipeline).toEqual({ name: "alphabetical", documents: 3 })
    expect(result.status).toEqual({ ranked: 2, partial: 0, fallback: 0, failed: 0, unanswered: 0 })
    expect(result.warnings).toEqual([{ code: "empty-document", count: 1 }])
    expect(result.latenciesMs).toHaveLength(2)
    expect(result.timings.p50Ms).toBeLessThanOrEqual(result.timings.p99Ms)
    expect(result.queriesPerSecond).toBeCloseTo(2 / result.timings.querySeconds, 6)
    expect(rankings.map(({ query }) => query.id)).toEqual(["q1", "q2"])
  })

  it("marks a query that fails and goes on", async () => {
    const failing = [queries[0]!, { id: "q2", text: "fail" }]
    const { result } = await runBenchmark(dataset("toy", failing, { q1: "a", q2: "b" }), (context) =>
      alphabetical(context.documents()),
    )
    expect(result.status).toEqual({ ranked: 1, partial: 0, fallback: 0, failed: 1, unanswered: 0 })
    expect(result.measures).toEqual({ "RR@10": 0.5 })
  })

  it("cuts at topK, names measures by the threshold of the data set", async () => {
    const graded = { ...dataset("toy", queries, { q1: "a", q2: "b" }), relevance: { threshold: 2 } }
    const { result, rankings } = await runBenchmark(graded, (context) => alphabetical(context.documents()), {
      measures: ["P@1", "nDCG@10"],
      topK: 1,
    })
    expect(rankings.every(({ hits }) => hits.length === 1)).toBe(true)
    expect(result.measures).toEqual({ "P(rel=2)@1": 0, "nDCG@10": 0.5 })
  })

  it("takes the mean over the parts of a data set, each with an index of its own", async () => {
    const first = dataset("one", [queries[0]!], { q1: "a" })
    const second = dataset("two", [queries[0]!, queries[1]!], { q1: "b", q2: "c" })
    const whole = { ...dataset("both", [], {}), parts: [first, second], allQueries: 3 }
    let built = 0
    const { result, rankings } = await runBenchmark(whole, (context) => {
      built++
      return alphabetical(context.documents())
    })
    expect(built).toBe(2)
    // 1 on the first part, (1/2 + 1/3) / 2 on the second.
    expect(result.measures["RR@10"]).toBeCloseTo((1 + (1 / 2 + 1 / 3) / 2) / 2, 12)
    expect(result.dataset).toMatchObject({ name: "both", documents: 6, judgedQueries: 3 })
    expect(Object.keys(result.perQuery)).toEqual(["one/q1", "two/q1", "two/q2"])
    expect(rankings.map(({ query }) => query.id)).toEqual(["one/q1", "two/q1", "two/q2"])
  })

  it("stops when asked to", async () => {
    const controller = new AbortController()
    const run = runBenchmark(
      dataset("toy", queries, { q1: "a", q2: "b" }),
      (context) => {
        controller.abort()
        return alphabetical(context.documents())
      },
      { signal: controller.signal },
    )
    await expect(run).rejects.toMatchObject({ code: "aborted" })
  })

  it("gives back what the retriever holds", async () => {
    let disposed = 0
    await runBenchmark(dataset("toy", queries, { q1: "a", q2: "b" }), async (context) => ({
      ...(await alphabetical(context.documents())),
      [Symbol.asyncDispose]: async () => {
        disposed++
      },
    }))
    expect(disposed).toBe(1)
  })
})
