import { connect } from "node:net"
import { describe, expect, it } from "vitest"
import { startServer } from "../../server/index.js"
import { openLog } from "../../server/observe/log.js"
import { ask } from "./toy-server.js"

const log = openLog("silent")
const request = { query: "how do birds sleep?", texts: ["Heat pumps move warmth.", "Swifts sleep while they fly."] }

describe("a running server", () => {
  it("says which address is taken, and leaves nothing behind", async () => {
    await using server = await startServer({ port: 0 }, { log })
    await expect(startServer({ port: server.port }, { log })).rejects.toMatchObject({ code: "argument" })
  })

  it("answers what is under way when it closes, and refuses what comes later", async () => {
    const server = await startServer({ port: 0 }, { log })
    const texts = Array.from({ length: 400 }, (_, index) => `a longer text about birds ${index} `.repeat(8))
    const answer = ask(`${server.url}/rerank`, { query: "birds", texts })
    // The request has arrived once the model has its rows.
    await expect
      .poll(async () => (await ask(`${server.url}/metrics`)).text)
      .toMatch(/rankine_batches_running\{model="default"\} [1-9]/)
    await server.close()
    const { status, json } = await answer
    expect(status).toBe(200)
    expect(json).toHaveLength(400)
    await expect(fetch(`${server.url}/health/live`)).rejects.toThrow()
  })

  it("takes another configuration without a gap, and keeps the old one where the new one is wrong", async () => {
    await using server = await startServer({ port: 0 }, { log })
    expect((await ask(`${server.url}/rerank`, request)).status).toBe(200)
    await server.reload({ rerankers: { other: "default" }, embedders: {} })
    const { json } = await ask(`${server.url}/v1/models`)
    expect((json.data as { id: string }[]).map(({ id }) => id)).toEqual(["other"])
    expect((await ask(`${server.url}/rerank`, request)).status).toBe(200)
    await expect(server.reload({ rerankers: { wrong: "no-such-model" } })).rejects.toMatchObject({ code: "not-found" })
    expect((await ask(`${server.url}/rerank`, request)).status).toBe(200)
  })

  it("gives up on a client that sends a byte now and then", async () => {
    await using server = await startServer({ port: 0, limits: { receiveSeconds: 1 } }, { log })
    const socket = connect(server.port, "127.0.0.1")
    socket.write("POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
    const drip = setInterval(() => socket.write(" "), 200)
    const said: string[] = []
    socket.on("data", (data) => said.push(String(data)))
    await new Promise((resolve) => socket.once("close", resolve))
    clearInterval(drip)
    expect(said.join("")).toMatch(/^HTTP\/1.1 408/)
    expect((await ask(`${server.url}/rerank`, request)).status).toBe(200)
  })

  it("answers 429 over the queue's bound, and 504 over the time", async () => {
    await using server = await startServer({ port: 0, limits: { waitingTokens: 2000 } }, { log })
    const texts = Array.from({ length: 60 }, (_, index) => `birds ${index} `.repeat(20))
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => ask(`${server.url}/rerank`, { query: "b", texts })),
    )
    const statuses = new Set(answers.map(({ status }) => status))
    expect(statuses).toEqual(new Set([200, 429]))
    expect(answers.find(({ status }) => status === 429)!.headers.get("retry-after")).toBe("1")
    await using hasty = await startServer({ port: 0, limits: { requestSeconds: 0.02 } }, { log })
    const long = Array.from({ length: 1000 }, (_, index) => `birds ${index} `.repeat(40))
    expect((await ask(`${hasty.url}/rerank`, { query: "b", texts: long })).status).toBe(504)
  })

  it("names every mistake of a configuration", async () => {
    const wrong = startServer({ port: 99999, keys: [{ name: "a", sha256: "plain" }] } as never, { log })
    await expect(wrong).rejects.toThrow(/port[\s\S]*sha256sum/)
  })
})
