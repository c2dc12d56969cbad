import { request } from "node:http"
import { gzipSync } from "node:zlib"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { type RunningServer, startServer } from "../../server/run.js"
import { ask } from "./toy-server.js"

let server: RunningServer
beforeAll(async () => {
  server = await startServer({ port: 0, log: "silent" })
})
afterAll(() => server.close())

const good = { query: "how do birds sleep", documents: ["Heat pumps move warmth.", "Swifts sleep while they fly."] }
const rerank = (body: unknown, path = "/v1/rerank") => ask(server.url + path, body)

/** Nothing of the code, the machine or its versions. */
const leaks = /node_modules|\.[jt]s:\d|\n? {4}at |SyntaxError|TypeError|\/home\/|\/work\/|onnxruntime/
afterEach(async () => {
  const { status, json } = await rerank(good)
  expect(status).toBe(200)
  expect((json as { results: { index: number }[] }).results.map(({ index }) => index)).toEqual([1, 0])
})

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`

describe("bodies that are wrong", () => {
  it.each<[string, string | Uint8Array, number]>([
    ["no JSON", "{", 400],
    ["text after JSON", "{} {}", 400],
    ["nothing", "", 400],
    ["no object", "[1]", 422],
    ["null", "null", 422],
    ["invalid UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d), 400],
    ["UTF-16", Buffer.from(JSON.stringify(good), "utf16le"), 400],
    ["a prototype key", `{"query": "q", "documents": ["a"], "__proto__": {"top_n": 1}}`, 400],
    ["a prototype key inside", `{"query": "q", "documents": [{"text": "a", "__proto__": {}}]}`, 400],
    ["100,000 levels", `{"query": "q", "documents": ${nested(100_000)}}`, 400],
    ["40 levels", `{"query": "q", "documents": ["a"], "x": ${nested(40)}}`, 400],
    ["a number as query", `{"query": 1, "documents": ["a"]}`, 422],
    ["numbers beyond double", `{"query": "q", "documents": ["a"], "top_n": 1e999}`, 422],
  ])("%s", async (_name, body, status) => {
    const answer = await rerank(body)
    expect([answer.status, answer.text]).toEqual([status, expect.not.stringMatching(leaks)])
  })

  it("`constructor` and `toString` are fields as any other", async () => {
    const { status } = await rerank(
      `{"query": "q", "documents": ["a"], "constructor": {"prototype": {}}, "toString": 1}`,
    )
    expect(status).toBe(200)
    expect(({} as { top_n?: unknown }).top_n).toBeUndefined()
  })
})

describe("texts that are hostile", () => {
  it.each<[string, string]>([
    ["one character", "a".repeat(200_000)],
    ["spaces", " ".repeat(200_000)],
    ["spaces and a letter", `${" ".repeat(200_000)}a`],
    ["combining marks", `e${"\u0301".repeat(100_000)}`],
    ["lone surrogates", "\ud800".repeat(1000)],
    ["zero-width characters", "\u200b".repeat(100_000)],
    ["NUL", "\0".repeat(10_000)],
    ["quotes and backslashes", '\\"'.repeat(50_000)],
    ["digits", "1234567890".repeat(20_000)],
    ["other directions", "\u202e\u2066שלום".repeat(10_000)],
    ["special tokens", "[CLS] [SEP] [MASK] [PAD] </s> <|endoftext|> ".repeat(1000)],
  ])(
    "%s, as document and as query",
    async (_name, text) => {
      for (const body of [
        { ...good, documents: [text, good.documents[1]] },
        { ...good, query: text },
      ]) {
        const { status, json } = await rerank(body)
        expect(status).toBe(200)
        for (const { relevance_score } of (json as { results: { relevance_score: number }[] }).results) {
          expect(relevance_score).toBeGreaterThanOrEqual(0)
          expect(relevance_score).toBeLessThanOrEqual(1 + 1e-6)
        }
      }
    },
    30_000,
  )
})

describe("requests that are too much", () => {
  it("a body of 200 MB gets 413 and is not held", async () => {
    const before = process.memoryUsage().rss
    const chunk = Buffer.alloc(2 ** 20, 0x61)
    const status = await new Promise<number | string>((resolve, reject) => {
      const outgoing = request(`${server.url}/v1/rerank`, { method: "POST" }, (response) => {
        response.resume()
        resolve(response.statusCode!)
      })
      // The server may close before all of it was sent.
      outgoing.on("error", (error: NodeJS.ErrnoException) =>
        error.code === "ECONNRESET" || error.code === "EPIPE" ? resolve("closed") : reject(error),
      )
      let sent = 0
      const more = () => {
        while (sent < 200 && !outgoing.destroyed) {
          sent++
          if (!outgoing.write(chunk)) return void outgoing.once("drain", more)
        }
        if (!outgoing.destroyed) outgoing.end()
      }
      more()
    })
    expect(["closed", 413]).toContain(status)
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20)
  }, 30_000)

  it("a length that says 200 MB gets 413 at once", async () => {
    const status = await new Promise((resolve, reject) => {
      const outgoing = request(
        `${server.url}/v1/rerank`,
        { method: "POST", headers: { "content-length": String(200 * 2 ** 20) } },
        (response) => {
          resolve(response.statusCode)
          outgoing.destroy()
        },
      )
      outgoing.on("error", reject)
      outgoing.write("{")
    })
    expect(status).toBe(413)
  })

  it("a compressed body counts by what it becomes", async () => {
    const body = gzipSync(Buffer.alloc(64 * 2 ** 20, 0x20))
    const { status } = await ask(`${server.url}/v1/rerank`, body, { "content-encoding": "gzip" })
    expect(status).toBe(413)
    const small = await ask(`${server.url}/v1/rerank`, gzipSync(JSON.stringify(good)), { "content-encoding": "gzip" })
    expect(small.status).toBe(200)
    const broken = await ask(`${server.url}/v1/rerank`, Buffer.from("no gzip"), { "content-encoding": "gzip" })
    expect(broken.status).toBe(400)
    expect((await ask(`${server.url}/v1/rerank`, "{}", { "content-encoding": "zstd" })).status).toBe(415)
  })

  it("10,000 documents are ranked, 10,001 get the limit's error", async () => {
    const documents = Array.from({ length: 10_000 }, (_, at) => `swift number ${at}`)
    const { status, json } = await rerank({ query: "swift 77", documents })
    expect(status).toBe(200)
    const { results } = json as { results: { index: number }[] }
    expect(new Set(results.map(({ index }) => index)).size).toBe(10_000)
    const more = await rerank({ query: "swift", documents: [...documents, "x"] })
    expect([more.status, more.text]).toEqual([422, expect.stringContaining("10000")])
  }, 120_000)
})

describe("paths and methods", () => {
  it.each([
    ["GET", "/v1/rerank", [404, 405]],
    ["PATCH", "/v1/rerank", [404, 405]],
    ["POST", "/nothing", [404]],
    ["GET", "/v1/indexes/..%2f..%2fetc%2fpasswd", [404, 400]],
    ["DELETE", "/v1/indexes/..%2f..%2ftmp", [404, 400]],
    ["GET", "/v1/indexes/%00", [404, 400]],
    ["GET", "/v1/indexes/__proto__", [404, 400]],
    ["GET", "/v1/models/constructor", [404]],
    ["GET", "/%E0%A4%A", [400, 404]],
    ["GET", "/v1/models/%E0%A4%A", [400]],
    ["OPTIONS", "/v1/rerank", [200, 204, 404]],
    ["HEAD", "/health", [200]],
  ])("%s %s", async (method, path, statuses) => {
    const response = await fetch(server.url + path, { method })
    expect(statuses).toContain(response.status)
    expect(await response.text()).not.toMatch(leaks)
  })

  it("refuses headers that are too large", async () => {
    const response = await fetch(`${server.url}/health`, { headers: { "x-large": "a".repeat(100_000) } })
    expect(response.status).toBe(431)
  })
})
