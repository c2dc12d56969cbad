import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { dialects } from "../../../server/dialects/index.js"
import { RankineError } from "../../../src/core/index.js"
import { ask, type ToyServer, toyServer, toyService } from "../toy-server.js"

const query = "q"
/** Ranked by length: 2, then 0 and 3 which tie, then 1. */
const texts = ["bb", "a", "ccc", "bb"]
const order = [2, 0, 3, 1]

interface Form {
  readonly path: string
  readonly request: (documents: unknown, more?: object) => object
  /** Where the results are, and what they call their score. */
  readonly results: (body: never) => { readonly index: number }[]
  readonly score: string
  readonly top: "top_n" | "top_k"
  readonly give: string
  readonly text: (result: never) => unknown
  readonly statuses: { readonly empty: number; readonly invalid: number }
}

type Body = { results: { index: number }[]; data: { index: number }[] }
const named = (documents: unknown, more = {}) => ({ model: "toy", query, documents, ...more })
const results = (body: Body) => body.results
const data = (body: Body) => body.data
const cohere: Form = {
  path: "/v2/rerank",
  request: named,
  results,
  score: "relevance_score",
  top: "top_n",
  give: "return_documents",
  text: ({ document }: { document?: { text: string } }) => document?.text,
  statuses: { empty: 400, invalid: 400 },
}
const jina: Form = { ...cohere, path: "/v1/rerank", statuses: { empty: 400, invalid: 422 } }

const forms: Record<string, Form> = {
  tei: {
    path: "/rerank",
    request: (documents: unknown, more?: object) => ({ query, texts: documents, ...more }),
    results: (body: { index: number }[]) => body,
    score: "score",
    top: "top_n",
    give: "return_text",
    text: ({ text }: { text?: string }) => text,
    statuses: { empty: 400, invalid: 422 },
  },
  "tei alone": {
    path: "/tei/rerank",
    request: (documents: unknown, more?: object) => ({ query, texts: documents, ...more }),
    results: (body: { index: number }[]) => body,
    score: "score",
    top: "top_n",
    give: "return_text",
    text: ({ text }: { text?: string }) => text,
    statuses: { empty: 400, invalid: 422 },
  },
  jina,
  "jina at /rerank": { ...jina, path: "/rerank" },
  "llama.cpp": { ...jina, path: "/v1/reranking" },
  "jina alone": { ...jina, path: "/jina/v1/rerank" },
  cohere,
  "cohere's first version": { ...cohere, path: "/cohere/v1/rerank" },
  vllm: { ...cohere, path: "/vllm/v1/rerank" },
  voyage: {
    ...cohere,
    path: "/voyage/v1/rerank",
    results: data,
    top: "top_k",
    text: ({ document }: { document?: string }) => document,
  },
  mixedbread: {
    path: "/mixedbread/v1/reranking",
    request: (documents: unknown, more?: object) => ({ model: "toy", query, input: documents, ...more }),
    results: data,
    score: "score",
    top: "top_k",
    give: "return_input",
    text: ({ input }: { input?: string }) => input,
    statuses: { empty: 400, invalid: 400 },
  },
} as unknown as Record<string, Form>

describe.each(Object.entries(forms))("%s", (_name, form) => {
  let server: ToyServer
  beforeAll(async () => {
    server = await toyServer(dialects, { limits: { bodyBytes: 64 * 2 ** 20 } })
  })
  afterAll(() => server[Symbol.asyncDispose]())
  const post = (documents: unknown, more?: object) => ask(server.url + form.path, form.request(documents, more))
  const indices = (json: unknown) => form.results(json as never).map(({ index }) => index)

  it("is sorted, ties by index, duplicates kept apart", async () => {
    const { status, json } = await post(texts)
    expect(status).toBe(200)
    expect(indices(json)).toEqual(order)
    const scores = form
      .results(json as never)
      .map((result) => (result as unknown as Record<string, number>)[form.score]!)
    expect(scores).toEqual([0.03, 0.02, 0.02, 0.01])
  })

  it("respects the limit, and takes one above the count", async () => {
    expect(indices((await post(texts, { [form.top]: 2 })).json)).toEqual(order.slice(0, 2))
    expect(indices((await post(texts, { [form.top]: 99 })).json)).toEqual(order)
    expect((await post(texts, { [form.top]: 0 })).status).toBe(form.statuses.invalid)
  })

  it("returns texts only where asked", async () => {
    const [first] = form.results((await post(texts)).json as never)
    expect(form.text(first as never)).toBeUndefined()
    const [given] = form.results((await post(texts, { [form.give]: true })).json as never)
    expect(form.text(given as never)).toBe("ccc")
  })

  it("takes objects with texts, and any language", async () => {
    const { json } = await post([{ text: "é" }, { title: "t", text: "漢字かな" }, "🏳️‍🌈🏳️‍🌈"])
    expect(indices(json)).toEqual([2, 1, 0])
  })

  it("refuses no documents, wrong types, and more than the limit; takes the limit itself", async () => {
    expect((await post([])).status).toBe(form.statuses.empty)
    expect((await post("text")).status).toBe(form.statuses.invalid)
    expect((await post([1, 2])).status).toBe(form.statuses.invalid)
    const many = await post(Array.from({ length: 10_001 }, () => "x"))
    expect(many.status).toBe(form.statuses.invalid)
    expect(many.text).toContain("10000")
    expect(form.results((await post(Array.from({ length: 10_000 }, () => "x"))).json as never)).toHaveLength(10_000)
  })

  it("says what failed by status, never with the order that came in", async () => {
    for (const [code, status] of [
      ["busy", 429],
      ["budget", 504],
      ["internal", 500],
      ["aborted", 499],
      ["storage", 507],
      ["network", 502],
    ] as const) {
      const failing = toyService({
        rerank: async () => {
          throw new RankineError(code, "inside")
        },
      })
      await using broken = await toyServer(dialects, {}, failing)
      const answer = await ask(broken.url + form.path, form.request(texts))
      const backend = form.give === "return_text"
      // TEI tells its clients of its backend by one status.
      expect(answer.status).toBe(backend && code === "network" ? 424 : backend && code === "storage" ? 500 : status)
      expect(answer.json).not.toHaveProperty("results")
      if (status >= 500 && status !== 504) expect(answer.text).not.toContain("inside")
    }
  })

  it("tells of a ranking that a budget ended, in a header and where the form has a place for it", async () => {
    const partial = toyService({
      rerank: async (call, caller) => ({ ...(await toyService().rerank(call, caller)), status: "partial" }),
    })
    await using server = await toyServer(dialects, {}, partial)
    const { headers, text } = await ask(server.url + form.path, form.request(texts))
    expect(headers.get("x-warnings")).toBe("status: partial")
    if (form.statuses.invalid !== 422 || form.give !== "return_text") expect(text).toContain("status: partial")
  })
})

describe("forms of errors", () => {
  it.each([
    ["/tei/rerank", { error: expect.any(String), error_type: "Validation" }],
    ["/jina/v1/rerank", { detail: [{ type: "value_error", loc: ["body", "query"], msg: expect.any(String) }] }],
    ["/cohere/v2/rerank", { id: expect.any(String), message: expect.stringContaining("query") }],
    ["/voyage/v1/rerank", { detail: expect.stringContaining("query") }],
    [
      "/vllm/v1/rerank",
      { error: { message: expect.any(String), type: "invalid_request_error", param: "query", code: 400 } },
    ],
    [
      "/mixedbread/v1/reranking",
      { type: "error", status: 400, message: expect.any(String), detail: expect.any(String) },
    ],
  ])("%s", async (path, body) => {
    await using server = await toyServer(dialects)
    expect((await ask(server.url + path, { documents: ["a"] })).json).toEqual(body)
  })
})

describe("TEI beside ranking", () => {
  it("embeds one text or many, and tells an empty list", async () => {
    await using server = await toyServer(dialects)
    expect((await ask(`${server.url}/embed`, { inputs: "abc" })).json).toEqual([[3, 1]])
    expect((await ask(`${server.url}/embed`, { inputs: ["a", "bb"], normalize: false })).json).toEqual([
      [1, 1],
      [2, 1],
    ])
    expect((await ask(`${server.url}/embed`, { inputs: [] })).json).toMatchObject({ error_type: "Empty" })
    expect((await ask(`${server.url}/info`)).json).toMatchObject({ model_id: "toy", max_client_batch_size: 10_000 })
    expect((await ask(`${server.url}/health`)).status).toBe(200)
  })
})

describe("the limits of a request", () => {
  it("reach the service", async () => {
    const calls: unknown[] = []
    const listening = toyService({
      rerank: async (call, caller) => {
        calls.push(call)
        return toyService().rerank(call, caller)
      },
    })
    await using server = await toyServer(dialects, {}, listening)
    await ask(`${server.url}/v2/rerank`, { query, documents: texts, max_tokens_per_doc: 5 })
    await ask(`${server.url}/voyage/v1/rerank`, { query, documents: texts, truncation: false })
    await ask(`${server.url}/rerank`, { query, texts, truncate: false })
    await ask(`${server.url}/v1/rerank`, { query, documents: texts, truncate_prompt_tokens: -1 })
    await ask(`${server.url}/score`, { text_1: "q", text_2: "a", truncate_prompt_tokens: 9 })
    expect(calls).toMatchObject([
      { maxDocumentTokens: 5, truncate: true },
      { truncate: false },
      { truncate: false },
      { maxPromptTokens: undefined },
      { maxPromptTokens: 9 },
    ])
  })

  it("of dimensions too", async () => {
    const dimensions: unknown[] = []
    const listening = toyService({
      embed: async (call, caller) => {
        dimensions.push(call.dimension)
        return toyService().embed(call, caller)
      },
    })
    await using server = await toyServer(dialects, {}, listening)
    await ask(`${server.url}/embed`, { inputs: "a", dimensions: 2 })
    await ask(`${server.url}/v1/embeddings`, { input: "a", dimensions: 3 })
    await ask(`${server.url}/voyage/v1/embeddings`, { input: "a", output_dimension: 4 })
    expect(dimensions).toEqual([2, 3, 4])
    const { status } = await ask(`${server.url}/voyage/v1/embeddings`, { input: "a", output_dtype: "int8" })
    expect(status).toBe(400)
  })
})

describe("models", () => {
  it("are listed once by name, with what each of the name does", async () => {
    const service = toyService({
      models: [
        { name: "default", task: "rerank", maxLength: 128 },
        { name: "default", task: "embed", dimension: 64 },
      ],
    })
    await using server = await toyServer(dialects, {}, service)
    const form = {
      id: "default",
      tasks: ["rerank", "embed"],
      models: [
        { task: "rerank", maxLength: 128 },
        { task: "embed", dimension: 64 },
      ],
    }
    expect((await ask(`${server.url}/v1/models`)).json).toMatchObject({ object: "list", data: [form] })
    expect((await ask(`${server.url}/v1/models/default`)).json).toMatchObject(form)
    const missing = await ask(`${server.url}/v1/models/other`)
    expect([missing.status, missing.text]).toEqual([404, expect.stringContaining("use default")])
  })
})

describe("vLLM's scores", () => {
  it("goes through one text and many, or many and many, in the order of the request", async () => {
    await using server = await toyServer(dialects)
    const scores = async (text_1: unknown, text_2: unknown) => {
      const { json } = await ask(`${server.url}/score`, { text_1, text_2 })
      return (json.data as { score: number }[] | undefined)?.map(({ score }) => score)
    }
    expect(await scores("q", ["a", "ccc", "bb"])).toEqual([0.01, 0.03, 0.02])
    expect(await scores(["q", "r", "q"], ["a", "ccc", "bb"])).toEqual([0.01, 0.03, 0.02])
    expect((await ask(`${server.url}/score`, { text_1: ["q", "r"], text_2: ["a", "b", "c"] })).status).toBe(400)
  })

  it("asks for few queries at a time, and adds up what they tell", async () => {
    let running = 0
    let most = 0
    const counting = toyService({
      rerank: async (call, caller) => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 1))
        running--
        const outcome = await toyService().rerank(call, caller)
        return { ...outcome, usage: { ...outcome.usage, truncated: 1 } }
      },
    })
    await using server = await toyServer(dialects, {}, counting)
    const queries = Array.from({ length: 200 }, (_, at) => `q${at}`)
    const { headers, json } = await ask(`${server.url}/score`, { text_1: queries, text_2: queries })
    expect(json).toMatchObject({ usage: { total_tokens: 1400 } })
    expect(headers.get("x-truncated")).toBe("200")
    expect(most).toBe(16)
  })
})
