import { describe, expect, it } from "vitest"
import {
  cached,
  cut,
  emptyRanking,
  fallback,
  hydrate,
  MemoryCache,
  MemoryDocumentStore,
  pipeline,
  type Query,
  RankineError,
  type Ranking,
  type Reranker,
  type Retriever,
  type RunOptions,
  runReranker,
  top,
} from "../../src/core/index.js"
import { fakeRetriever } from "../conformance/fake.js"
import { describeReranker } from "../conformance/reranker.js"
import { conformanceDocuments, describeRetriever } from "../conformance/retriever.js"

const reverse: Reranker = {
  name: "reverse",
  needs: "ids",
  rerank: async (rankings) =>
    rankings.map((ranking) => ({
      ...ranking,
      scoreKind: "ordinal",
      hits: ranking.hits.toReversed().map((hit, index) => ({ ...hit, score: -index })),
    })),
  describe: () => ({ name: "reverse" }),
}
const failing = (ids: readonly string[]): Reranker => ({
  name: "failing",
  needs: "ids",
  async rerank(rankings) {
    const bad = rankings.find((ranking) => ids.includes(ranking.query.id))
    if (bad) throw new RankineError("model", `no answer for ${bad.query.id}`)
    return reverse.rerank(rankings)
  },
  describe: () => ({ name: "failing" }),
})
const q = (id: string, text = "granite fish"): Query => ({ id, text })
const source = () => fakeRetriever(conformanceDocuments)
const ids = (ranking: Ranking | undefined) => ranking!.hits.map((hit) => hit.id)

describeRetriever("a pipeline", (documents) =>
  pipeline(fakeRetriever(documents), hydrate(new MemoryDocumentStore(documents))),
)
describeRetriever("a cached retriever", (documents) => cached(fakeRetriever(documents)))
describeRetriever("a fallback", (documents) => fallback(fakeRetriever(documents), fakeRetriever([])))
describeReranker("cut", () => cut(3), { drops: true })
describeReranker("top", () => top(3, reverse))
describeReranker("fallback", () => fallback(failing(["q1"])))
describeReranker("cached", () => cached(reverse))

describe("pipeline", () => {
  it("runs the stages in order and records what each did", async () => {
    const [ranking] = await pipeline(source(), cut(4), reverse, cut(3)).retrieve([q("1")])
    const [first] = await source().retrieve([q("1")])
    expect(ids(ranking)).toEqual(ids(first).slice(0, 4).toReversed().slice(0, 3))
    expect(ranking!.stages.map(({ stage, input, output, moved }) => [stage, input, output, moved])).toEqual([
      ["fake", 0, 4, 4],
      ["cut(4)", 4, 4, 0],
      ["reverse", 4, 4, 4],
      ["cut(3)", 4, 3, 0],
    ])
    expect(ranking!.stages.every((trace) => trace.hits === undefined)).toBe(true)
    const [explained] = await pipeline(source(), cut(2)).retrieve([q("1")], { explain: true })
    expect(explained!.stages[1]!.hits!.map((hit) => hit.id)).toEqual(ids(explained))
  })

  it("asks the first stage for what the first cut keeps, or for topK where there is no stage", async () => {
    const asked: (number | undefined)[] = []
    const spy: Retriever = {
      ...source(),
      retrieve: (queries, options) => {
        asked.push(options?.topK)
        return source().retrieve(queries, options)
      },
    }
    await pipeline(spy, cut(7)).retrieve([q("1")], { topK: 2 })
    await pipeline(spy).retrieve([q("1")], { topK: 2 })
    await pipeline(spy, reverse).retrieve([q("1")], { topK: 2 })
    await pipeline(spy, reverse).retrieve([q("1")], { topK: 2000 })
    expect(asked).toEqual([7, 2, 1000, 2000])
    expect(ids((await pipeline(spy, reverse).retrieve([q("1")], { topK: 2 }))[0])).toHaveLength(2)
  })

  it("fetches texts before the first stage that needs them, once", async () => {
    const seen: (string | undefined)[] = []
    const reader: Reranker = {
      name: "reader",
      needs: "text",
      rerank: async (rankings) => {
        seen.push(...rankings.flatMap((ranking) => ranking.hits.map((hit) => hit.document?.id)))
        return [...rankings]
      },
    }
    const [ranking] = await pipeline(source(), cut(2), reader, reader).retrieve([q("1")])
    expect(seen).toEqual([...ids(ranking), ...ids(ranking)])
    expect(ranking!.stages.map((trace) => trace.stage)).toEqual(["fake", "cut(2)", "hydrate", "reader", "reader"])
    const { documents: _, ...bare } = source()
    expect(() => pipeline(bare, reader)).toThrow(/reader reads texts and fake does not hold any: put hydrate/)
    expect(() => pipeline(bare, hydrate(new MemoryDocumentStore()), reader)).not.toThrow()
  })

  it("counts documents that are missing", async () => {
    const store = new MemoryDocumentStore(conformanceDocuments.slice(0, 2))
    const [ranking] = await pipeline(source(), hydrate(store)).retrieve([q("1", "fish")])
    expect(ids(ranking)).toHaveLength(3)
    expect(ranking!.warnings).toEqual([{ code: "missing-document", count: 1, ids: ["trout"] }])
  })

  it("throws with the first query that fails, or marks it and goes on", async () => {
    const piped = pipeline(source(), failing(["2"]), cut(2))
    await expect(piped.retrieve([q("1"), q("2"), q("3")])).rejects.toMatchObject({ code: "model" })
    const rankings = await piped.retrieve([q("1"), q("2"), q("3")], { onError: "mark" })
    expect(rankings.map((ranking) => ranking.status)).toEqual(["ranked", "failed", "ranked"])
    const [plain] = await source().retrieve([q("2")])
    expect(ids(rankings[1])).toEqual(ids(plain))
    expect(rankings[1]!.error!.message).toBe("no answer for 2")
    expect(ids(rankings[0])).toHaveLength(2)
  })

  it("marks queries that the retriever fails on", async () => {
    const retriever: Retriever = {
      name: "odd",
      async retrieve(queries, options) {
        if (queries.some((query) => query.id === "2")) throw new Error("odd")
        return source().retrieve(queries, options)
      },
    }
    const rankings = await pipeline(retriever, reverse).retrieve([q("1"), q("2")], { onError: "mark" })
    expect(rankings.map((ranking) => ranking.status)).toEqual(["ranked", "failed"])
    expect(rankings[1]).toMatchObject({ hits: [], error: { code: "internal", message: "odd" } })
  })

  it("stops between stages, whatever the error policy", async () => {
    const controller = new AbortController()
    const stopper: Reranker = {
      ...reverse,
      rerank: async (rankings) => {
        controller.abort()
        return [...rankings]
      },
    }
    for (const onError of ["throw", "mark"] as const)
      await expect(
        pipeline(source(), stopper, reverse).retrieve([q("1")], { signal: controller.signal, onError }),
      ).rejects.toMatchObject({ code: "aborted" })
  })

  it("refuses a stage that loses a ranking", async () => {
    const loser: Reranker = { ...reverse, name: "loser", rerank: async () => [] }
    await expect(pipeline(source(), loser).retrieve([q("1")])).rejects.toThrow(
      /loser was given 1 rankings and returned 0/,
    )
  })

  it("streams better and better rankings, the last one of each query final and equal to retrieve's", async () => {
    const streaming: Reranker = {
      ...reverse,
      async *stream(rankings) {
        for (const ranking of rankings) yield { ...ranking, final: false }
        for (const ranking of await reverse.rerank(rankings)) yield { ...ranking, final: true }
      },
    }
    for (const stage of [reverse, streaming, top(2, streaming)]) {
      const piped = pipeline(source(), cut(4), stage)
      const seen: Ranking[] = []
      for await (const ranking of piped.stream([q("1"), q("2", "water")], { topK: 3 })) seen.push(ranking)
      const finals = seen.filter((ranking) => ranking.final)
      expect(finals.map((ranking) => ranking.query.id)).toEqual(["1", "2"])
      expect(seen.slice(-2)).toEqual(finals)
      expect(seen.length).toBeGreaterThan(2)
      const whole = await piped.retrieve([q("1"), q("2", "water")], { topK: 3 })
      expect(finals.map((ranking) => ranking.hits)).toEqual(whole.map((ranking) => ranking.hits))
    }
  })

  it("streams two queries with one id apart, and marks the one on which a stream breaks off", async () => {
    const breaking: Reranker = {
      ...failing(["bad"]),
      async *stream(rankings) {
        yield* await breaking.rerank(rankings)
      },
    }
    const asked = [q("same"), q("same", "water"), q("bad")]
    const seen: Ranking[] = []
    for await (const ranking of pipeline(source(), breaking).stream(asked, { onError: "mark" })) seen.push(ranking)
    const finals = seen.filter((ranking) => ranking.final)
    expect(finals.map(({ query, status }) => [query, status])).toEqual([
      [asked[0], "ranked"],
      [asked[1], "ranked"],
      [asked[2], "failed"],
    ])
    expect(finals[0]!.hits).not.toEqual(finals[1]!.hits)
    const strict = pipeline(source(), breaking).stream(asked)
    await expect(
      (async () => {
        for await (const _ of strict);
      })(),
    ).rejects.toMatchObject({ code: "model" })
  })

  it("describes itself and its stages", () => {
    expect(pipeline(source(), cut(3), top(2, reverse)).describe()).toEqual({
      name: "pipeline",
      retriever: { name: "fake", weight: 1 },
      stages: [
        { name: "cut", count: 3 },
        { name: "top", count: 2, stage: { name: "reverse" } },
      ],
    })
  })
})

describe("cut and top", () => {
  it("refuse what is no whole number of at least 1", () => {
    for (const count of [0, -1, 1.5, Number.NaN]) {
      expect(() => cut(count)).toThrow(/at least 1/)
      expect(() => top(count, reverse)).toThrow(/at least 1/)
    }
  })

  it("top leaves the rest below, untouched", async () => {
    const [before] = await source().retrieve([q("1")])
    const [after] = await top(2, reverse).rerank([before!])
    expect(ids(after)).toEqual([...ids(before).slice(0, 2).toReversed(), ...ids(before).slice(2)])
    expect(after!.scoreKind).toBe("ordinal")
  })
})

describe("fallback", () => {
  it("gives failed queries to the second, and says so", async () => {
    const [one, two] = await source().retrieve([q("1"), q("2")])
    const rankings = await fallback(failing(["2"]), reverse).rerank([one!, two!])
    expect(rankings.map((ranking) => ranking.status)).toEqual(["ranked", "fallback"])
    expect(ids(rankings[1])).toEqual(ids(two).toReversed())
    expect(rankings[1]).toMatchObject({ error: { code: "model" }, warnings: [{ code: "fallback", count: 1 }] })
    const [kept] = await fallback(failing(["2"])).rerank([two!])
    expect(kept).toMatchObject({ status: "fallback", hits: two!.hits })
  })

  it("between retrievers, and when both fail", async () => {
    const broken: Retriever = {
      name: "broken",
      retrieve: async () => Promise.reject(new RankineError("network", "down")),
    }
    const [ranking] = await fallback(broken, source()).retrieve([q("1")])
    expect(ranking).toMatchObject({ status: "fallback", error: { code: "network" } })
    await expect(fallback(broken, broken).retrieve([q("1")])).rejects.toMatchObject({ code: "network" })
    // @ts-expect-error a retriever needs a second one
    expect(() => fallback(broken)).toThrow(/second retriever/)
  })

  it("is no answer to an abort", async () => {
    await expect(
      fallback(source(), source()).retrieve([q("1")], { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({
      code: "aborted",
    })
  })
})

describe("cached", () => {
  const counting = () => {
    const calls: Query[][] = []
    const retriever: Retriever = {
      ...source(),
      retrieve: (queries, options) => {
        calls.push([...queries])
        return source().retrieve(queries, options)
      },
    }
    return { calls, retriever: cached(retriever) }
  }

  it("asks once, keeps the query's own id, and costs nothing the second time", async () => {
    const { calls, retriever } = counting()
    const [first] = await retriever.retrieve([q("1")])
    const [again, other] = await retriever.retrieve([q("9"), q("2", "water")])
    expect(calls.map((queries) => queries.map((query) => query.id))).toEqual([["1"], ["2"]])
    expect(again!.hits).toEqual(first!.hits)
    expect(again!.query.id).toBe("9")
    expect([first!.usage.calls, again!.usage.calls, other!.usage.calls]).toEqual([1, 0, 1])
  })

  it("tells apart what changes a result", async () => {
    const { calls, retriever } = counting()
    const filter = () => true
    const variants: [Query, RunOptions][] = [
      [q("1"), {}],
      [{ ...q("1"), excludedIds: ["trout"] }, {}],
      [{ ...q("1"), instruction: "x" }, {}],
      [q("1"), { topK: 2 }],
      [q("1"), { explain: true }],
      [q("1"), { filter: { year: 2005 } }],
      [q("1"), { filter }],
      [q("1"), { filter: () => true }],
    ]
    for (const [query, options] of variants) await retriever.retrieve([query], options)
    expect(calls).toHaveLength(variants.length)
    await retriever.retrieve([q("1")], { filter })
    await retriever.retrieve([q("1")], { onError: "mark" })
    expect(calls).toHaveLength(variants.length)
  })

  it("does not remember failures", async () => {
    let calls = 0
    const flaky: Retriever = {
      name: "flaky",
      retrieve: async (queries) =>
        queries.map((query) => ({ ...emptyRanking(query, "bm25"), status: calls++ === 0 ? "failed" : "ranked" })),
    }
    const retriever = cached(flaky)
    expect((await retriever.retrieve([q("1")]))[0]!.status).toBe("failed")
    expect((await retriever.retrieve([q("1")]))[0]!.status).toBe("ranked")
  })

  it("a reranker's answer depends on titles and texts that came in", async () => {
    let calls = 0
    const stage = cached({
      ...reverse,
      rerank: (rankings) => {
        calls++
        return reverse.rerank(rankings)
      },
    } satisfies Reranker)
    const given = (title: string, text: string): Ranking => ({
      ...emptyRanking(q("1"), "bm25"),
      hits: [{ id: "a", score: 1, document: { id: "a", title, text } }],
    })
    for (const ranking of [given("x", "y"), given("x", "z"), given("w", "y"), given("x", "y")])
      await stage.rerank([ranking])
    expect(calls).toBe(3)
  })

  it("a remembered order keeps what the stages before it say this time", async () => {
    const warned: Reranker = {
      ...reverse,
      rerank: async (rankings) =>
        (await reverse.rerank(rankings)).map((ranking) => ({
          ...ranking,
          warnings: [...ranking.warnings, { code: "truncated", count: 2 }],
        })),
    }
    const stage = cached(warned)
    const given: Ranking = { ...emptyRanking(q("1"), "bm25"), hits: [{ id: "a", score: 1 }] }
    const noisy: Ranking = { ...given, status: "partial", warnings: [{ code: "fallback", count: 1 }] }
    const truncated = { code: "truncated", count: 2 } as const
    expect((await stage.rerank([given]))[0]!.warnings).toEqual([truncated])
    const [second] = await stage.rerank([noisy])
    expect(second).toMatchObject({ status: "partial", warnings: [{ code: "fallback", count: 1 }, truncated] })
    expect((await stage.rerank([given]))[0]).toMatchObject({ status: "ranked", warnings: [truncated] })
  })

  it("forgets what was used longest ago", () => {
    const cache = new MemoryCache(2)
    const ranking = emptyRanking(q("1"), "bm25")
    cache.set("a", ranking)
    cache.set("b", ranking)
    cache.get("a")
    cache.set("c", ranking)
    expect([cache.get("a"), cache.get("b"), cache.get("c")].map(Boolean)).toEqual([true, false, true])
  })
})

describe("runReranker", () => {
  it("does nothing for no rankings, and asks no stage about failed ones", async () => {
    expect(await runReranker(failing([]), [], {})).toEqual([])
    const failed: Ranking = { ...emptyRanking(q("2"), "bm25"), status: "failed" }
    expect(await runReranker(failing(["2"]), [failed], {})).toEqual([failed])
  })
})
