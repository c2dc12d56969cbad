import { describe, expect, it, vi } from "vitest"
import { pointwise } from "../../../rerankers/pointwise/index.js"
import { hydrate, MemoryDocumentStore, pipeline, type Ranking, top } from "../../../src/core/index.js"
import { fakeRetriever } from "../../conformance/fake.js"
import { describeReranker } from "../../conformance/reranker.js"
import { conformanceDocuments } from "../../conformance/retriever.js"
import { fakeScorer, idsOf, rankingOf } from "./fakes.js"

describeReranker("pointwise", () => pointwise(fakeScorer()))

const one = async (promise: Promise<Ranking[]>): Promise<Ranking> => (await promise)[0]!
const warning = (ranking: Ranking, code: string) => ranking.warnings.find((each) => each.code === code)

describe("PairReranker", () => {
  it("replaces scores, sorts by them, and keeps the incoming order of equal ones", async () => {
    const texts = ["warm water", "granite", "cold water", "fish", "cold cold water", "gneiss"]
    const ranking = await one(pointwise(fakeScorer()).rerank([rankingOf("cold water", texts)]))
    expect(idsOf(ranking)).toEqual(["q-2", "q-4", "q-0", "q-1", "q-3", "q-5"])
    expect(ranking.hits.map(({ score }) => score)).toEqual([1, 1, 0.5, 0, 0, 0])
    expect(ranking).toMatchObject({ status: "ranked", final: true, scoreKind: "probability" })
    expect(ranking.hits[0]).toMatchObject({ source: "bm25", document: { text: "cold water" } })
  })

  it("'clients forced to split': the pairs of all queries are one request, equal texts of a query once", async () => {
    const scorer = fakeScorer()
    const rankings = [rankingOf("fish", ["fish", "heron", "fish"], "a"), rankingOf("heron", ["fish", "heron"], "b")]
    const [first, second] = await pointwise(scorer).rerank(rankings)
    expect(scorer.requests).toHaveLength(1)
    expect(scorer.requests[0]!.map(({ query, document }) => [query, document])).toEqual([
      ["fish", "fish"],
      ["fish", "heron"],
      ["heron", "fish"],
      ["heron", "heron"],
    ])
    expect(idsOf(first!)).toEqual(["a-0", "a-2", "a-1"])
    expect(idsOf(second!)).toEqual(["b-1", "b-0"])
    expect(first!.usage).toMatchObject({ calls: 2, promptTokens: 10 })
    expect(second!.usage).toMatchObject({ calls: 2, promptTokens: 10 })
  })

  it("shares the time of a request among its queries", async () => {
    let clock = 0
    const now = vi.spyOn(performance, "now").mockImplementation(() => clock)
    try {
      const scorer = fakeScorer({ before: () => void (clock += 1000) })
      const results = await pointwise(scorer).rerank([rankingOf("a", ["b"], "x"), rankingOf("a", ["b c", "d e"], "y")])
      expect(results[0]!.usage.seconds).toBeCloseTo(5 / 17, 9)
      expect(results[1]!.usage.seconds).toBeCloseTo(12 / 17, 9)
    } finally {
      now.mockRestore()
    }
  })

  it("shares the cost of a request among its queries, however little the scorer says", async () => {
    for (const detailed of [true, false]) {
      const rankings = [rankingOf("a", ["b", "c d"], "x"), rankingOf("a b c", ["d e f g h", "i"], "y")]
      const results = await pointwise(fakeScorer({ detailed })).rerank(rankings)
      const tokens = results.map(({ usage }) => usage.promptTokens)
      expect(tokens[0]! + tokens[1]!).toBe(5 + 6 + 11 + 7)
      expect(tokens[0]).toBeLessThan(tokens[1]!)
      for (const { usage } of results) expect(usage.seconds).toBeGreaterThan(0)
    }
  })

  it("counts what the scorer remembered", async () => {
    const scorer = fakeScorer()
    const remembering = {
      ...scorer,
      score: async (...given: Parameters<typeof scorer.score>) => ({ ...(await scorer.score(...given)), cached: 7 }),
    }
    const ranking = await one(pointwise(remembering).rerank([rankingOf("a", ["b", "c"])]))
    expect(ranking.usage).toMatchObject({ promptTokens: 10, cachedTokens: 7 })
  })

  it("'silent truncation': says which documents were cut, each hit of an equal text too", async () => {
    const long = Array.from({ length: 30 }, (_, at) => `word${at}`).join(" ")
    const before = {
      ...rankingOf("word3", [long, "word3", long]),
      warnings: [{ code: "truncated", count: 2, ids: ["x", "y"] } as const],
    }
    const ranking = await one(pointwise(fakeScorer()).rerank([before]))
    expect(warning(ranking, "truncated")).toEqual({ code: "truncated", count: 4, ids: ["x", "y", "q-0", "q-2"] })
    expect(ranking.usage.truncated).toBe(2)
  })

  it("leaves hits without document or text below, in their order, and says so once", async () => {
    const scorer = fakeScorer()
    const texts = [undefined, " \n", "granite", undefined, "fish"]
    const ranking = await one(pointwise(scorer).rerank([rankingOf("fish", texts)]))
    expect(idsOf(ranking)).toEqual(["q-4", "q-2", "q-0", "q-1", "q-3"])
    expect(warning(ranking, "missing-document")).toEqual({ code: "missing-document", count: 2, ids: ["q-0", "q-3"] })
    expect(warning(ranking, "missing-text")).toEqual({ code: "missing-text", count: 1, ids: ["q-1"] })
    expect(scorer.requests[0]).toHaveLength(2)
    const store = new MemoryDocumentStore([{ id: "q-0", text: "fish" }])
    const hydrated = await hydrate(store).rerank([rankingOf("fish", [undefined, undefined])])
    const after = await one(pointwise(scorer).rerank(hydrated))
    expect(warning(after, "missing-document")).toEqual({ code: "missing-document", count: 1, ids: ["q-1"] })
  })

  it("'failure hidden as success': refuses rankings without any document instead of handing them back", async () => {
    const reranker = pointwise(fakeScorer())
    const bare = rankingOf("fish", [undefined, undefined])
    await expect(reranker.rerank([bare])).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining("hydrate"),
    })
    const [marked, fine] = await reranker.rerank([bare, rankingOf("fish", ["heron", "fish"], "b")], { onError: "mark" })
    expect(marked).toMatchObject({ status: "failed", error: { code: "argument" } })
    expect(marked!.hits).toEqual(bare.hits)
    expect(idsOf(fine!)).toEqual(["b-1", "b-0"])
  })

  it("does not score an empty query, and says so", async () => {
    const scorer = fakeScorer()
    const ranking = await one(pointwise(scorer).rerank([rankingOf(" ", ["fish", "heron"])]))
    expect(scorer.requests).toEqual([])
    expect(idsOf(ranking)).toEqual(["q-0", "q-1"])
    expect(ranking.scoreKind).toBe("bm25")
    expect(warning(ranking, "empty-query")).toEqual({ code: "empty-query", count: 1 })
  })

  it("goes by positions, never by texts: documents, titles and ids may repeat or look like others", async () => {
    const ranking = rankingOf("fish", ["__proto__", "constructor", "fish"])
    const [first] = await pointwise(fakeScorer()).rerank([ranking])
    expect(idsOf(first!)).toEqual(["q-2", "q-0", "q-1"])
    const [again, same] = await pointwise(fakeScorer()).rerank([ranking, ranking])
    expect(again!.hits).toEqual(same!.hits)
  })

  it("reads titles with texts, and puts prompts around both as it is told", async () => {
    const scorer = fakeScorer()
    const hits = [{ id: "d", score: 1, document: { id: "d", title: "Herons", text: "stand still {query}" } }]
    const asked = { ...rankingOf("wading $& birds", []), hits }
    const instructed = { ...asked, query: { ...asked.query, instruction: "Find {query}:" } }
    await pointwise(scorer).rerank([instructed])
    expect(scorer.requests.pop()).toEqual([{ query: "wading $& birds", document: "Herons stand still {query}" }])
    const prompts = { query: "query: {query}", instructed: "{instruction} {query}", document: "passage: {document}." }
    await pointwise(scorer, { prompts }).rerank([asked, instructed])
    expect(scorer.requests.pop()).toEqual([
      { query: "query: wading $& birds", document: "passage: Herons stand still {query}." },
      { query: "Find {query}: wading $& birds", document: "passage: Herons stand still {query}." },
    ])
    for (const wrong of [{ query: "query:" }, { instructed: "{query}" }, { document: "{document} {document}" }])
      expect(() => pointwise(scorer, { prompts: wrong })).toThrow(/must have \{/)
  })

  it("gives hits the span of the window that won, as a part of the document's own text", async () => {
    const document = { id: "d", title: "Herons", text: "stand in shallow water" }
    const scorer = fakeScorer()
    const spans: Record<string, [number, number]> = { own: [7 + 2 + 6, 7 + 2 + 8], title: [0, 7 + 2 + 5] }
    const windowed = (span: [number, number]) => ({
      ...scorer,
      score: async () => ({ scores: [1], tokens: 1, truncated: [], lengths: [1], spans: [span] }),
    })
    const prompts = { document: "d {document}" }
    const before = { ...rankingOf("water", []), hits: [{ id: "d", score: 1, document }] }
    const own = await one(pointwise(windowed(spans.own!), { prompts }).rerank([before]))
    expect(document.text.slice(...own.hits[0]!.span!)).toBe("in")
    const title = await one(pointwise(windowed(spans.title!), { prompts }).rerank([before]))
    expect(title.hits[0]!.span).toEqual([0, 5])
  })

  it("explains its scores when asked to, and drops explanations of scores that are gone", async () => {
    const ranking = rankingOf("fish", ["fish"])
    const explained = { ...ranking, hits: [{ ...ranking.hits[0]!, explanation: { value: 100, description: "bm25" } }] }
    const plain = await one(pointwise(fakeScorer()).rerank([explained]))
    expect(plain.hits[0]!.explanation).toBeUndefined()
    const asked = await one(pointwise(fakeScorer()).rerank([explained], { explain: true }))
    expect(asked.hits[0]!.explanation).toEqual({ value: 1, description: "probability by fake" })
  })

  it("works inside a pipeline, on the first hits only", async () => {
    const retriever = fakeRetriever(conformanceDocuments)
    const stages = pipeline(retriever, top(2, pointwise(fakeScorer({ maxLength: 99 }))))
    const [ranking] = await stages.retrieve([{ id: "q", text: "fish in cold water" }], { explain: true })
    const [before] = await retriever.retrieve([{ id: "q", text: "fish in cold water" }])
    expect(ranking!.hits[0]!.id).toBe("penguins")
    expect(ranking!.hits[0]!.score).toBe(1)
    expect(idsOf(ranking!).slice(2)).toEqual(idsOf(before!).slice(2))
    expect(ranking!.stages.at(-1)!.stage).toBe("top(2, pointwise(fake))")
  })
})

describe("failures of pointwise scoring", () => {
  const odd = (value: number) => fakeScorer({ scoreOf: ({ document }) => (document === "odd" ? value : 0.5) })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "'failure hidden as success': %s fails its query, with code model",
    async (value) => {
      const rankings = [rankingOf("a", ["b", "c"], "x"), rankingOf("a", ["b", "odd", "c"], "y")]
      await expect(pointwise(odd(value)).rerank(rankings)).rejects.toMatchObject({
        code: "model",
        message: expect.stringMatching(/"y-1" and query "y"/),
      })
      const [fine, failed] = await pointwise(odd(value)).rerank(rankings, { onError: "mark" })
      expect(fine!.status).toBe("ranked")
      expect(failed).toMatchObject({ status: "failed", error: { code: "model" }, scoreKind: "bm25" })
      expect(failed!.hits).toEqual(rankings[1]!.hits)
    },
  )

  it("throws what the scorer throws, or marks only the queries at fault", async () => {
    const failing = () =>
      fakeScorer({
        before: (pairs) => {
          if (pairs.some(({ document }) => document === "bad")) throw new Error("out of memory")
        },
      })
    const rankings = [rankingOf("a", ["a", "b"], "x"), rankingOf("a", ["bad"], "y"), rankingOf("b", ["a", "b"], "z")]
    await expect(pointwise(failing()).rerank(rankings)).rejects.toMatchObject({
      code: "model",
      message: "out of memory",
    })
    const results = await pointwise(failing()).rerank(rankings, { onError: "mark" })
    expect(results.map(({ status }) => status)).toEqual(["ranked", "failed", "ranked"])
    expect(idsOf(results[2]!)).toEqual(["z-1", "z-0"])
  })

  it("refuses a scorer that answers fewer pairs than it was asked", async () => {
    const short = { ...fakeScorer(), score: async () => ({ scores: [1], tokens: 1, truncated: [] }) }
    await expect(pointwise(short).rerank([rankingOf("a", ["b", "c"])])).rejects.toMatchObject({
      code: "model",
      message: expect.stringContaining("1 scores for 2 pairs"),
    })
  })

  it("stops when told, also while the model is at work, and under mark", async () => {
    const scorer = fakeScorer()
    const ranking = rankingOf("a", ["b"])
    const signal = AbortSignal.abort()
    await expect(pointwise(scorer).rerank([ranking], { signal })).rejects.toMatchObject({ code: "aborted" })
    expect(scorer.requests).toEqual([])
    const controller = new AbortController()
    const patient = fakeScorer({
      before: (_, { signal: inner }) => {
        controller.abort()
        inner!.throwIfAborted()
      },
    })
    await expect(
      pointwise(patient).rerank([ranking], { signal: controller.signal, onError: "mark" }),
    ).rejects.toMatchObject({ code: "aborted" })
  })

  it("lets rankings that have failed pass by", async () => {
    const scorer = fakeScorer()
    const failed: Ranking = { ...rankingOf("a", ["b"]), status: "failed" }
    expect(await one(pointwise(scorer).rerank([failed]))).toBe(failed)
    expect(scorer.requests).toEqual([])
  })

  it("refuses a chunk that is no number", () => {
    expect(() => pointwise(fakeScorer(), { chunk: 0 })).toThrow(/chunk/)
  })
})
