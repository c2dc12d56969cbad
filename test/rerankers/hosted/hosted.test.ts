import { setTimeout } from "node:timers/promises"
import { afterEach, describe, expect, it, vi } from "vitest"
import {
  type HostedOptions,
  type HostedProviderName,
  hosted,
  hostedProviders,
} from "../../../rerankers/hosted/index.js"
import { emptyRanking, type Hit, RankineError, type Ranking } from "../../../src/core/index.js"
import { conformanceRanking, describeReranker } from "../../conformance/reranker.js"
import { type Asked, type Reply, service } from "./service.js"

const KEY = "secret-key-0123456789"
const quick = { retry: { first: 0.001, longest: 0.01 } }

/** Answers in the shapes that the services document; scores are the lengths of the texts. */
const shapes: Record<HostedProviderName, (texts: readonly string[]) => unknown> = {
  cohere: (texts) => ({
    results: sorted(texts).map(({ index, score }) => ({ index, relevance_score: score })),
    id: "07734bd2-2473-4f07-94e1-0d9f0e6843cf",
    meta: { api_version: { version: "2", is_experimental: false }, billed_units: { search_units: 1 } },
  }),
  jina: (texts) => ({
    model: "jina-reranker-v2-base-multilingual",
    usage: { total_tokens: 815 },
    results: sorted(texts).map(({ index, score }) => ({ index, relevance_score: score })),
  }),
  voyage: (texts) => ({
    object: "list",
    data: sorted(texts).map(({ index, score }) => ({ index, relevance_score: score })),
    model: "rerank-2.5",
    usage: { total_tokens: 26 },
  }),
  mixedbread: (texts) => ({
    usage: { prompt_tokens: 57, total_tokens: 57, completion_tokens: 0 },
    model: "mixedbread-ai/mxbai-rerank-large-v2",
    data: sorted(texts).map(({ index, score }) => ({ index, score, input: null, object: "rank_result" })),
    object: "list",
    top_k: texts.length,
    return_input: false,
  }),
}

function sorted(texts: readonly string[]): { index: number; score: number }[] {
  return texts
    .map((text, index) => ({ index, score: text.length / 100 }))
    .sort((left, right) => right.score - left.score || left.index - right.index)
}

const textsIn = ({ body }: Asked) => (body.documents ?? body.input) as string[]
const answering = (name: HostedProviderName) => (asked: Asked) => ({ body: shapes[name](textsIn(asked)) })

function rankingOf(texts: readonly string[], id = "q"): Ranking {
  const hits = texts.map((text, i): Hit => ({ id: `d${i}`, score: texts.length - i, document: { id: `d${i}`, text } }))
  return { ...emptyRanking({ id, text: "what grows?" }, "bm25"), hits }
}

const idsOf = (ranking: Ranking | undefined) => ranking!.hits.map(({ id }) => id)

async function failing(name: HostedProviderName, reply: Reply, options: HostedOptions = {}): Promise<RankineError> {
  await using server = await service(() => reply)
  const reranker = hosted(name, { apiKey: KEY, baseUrl: server.baseUrl, retry: { retries: 0 }, ...options })
  const error = await reranker.rerank([rankingOf(["a", "b"])]).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(RankineError)
  return error as RankineError
}

afterEach(() => {
  vi.unstubAllEnvs()
})

let shared: Awaited<ReturnType<typeof service>> | undefined
describeReranker("hosted", async () => {
  shared ??= await service(answering("cohere"))
  return hosted("cohere", { apiKey: KEY, baseUrl: shared.baseUrl, maxDocuments: 3 })
})

describe("hosted", () => {
  for (const name of Object.keys(hostedProviders) as HostedProviderName[])
    it(`speaks ${name}: sends what it asks for, matches scores by index`, async () => {
      await using server = await service(answering(name))
      const reranker = hosted(name, { apiKey: KEY, baseUrl: server.baseUrl })
      const [ranking] = await reranker.rerank([rankingOf(["moss", "mushrooms", "oak", "birches"])])
      expect(idsOf(ranking)).toEqual(["d1", "d3", "d0", "d2"])
      expect(ranking!.hits[0]!.score).toBeCloseTo(0.09)
      expect(ranking).toMatchObject({ status: "ranked", scoreKind: "probability", warnings: [] })
      const tokens = { cohere: 0, jina: 815, voyage: 26, mixedbread: 57 }[name]
      expect(ranking!.usage).toMatchObject({ calls: 1, promptTokens: tokens })
      const [asked] = server.asked
      expect(asked!.path).toBe(
        { cohere: "/v2/rerank", jina: "/v1/rerank", voyage: "/v1/rerank", mixedbread: "/v1/reranking" }[name],
      )
      expect(asked!.headers.authorization).toBe(`Bearer ${KEY}`)
      const { model, query } = asked!.body
      expect({ model, query }).toEqual({ model: hostedProviders[name].model, query: "what grows?" })
      expect(asked!.body.top_n ?? asked!.body.top_k).toBe(4)
      expect(textsIn(asked!)).toEqual(["moss", "mushrooms", "oak", "birches"])
    })

  it("reads a cohere answer that counts tokens", async () => {
    const body = { results: [{ index: 0, relevance_score: 1 }], meta: { tokens: { input_tokens: 12 } } }
    await using server = await service(() => ({ body }))
    const [ranking] = await hosted("cohere", { apiKey: KEY, baseUrl: server.baseUrl }).rerank([rankingOf(["a"])])
    expect(ranking!.usage.promptTokens).toBe(12)
  })

  it("takes keys from the environment, the option before it, and says what is missing", async () => {
    await using server = await service(answering("jina"))
    vi.stubEnv("JINA_API_KEY", "")
    expect(() => hosted("jina")).toThrow(/JINA_API_KEY/)
    vi.stubEnv("JINA_API_KEY", "of-the-environment")
    await hosted("jina", { baseUrl: server.baseUrl }).rerank([rankingOf(["a"])])
    await hosted("jina", { baseUrl: server.baseUrl, apiKey: "given" }).rerank([rankingOf(["a"])])
    expect(server.asked.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer of-the-environment",
      "Bearer given",
    ])
    expect(() => hosted("jina", { apiKey: "two\nlines" })).toThrow(/line ends/)
  })

  it("sends lists longer than a request in several, side by side, and compares across them", async () => {
    await using server = await service(answering("voyage"))
    const reranker = hosted("voyage", { apiKey: KEY, baseUrl: server.baseUrl, maxDocuments: 3 })
    const texts = Array.from({ length: 8 }, (_, i) => "x".repeat(((i * 5) % 8) + 1))
    const [ranking] = await reranker.rerank([rankingOf(texts)])
    expect(server.asked.map((asked) => textsIn(asked).length).sort()).toEqual([2, 3, 3])
    expect(ranking!.hits.map(({ document }) => document!.text.length)).toEqual([8, 7, 6, 5, 4, 3, 2, 1])
    expect(ranking!.usage.calls).toBe(3)
  })

  it("ends at a budget of requests with everything in place", async () => {
    await using server = await service(answering("cohere"))
    const reranker = hosted("cohere", { apiKey: KEY, baseUrl: server.baseUrl, maxDocuments: 2 })
    const [ranking] = await reranker.rerank([rankingOf(["a", "bb", "ccc", "dddd", "e"])], { budget: { maxCalls: 1 } })
    expect(ranking!.status).toBe("partial")
    expect(idsOf(ranking)).toEqual(["d1", "d0", "d2", "d3", "d4"])
    expect(server.asked).toHaveLength(1)
  })

  it("drops indices that are none or come again, keeps what is left out below, and counts both", async () => {
    const results = [
      { index: 2, relevance_score: 0.9 },
      { index: 2, relevance_score: 0.1 },
      { index: 7, relevance_score: 0.8 },
      { index: -1, relevance_score: 0.8 },
      { index: 1.5, relevance_score: 0.8 },
      { index: "0", relevance_score: 0.8 },
      { index: 3, relevance_score: null },
      { index: 1, relevance_score: 0.2 },
      null,
    ]
    await using server = await service(() => ({ body: { results } }))
    const [ranking] = await hosted("cohere", { apiKey: KEY, baseUrl: server.baseUrl }).rerank([
      rankingOf(["a", "b", "c", "d"]),
    ])
    expect(idsOf(ranking)).toEqual(["d2", "d1", "d0", "d3"])
    expect(ranking!.hits[0]!.score).toBe(0.9)
    expect(ranking).toMatchObject({ status: "ranked", warnings: [{ code: "repaired", count: 1 }] })
  })

  it("tries again after 429 and 5xx and broken connections, as the service asks", async () => {
    const replies: Reply[] = [
      { status: 429, headers: { "retry-after": "0" }, body: { message: "slow down" } },
      { status: 503, body: "<html>busy</html>" },
      { broken: true },
    ]
    await using server = await service((asked, number) => replies[number] ?? answering("cohere")(asked))
    const reranker = hosted("cohere", { apiKey: KEY, baseUrl: server.baseUrl, ...quick })
    const [ranking] = await reranker.rerank([rankingOf(["a", "bb"])])
    expect(idsOf(ranking)).toEqual(["d1", "d0"])
    expect(server.asked).toHaveLength(4)
  })

  it("waits as long as Retry-After says", async () => {
    const reply = { status: 429, headers: { "retry-after": "1" } }
    await using server = await service((asked, number) => (number === 0 ? reply : answering("cohere")(asked)))
    const begun = performance.now()
    await hosted("cohere", { apiKey: KEY, baseUrl: server.baseUrl, ...quick, retry: { first: 0.001 } }).rerank([
      rankingOf(["a"]),
    ])
    expect(performance.now() - begun).toBeGreaterThanOrEqual(990)
  })

  it("says of every refusal what to do, keeps the key out, and does not ask in vain again", async () => {
    const cases: [HostedProviderName, number, unknown, string, RegExp][] = [
      [
        "cohere",
        401,
        { id: "x", message: `invalid api token ${KEY}` },
        "network",
        /set apiKey or COHERE_API_KEY.*invalid api token \[key\]/,
      ],
      ["jina", 402, { detail: "Insufficient balance" }, "network", /paid first.*top up.*Insufficient balance/],
      ["jina", 403, { detail: "AUTHZ_INSUFFICIENT_BALANCE" }, "network", /plan and the account's balance/],
      ["voyage", 400, { detail: "Model foo is not supported." }, "argument", /check model.*foo is not supported/],
      ["cohere", 422, { message: "query is too long" }, "argument", /refuses the request \(422\).*query is too long/],
      [
        "mixedbread",
        404,
        { type: "not_found", message: "no such model" },
        "model",
        /check model and baseUrl.*no such model/,
      ],
      ["cohere", 413, {}, "argument", /maxDocuments lower/],
      ["cohere", 429, { message: "trial key" }, "network", /requestsPerMinute.*trial key/],
      ["voyage", 500, { detail: "oops" }, "network", /try again later.*oops/],
      ["jina", 302, "", "network", /points elsewhere/],
      ["jina", 418, { error: { message: "teapot" } }, "model", /teapot/],
    ]
    for (const [name, status, body, code, message] of cases) {
      const error = await failing(name, { status, body })
      expect(error.code, error.message).toBe(code)
      expect(error.message).toMatch(message)
      expect(error.details.status).toBe(status)
      expect(JSON.stringify([error.message, error.details, error.stack])).not.toContain(KEY)
    }
    for (const status of [400, 401, 402, 403, 404, 413, 422]) {
      await using server = await service(() => ({ status }))
      const reranker = hosted("cohere", { apiKey: KEY, baseUrl: server.baseUrl, ...quick })
      await expect(reranker.rerank([rankingOf(["a"])])).rejects.toThrow()
      expect(server.asked, String(status)).toHaveLength(1)
    }
  })

  it("says how often it tried", async () => {
    const error = await failing("cohere", { status: 503 }, { retry: { retries: 2, first: 0.001 } })
    expect(error.message).toMatch(/after 3 tries/)
  })

  it("refuses answers that are none", async () => {
    expect((await failing("cohere", { body: "hello" })).message).toMatch(/no JSON object/)
    expect((await failing("cohere", { body: { data: [] } })).message).toMatch(/without scores/)
    expect((await failing("voyage", { body: [] })).code).toBe("model")
  })

  it("gives up silent services, and stops when the caller does", async () => {
    expect((await failing("jina", { silent: true }, { timeout: 0.05 })).message).toMatch(/no answer within 0.05 s/)
    await using server = await service(() => ({ silent: true }))
    const reranker = hosted("jina", { apiKey: KEY, baseUrl: server.baseUrl })
    const stopped = reranker.rerank([rankingOf(["a"])], { signal: AbortSignal.timeout(50), onError: "mark" })
    await expect(stopped).rejects.toMatchObject({ code: "aborted" })
    const closed = await service(() => ({}))
    await closed[Symbol.asyncDispose]()
    const gone = hosted("jina", { apiKey: KEY, baseUrl: closed.baseUrl, retry: { retries: 0 } })
    await expect(gone.rerank([rankingOf(["a"])])).rejects.toThrow(/cannot be reached \(ECONNREFUSED\)/)
  })

  it("marks the query that failed and goes on, where that is asked", async () => {
    await using server = await service((asked) =>
      textsIn(asked).includes("bad") ? { status: 422, body: { message: "no" } } : answering("cohere")(asked),
    )
    const reranker = hosted("cohere", { apiKey: KEY, baseUrl: server.baseUrl })
    const rankings = [rankingOf(["a", "bad"], "q1"), rankingOf(["a", "bb"], "q2")]
    const [bad, good] = await reranker.rerank(rankings, { onError: "mark" })
    expect(bad).toMatchObject({ status: "failed", error: { code: "argument" } })
    expect(idsOf(bad)).toEqual(["d0", "d1"])
    expect(idsOf(good)).toEqual(["d1", "d0"])
  })

  it("keeps to its number of requests at once", async () => {
    let open = 0
    let most = 0
    await using server = await service(async (asked) => {
      most = Math.max(most, ++open)
      await setTimeout(3)
      open--
      return answering("cohere")(asked)
    })
    const reranker = hosted("cohere", { apiKey: KEY, baseUrl: server.baseUrl, concurrency: 2, maxDocuments: 1 })
    await reranker.rerank([conformanceRanking(), conformanceRanking("q2")])
    expect(server.asked.length).toBeGreaterThan(8)
    expect(most).toBe(2)
  })

  it("sends further fields and prompts, and describes itself without the key", async () => {
    await using server = await service(answering("cohere"))
    const reranker = hosted("cohere", {
      apiKey: KEY,
      baseUrl: `${server.baseUrl}/v2/`,
      model: "rerank-multilingual-v3.0",
      extraBody: { max_tokens_per_doc: 512 },
      prompts: { query: "Q: {query}" },
    })
    await reranker.rerank([rankingOf(["a"])])
    expect(server.asked[0]).toMatchObject({
      path: "/v2/rerank",
      body: { model: "rerank-multilingual-v3.0", max_tokens_per_doc: 512, query: "Q: what grows?" },
    })
    const description = reranker.describe()
    expect(description).toMatchObject({ method: "hosted", service: "cohere", model: "rerank-multilingual-v3.0" })
    expect(JSON.stringify(description)).not.toContain(KEY)
  })

  it("refuses options out of range", () => {
    const apiKey = KEY
    expect(() => hosted("nobody" as "cohere", { apiKey })).toThrow(/cohere, jina, voyage, mixedbread/)
    expect(() => hosted("toString" as "cohere", { apiKey })).toThrow(/cohere/)
    expect(() => hosted("voyage", { apiKey, maxDocuments: 1001 })).toThrow(/1 to 1000/)
    expect(() => hosted("voyage", { apiKey, requestsPerMinute: 0 })).toThrow(/requestsPerMinute/)
    expect(() => hosted("voyage", { apiKey, timeout: Number.NaN })).toThrow(/timeout/)
    expect(() => hosted("voyage", { apiKey, baseUrl: "nowhere" })).toThrow(/no address/)
    expect(() => hosted("voyage", { apiKey, baseUrl: "ftp://a.b" })).toThrow(/https/)
    expect(() => hosted("voyage", { apiKey, model: " " })).toThrow(/model is empty/)
  })
})
