import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type RunningServer, startServer } from "../../../server/index.js"
import { openLog } from "../../../server/observe/log.js"

const log = openLog("silent")
const documents = [
  {
    id: "swift",
    title: "Swifts",
    text: "The common swift sleeps on the wing.",
    metadata: { year: 2021, kind: "bird" },
  },
  { id: "bat", text: "Bats sleep hanging upside down in caves.", metadata: { year: 2019, kind: "mammal" } },
  { id: "pump", text: "Heat pumps move warmth from outside.", metadata: { year: 2024 } },
  { id: "owl", text: "Owls sleep by day and hunt at night.", metadata: { year: 2020, kind: "bird" } },
]

interface Ranked {
  readonly results: readonly { id: string; rank: number; score: number; document?: { title?: string; text: string } }[]
  readonly stages: readonly { stage: string; hits?: readonly { id: string }[] }[]
}
const ids = (ranking: unknown) => (ranking as Ranked).results.map(({ id }) => id)

let data: string
let server: RunningServer
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "rankine-api-"))
  server = await startServer({ port: 0, data, pipelines: { plain: [], judged: [{ reranker: "default" }] } }, { log })
  await call("PUT", "/v1/indexes/facts/documents", { documents })
})
afterAll(async () => {
  await server.close()
  await rm(data, { recursive: true, force: true })
})

async function call(method: string, path: string, body?: unknown, base = server.url) {
  const response = await fetch(base + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  })
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    json: (await response.json()) as Record<string, unknown>,
  }
}
const search = (body: object) => call("POST", "/v1/search", { index: "facts", ...body })

describe("searches", () => {
  it("ranks by the index and then by the pipeline, with texts", async () => {
    const { status, json } = await search({ query: "how do birds sleep?" })
    expect(status).toBe(200)
    expect(json).toMatchObject({
      index: "facts",
      pipeline: "plain",
      status: "ranked",
      score_kind: "bm25",
      warnings: [],
    })
    expect(ids(json).sort()).toEqual(["bat", "owl", "swift"])
    const [first] = (json as unknown as Ranked).results
    expect(first!.rank).toBe(1)
    expect(first!.document!.text).toMatch(/sleep/)
    const judged = await search({ query: "how do birds sleep?", pipeline: "judged", return_documents: false })
    for (const { score, document } of (judged.json as unknown as Ranked).results) {
      expect(score).toBeGreaterThanOrEqual(0)
      expect(score).toBeLessThanOrEqual(1)
      expect(document).toBeUndefined()
    }
  })

  it("answers a list of queries in their order, each as it would be alone", async () => {
    const queries = ["sleep on the wing", "warmth", "nothing of the kind xyzzy"]
    const { json } = await search({ query: queries })
    const rankings = json.rankings as Ranked[]
    expect(rankings.map(ids)).toEqual(
      await Promise.all(queries.map(async (query) => ids((await search({ query })).json))),
    )
    expect(ids(rankings[2])).toEqual([])
  })

  it("filters before it counts", async () => {
    const birds = await search({ query: "sleep", top_k: 2, filter: { kind: "bird" } })
    expect(ids(birds.json).sort()).toEqual(["owl", "swift"])
    const late = await search({ query: "sleep", filter: { $and: [{ year: { $gte: 2020 } }, { id: { $ne: "owl" } }] } })
    expect(ids(late.json)).toEqual(["swift"])
    for (const filter of [{ year: { $near: 1 } }, { $or: 3 }, { year: { $in: 3 } }, { year: [1] }, { $gt: 1 }]) {
      const { status, json } = await search({ query: "sleep", filter })
      expect(status, JSON.stringify(filter)).toBe(400)
      expect(json.detail).toMatch(/\$|list/)
    }
  })

  it("explains, with the order after each stage", async () => {
    const { json } = await search({ query: "how do birds sleep?", pipeline: "judged", explain: true })
    const { stages, results } = json as unknown as Ranked
    expect(stages.length).toBeGreaterThanOrEqual(2)
    for (const { hits } of stages) expect(hits!.map(({ id }) => id).sort()).toEqual(["bat", "owl", "swift"])
    expect(stages.at(-1)!.hits!.map(({ id }) => id)).toEqual(ids({ results }))
    const plain = await search({ query: "sleep", explain: true })
    const [{ score, explanation }] = plain.json.results as [{ score: number; explanation: { value: number } }]
    expect(explanation.value).toBeCloseTo(score, 5)
  })

  it.each([
    ["no query", {}, 400, /query/],
    ["top_k of 0", { query: "a", top_k: 0 }, 400, /top_k/],
    ["too many queries", { query: Array(65).fill("a") }, 400, /query/],
    ["an index that is not there", { query: "a", index: "none" }, 404, /none/],
    ["a name that is a path", { query: "a", index: "../../etc" }, 404, /index/],
    ["an inherited name", { query: "a", index: "__proto__" }, 404, /index/],
    ["a pipeline that is not there", { query: "a", pipeline: "constructor" }, 404, /plain, judged/],
  ])("refuses %s", async (_, body, status, message) => {
    const answer = await search(body)
    expect(answer.status).toBe(status)
    expect(answer.type).toMatch(/^application\/problem\+json/)
    expect(answer.json).toMatchObject({ type: "about:blank", status })
    expect(answer.json.detail).toMatch(message)
    expect(answer.json.requestId).toEqual(expect.any(String))
  })
})

describe("streams", () => {
  async function events(body: object) {
    const response = await fetch(`${server.url}/v1/search/stream`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ index: "facts", ...body }),
    })
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/)
    return (await response.text())
      .split("\n\n")
      .map((block) => ({ event: block.match(/^event: (.*)$/m)?.[1], data: block.match(/^data: (.*)$/m)?.[1] }))
      .filter(({ data }) => data !== undefined)
      .map(({ event, data }) => ({ event, data: JSON.parse(data!) as Record<string, unknown> }))
  }

  it("sends first hits, then the ranking that the whole answer has", async () => {
    const query = "how do birds sleep?"
    const told = await events({ query, pipeline: "judged" })
    expect(told[0]!.event).toBe("hits")
    expect(told.at(-1)!.event).toBe("done")
    expect(told.filter(({ event }) => event === "done")).toHaveLength(1)
    expect(ids(told[0]!.data).sort()).toEqual(["bat", "owl", "swift"])
    const whole = await search({ query, pipeline: "judged" })
    expect((told.at(-1)!.data as unknown as Ranked).results).toEqual((whole.json as unknown as Ranked).results)
  })

  it("tells an error as an event, in this dialect's form", async () => {
    const response = await call("POST", "/v1/search/stream", { query: "a", index: "none" })
    expect(response.status).toBe(404)
    expect((await call("POST", "/v1/search/stream", { query: ["a"], index: "facts" })).status).toBe(400)
  })
})

describe("indexes", () => {
  it("are made, filled, changed, listed and removed", async () => {
    const path = "/v1/indexes/notes"
    expect((await call("GET", path)).status).toBe(404)
    expect((await call("PUT", path, { retriever: { bm25: { analyzer: "german" } } })).status).toBe(201)
    expect((await call("PUT", path, { retriever: { bm25: { analyzer: "german" } } })).status).toBe(200)
    const other = await call("PUT", path, { retriever: "dense" })
    expect(other.status).toBe(409)
    expect(other.json.detail).toMatch(/notes/)
    const empty = await call("POST", "/v1/search", { index: "notes", query: "Häuser" })
    expect([empty.status, ids(empty.json)]).toEqual([200, []])
    const notes = [
      { id: "1", text: "Ein Haus am See" },
      { id: "2", text: "Zwei Bäume" },
    ]
    expect((await call("POST", `${path}/documents`, { documents: notes })).json).toEqual({
      index: "notes",
      affected: 2,
      documents: 2,
    })
    const found = await call("POST", "/v1/search", { index: "notes", query: "Häuser" })
    expect(ids(found.json)).toEqual(["1"])
    await call("POST", `${path}/documents`, { documents: [{ id: "1", text: "Ein Garten" }] })
    expect(ids((await call("POST", "/v1/search", { index: "notes", query: "Häuser" })).json)).toEqual([])
    const deleted = await call("DELETE", `${path}/documents`, { ids: ["2", "not there"] })
    expect(deleted.json).toEqual({ index: "notes", affected: 1, documents: 1 })
    await call("PUT", `${path}/documents`, { documents: [{ id: "3", text: "Neu" }] })
    expect((await call("GET", path)).json).toMatchObject({
      name: "notes",
      documents: 1,
      writable: true,
      status: "ready",
    })
    const { json } = await call("GET", "/v1/indexes")
    expect((json.indexes as { name: string }[]).map(({ name }) => name)).toEqual(["facts", "notes"])
    expect((await call("DELETE", path)).json).toEqual({ index: "notes", affected: 1, documents: 0 })
    expect((await call("GET", path)).status).toBe(404)
  })

  it("take no half of a request that is wrong somewhere", async () => {
    const before = (await call("GET", "/v1/indexes/facts")).json.documents
    for (const [body, place] of [
      [{ documents: [documents[0], { id: "x" }] }, "documents.1.text"],
      [{ documents: [{ id: "", text: "a" }] }, "documents.0.id"],
      [{ documents: [{ id: 7, text: "a" }] }, "documents.0.id"],
      [{ documents: Array(10_001).fill({ id: "a", text: "b" }) }, "documents"],
    ] as const) {
      const { status, json } = await call("POST", "/v1/indexes/facts/documents", body)
      expect(status).toBe(400)
      expect((json.errors as { path: string }[])[0]!.path).toBe(place)
    }
    expect((await call("GET", "/v1/indexes/facts")).json.documents).toBe(before)
  })

  it.each(["..%2f..%2fetc", "a%2fb", "a%00b", ".hidden", "%2e%2e", "A B", "x".repeat(200), "nul%5c"])(
    "no index has the name %s",
    async (name) => {
      const { status } = await call("POST", `/v1/indexes/${name}/documents`, { documents: [{ id: "a", text: "b" }] })
      expect([400, 404]).toContain(status)
      const { json } = await call("GET", "/v1/indexes")
      expect((json.indexes as { name: string }[]).map(({ name }) => name)).toEqual(["facts"])
    },
  )

  it("last beyond a new configuration, and beyond a new server", async () => {
    const other = await mkdtemp(join(tmpdir(), "rankine-api-"))
    const config = { port: 0, rerankers: {}, embedders: {}, data: other }
    const first = await startServer(config, { log })
    await call("POST", "/v1/indexes/kept/documents", { documents }, first.url)
    const ask = (url: string) => call("POST", "/v1/search", { query: "sleep on the wing", top_k: 1 }, url)
    await first.reload({ ...config, pipelines: { other: [] } })
    const { json } = await ask(first.url)
    expect([json.pipeline, ids(json)]).toEqual(["other", ["swift"]])
    await first.close()
    await using second = await startServer(config, { log })
    expect(ids((await ask(second.url)).json)).toEqual(["swift"])
  })

  it("are not to be had without a folder, and the error says what to do", async () => {
    await using bare = await startServer({ port: 0, rerankers: {}, embedders: {} }, { log })
    const { status, json } = await call("POST", "/v1/indexes/a/documents", { documents }, bare.url)
    expect(status).toBe(404)
    expect(json.detail).toMatch(/data/)
    expect((await call("GET", "/v1/indexes", undefined, bare.url)).json).toMatchObject({ indexes: [], writable: false })
    expect((await call("POST", "/v1/search", { query: "a" }, bare.url)).status).toBe(404)
  })
})
