import { createHash } from "node:crypto"
import { once } from "node:events"
import { connect } from "node:net"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import type { Service } from "../../../server/index.js"
import { RankineError } from "../../../src/core/index.js"
import { toyDialect } from "../toy-dialect.js"
import { ask, toyServer, toyService } from "../toy-server.js"

const dialects = [toyDialect("one", "texts"), toyDialect("two", "documents")]
const question = { query: "q", texts: ["a", "ccc", "bb"] }

describe("the application", () => {
  it("answers, with times and tokens in the headers", async () => {
    await using server = await toyServer(dialects)
    const { status, json, headers } = await ask(`${server.url}/rerank`, question)
    expect([status, json]).toEqual([200, { dialect: "one", order: [1, 2, 0] }])
    expect(headers.get("x-queue-time")).toBe("250")
    expect(headers.get("x-inference-time")).toBe("125")
    expect(headers.get("x-compute-tokens")).toBe("7")
  })

  it("lets the body decide where paths collide, and the prefix where a dialect stands alone", async () => {
    await using server = await toyServer(dialects)
    const documents = { query: "q", documents: ["a", "bb"] }
    expect((await ask(`${server.url}/rerank`, documents)).json.dialect).toBe("two")
    expect((await ask(`${server.url}/one/rerank`, documents)).json).toMatchObject({ dialect: "one" })
    expect((await ask(`${server.url}/one/rerank`, documents)).status).toBe(422)
  })

  it.each<[string, string | Uint8Array, number]>([
    ["half a body", '{"query": "q", ', 400],
    ["no body", "", 400],
    ["no UTF-8", Uint8Array.of(0x22, 0xff, 0x22), 400],
    ["deep nesting", "[".repeat(100_000) + "]".repeat(100_000), 400],
    ["a key that reaches into prototypes", '{"query":"q","texts":["a"],"__proto__":{"admin":true}}', 400],
    ["the same key, escaped", '{"query":"q","texts":["a"],"\\u005f_proto__":{"admin":true}}', 400],
    ["a body above the limit", JSON.stringify({ ...question, padding: "x".repeat(5000) }), 413],
    ["a zip bomb", gzipSync(JSON.stringify({ ...question, padding: "x".repeat(100_000) })), 413],
    ["wrong types", '{"query":1,"texts":"a"}', 422],
  ])("refuses %s in the dialect's words", async (what, body, status) => {
    await using server = await toyServer(dialects, { limits: { bodyBytes: what.startsWith("deep") ? 1e6 : 4096 } })
    const answer = await ask(
      `${server.url}/one/rerank`,
      body,
      what === "a zip bomb" ? { "content-encoding": "gzip" } : {},
    )
    expect(answer.status).toBe(status)
    expect(answer.json).toMatchObject({ dialect: "one", requestId: answer.headers.get("x-request-id") })
    expect(answer.text).not.toMatch(/node_modules|at .*:\d+/)
    expect(Object.prototype).not.toHaveProperty("admin")
  })

  it("takes a gzipped body and one without a content type", async () => {
    await using server = await toyServer(dialects)
    const zipped = await ask(`${server.url}/rerank`, gzipSync(JSON.stringify(question)), { "content-encoding": "gzip" })
    expect(zipped.json.order).toEqual([1, 2, 0])
    const plain = await ask(`${server.url}/rerank`, JSON.stringify(question), { "content-type": "text/plain" })
    expect(plain.json.order).toEqual([1, 2, 0])
  })

  it("keeps a client's request id where it is fit, and makes one where it is not", async () => {
    await using server = await toyServer(dialects)
    const fit = await ask(`${server.url}/rerank`, question, { "x-request-id": "abc-1" })
    expect(fit.headers.get("x-request-id")).toBe("abc-1")
    const unfit = await ask(`${server.url}/rerank`, question, { "x-request-id": 'a"b c' })
    expect(unfit.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/)
  })

  it("tells errors by the dialect's table, and nothing of its inside", async () => {
    const fail = (error: Error): Service =>
      toyService({
        rerank: async () => {
          throw error
        },
      })
    for (const [error, status] of [
      [new RankineError("busy", "full"), 429],
      [new RankineError("budget", "late"), 504],
      [new TypeError("secret of the house"), 500],
    ] as const) {
      await using server = await toyServer(dialects, {}, fail(error))
      const answer = await ask(`${server.url}/rerank`, question)
      expect(answer.status).toBe(status)
      expect(answer.text).not.toContain("secret")
      if (status === 429) expect(answer.headers.get("retry-after")).toBe("1")
      if (status === 500) expect(server.lines.join("")).toContain("secret of the house")
    }
  })

  it("gives no answer rather than a score that is no number", async () => {
    const results = [{ index: 0, score: Number.NaN }]
    const nan = toyService({
      rerank: async (call, caller) => ({ ...(await toyService().rerank(call, caller)), results }),
    })
    const shows = toyDialect("one", "texts")
    const route = shows.routes[0]!
    await using server = await toyServer(
      [
        {
          ...shows,
          routes: [
            {
              ...route,
              handle: async (_, caller, service) => ({
                body: await service.rerank({ query: "", documents: [] }, caller),
              }),
            },
          ],
        },
      ],
      {},
      nan,
    )
    expect((await ask(`${server.url}/rerank`, question)).status).toBe(500)
  })

  it("stops the work of a client that left", async () => {
    let state = "idle"
    const service = toyService({
      rerank: (_call, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            state = "stopped"
            reject(new RankineError("aborted", "left"))
          })
          state = "at work"
        }),
    })
    await using server = await toyServer(dialects, {}, service)
    const controller = new AbortController()
    const request = fetch(`${server.url}/rerank`, {
      method: "POST",
      body: JSON.stringify(question),
      signal: controller.signal,
    })
    const left = expect(request).rejects.toThrow()
    await expect.poll(() => state).toBe("at work")
    controller.abort()
    await left
    await expect.poll(() => state).toBe("stopped")
  })

  it("writes one line for a request, with no word of the documents", async () => {
    await using server = await toyServer(dialects)
    await ask(`${server.url}/rerank`, { query: "confidential question", texts: ["confidential text"] })
    await expect.poll(() => server.lines.length).toBe(1)
    const line = JSON.parse(server.lines[0]!)
    expect(line).toMatchObject({ dialect: "one", route: "/rerank", status: 200, tokens: 7, queueMilliseconds: 250 })
    expect(server.lines[0]).not.toContain("confidential")
  })

  it("counts for Prometheus", async () => {
    await using server = await toyServer(dialects)
    await ask(`${server.url}/rerank`, question)
    await ask(`${server.url}/rerank`, { query: 1, texts: [] })
    const { text } = await ask(`${server.url}/metrics`)
    expect(text).toContain('rankine_requests_total{dialect="one",route="/rerank",status="200"} 1')
    expect(text).toContain('rankine_request_failures_total{dialect="one",code="invalid"} 1')
    expect(text).toMatch(/rankine_nodejs_eventloop_lag_seconds /)
    expect(text).toMatch(/rankine_process_resident_memory_bytes \d/)
  })

  it("is live but not ready once it drains, and not ready where a model fails", async () => {
    await using server = await toyServer(dialects)
    expect((await ask(`${server.url}/health/ready`)).status).toBe(200)
    server.draining.abort()
    expect((await ask(`${server.url}/health/ready`)).status).toBe(503)
    expect((await ask(`${server.url}/health/live`)).status).toBe(200)
    const broken = toyService({
      check: async () => {
        throw new RankineError("model", "broken")
      },
    })
    await using other = await toyServer(dialects, {}, broken)
    expect((await ask(`${other.url}/health/ready`)).status).toBe(503)
  })

  it("says what is not there, path tricks included", async () => {
    await using server = await toyServer(dialects)
    expect((await ask(`${server.url}/nothing`, {})).status).toBe(404)
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1")
    socket.write("GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    const [data] = await once(socket, "data")
    expect(String(data)).toMatch(/^HTTP\/1.1 404/)
  })

  it("describes itself in OpenAPI 3.1", async () => {
    await using server = await toyServer(dialects, { keys: [{ name: "a", sha256: "0".repeat(64) }] })
    const { json } = await ask(`${server.url}/openapi.json`)
    expect(json.openapi).toMatch(/^3\.1/)
    expect(Object.keys(json.paths as object)).toEqual(["/rerank", "/one/rerank", "/two/rerank"])
    expect(json).toHaveProperty("security", [{ key: [] }])
    expect((await ask(`${server.url}/openapi`)).text).toContain("<code>/one/rerank</code>")
  })
})

describe("guards", () => {
  const sha256 = (key: string) => createHash("sha256").update(key).digest("hex")

  it("asks for a key where there are any, and takes each of the usual headers", async () => {
    await using server = await toyServer(dialects, {
      keys: [
        { name: "a", sha256: sha256("k1") },
        { name: "b", sha256: sha256("k2") },
      ],
    })
    const url = `${server.url}/rerank`
    expect((await ask(url, question)).status).toBe(401)
    expect((await ask(url, question, { authorization: "Bearer wrong" })).status).toBe(401)
    expect((await ask(url, question, { authorization: "Bearer k2" })).status).toBe(200)
    expect((await ask(url, question, { "x-api-key": "k1" })).status).toBe(200)
    expect((await ask(`${server.url}/metrics`)).status).toBe(401)
    expect((await ask(`${server.url}/health/live`)).status).toBe(200)
    expect(server.lines.join("")).not.toMatch(/k1|k2|wrong/)
  })

  it("limits by key: one key's requests do not use up another's", async () => {
    await using server = await toyServer(dialects, {
      keys: [
        { name: "a", sha256: sha256("k1"), requestsPerMinute: 2 },
        { name: "b", sha256: sha256("k2") },
      ],
    })
    const status = async (key: string) => (await ask(`${server.url}/rerank`, question, { "x-api-key": key })).status
    expect([await status("k1"), await status("k1"), await status("k1")]).toEqual([200, 200, 429])
    expect(await status("k2")).toBe(200)
  })

  it("lets pages of other origins ask only where they are named", async () => {
    await using server = await toyServer(dialects)
    const origin = { origin: "https://elsewhere.example" }
    expect((await ask(`${server.url}/rerank`, question, origin)).headers.get("access-control-allow-origin")).toBeNull()
    await using open = await toyServer(dialects, { cors: ["https://elsewhere.example"] })
    expect((await ask(`${open.url}/rerank`, question, origin)).headers.get("access-control-allow-origin")).toBe(
      "https://elsewhere.example",
    )
    const other = await ask(`${open.url}/rerank`, question, { origin: "https://third.example" })
    expect(other.headers.get("access-control-allow-origin")).not.toBe("https://third.example")
  })
})
