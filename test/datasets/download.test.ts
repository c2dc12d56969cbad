import { createHash, randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { download } from "../../datasets/download.js"
import { failure, folderWith } from "./helpers.js"
import { send, serve } from "./server.js"

const content = randomBytes(300_000)
const md5 = createHash("md5").update(content).digest("hex")
const quick = { backoffMilliseconds: 1 }

function target(): string {
  return join(folderWith(), "file.zip")
}

describe("download", () => {
  it("fetches a file and reports bytes", async () => {
    const server = await serve((request, response) => send(request, response, content))
    const path = target()
    const events: number[] = []
    await download(`${server.url}/file.zip`, path, { md5, onProgress: ({ done, total }) => events.push(done, total!) })
    expect(readFileSync(path).equals(content)).toBe(true)
    expect(events.at(-2)).toBe(content.length)
    expect(new Set(events.filter((_, index) => index % 2 === 1))).toEqual(new Set([content.length]))
    expect(readdirSync(join(path, ".."))).toEqual(["file.zip"])
  })

  it("goes on where a cut connection stopped", async () => {
    const server = await serve((request, response, number) =>
      send(request, response, content, { etag: '"one"', ...(number < 2 ? { cutAfter: 100_000 } : {}) }),
    )
    const path = target()
    await download(server.url, path, { ...quick })
    expect(readFileSync(path).equals(content)).toBe(true)
    expect(server.requests[0]!.range).toBeUndefined()
    expect(server.requests.slice(1)).toEqual([
      { path: "/", range: "bytes=100000-", ifRange: '"one"' },
      { path: "/", range: "bytes=200000-", ifRange: '"one"' },
    ])
  })

  it("goes on with what an earlier process left", async () => {
    const path = target()
    const first = await serve((request, response) =>
      send(request, response, content, { etag: '"one"', cutAfter: 50_000 }),
    )
    const stop = new AbortController()
    await failure(() =>
      download(first.url, path, {
        signal: stop.signal,
        onProgress: ({ done }) => done >= 50_000 && stop.abort(),
      }),
    )
    expect(existsSync(path)).toBe(false)
    await first.close()
    const kept = readFileSync(`${path}.part`).length
    expect(kept).toBe(50_000)
    const second = await serve((request, response) => send(request, response, content, { etag: '"one"' }))
    writeFileSync(`${path}.part.json`, JSON.stringify({ url: second.url, etag: '"one"' }))
    const seen: number[] = []
    await download(second.url, path, { md5, onProgress: ({ done }) => seen.push(done) })
    expect(seen[0]).toBe(50_000)
    expect(second.requests[0]!.range).toBe("bytes=50000-")
    expect(readFileSync(path).equals(content)).toBe(true)
  })

  it("starts again when the file on the server has changed", async () => {
    const path = target()
    const server = await serve((request, response, number) =>
      number === 0
        ? send(request, response, randomBytes(200_000), { etag: '"old"', cutAfter: 100_000 })
        : send(request, response, content, { etag: '"new"' }),
    )
    await download(server.url, path, { ...quick })
    expect(server.requests[1]!.ifRange).toBe('"old"')
    expect(readFileSync(path).equals(content)).toBe(true)
  })

  it("starts again where the server knows no ranges", async () => {
    const path = target()
    const server = await serve((request, response, number) =>
      send(request, response, content, { etag: '"a"', ranges: false, ...(number === 0 ? { cutAfter: 70_000 } : {}) }),
    )
    await download(server.url, path, { ...quick, md5 })
    expect(server.requests).toHaveLength(2)
    expect(readFileSync(path).equals(content)).toBe(true)
  })

  it("does not resume without a validator or a checksum, which nothing could tell from a mixture", async () => {
    const path = target()
    const server = await serve((request, response, number) =>
      send(request, response, content, number === 0 ? { cutAfter: 70_000 } : {}),
    )
    await download(server.url, path, { ...quick })
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, undefined])
    expect(readFileSync(path).equals(content)).toBe(true)
  })

  it("takes a part that is complete already", async () => {
    const path = target()
    const server = await serve((request, response) => send(request, response, content, { etag: '"a"' }))
    writeFileSync(`${path}.part`, content)
    writeFileSync(`${path}.part.json`, JSON.stringify({ url: server.url, etag: '"a"' }))
    await download(server.url, path, { md5 })
    expect(server.requests).toHaveLength(1)
    expect(readFileSync(path).equals(content)).toBe(true)
  })

  it("fetches afresh once when a resumed file has the wrong checksum", async () => {
    const path = target()
    const server = await serve((request, response) => send(request, response, content, { etag: '"a"' }))
    writeFileSync(`${path}.part`, randomBytes(1000))
    writeFileSync(`${path}.part.json`, JSON.stringify({ url: server.url, etag: '"a"' }))
    await download(server.url, path, { md5 })
    expect(server.requests.map(({ range }) => range)).toEqual(["bytes=1000-", undefined])
    expect(readFileSync(path).equals(content)).toBe(true)
  })

  it("refuses a wrong checksum and keeps nothing", async () => {
    const path = target()
    const server = await serve((request, response) => send(request, response, content))
    const error = await failure(() => download(server.url, path, { md5: "0".repeat(32) }))
    expect(error.code).toBe("checksum")
    expect(error.details).toMatchObject({ expected: "0".repeat(32), actual: md5 })
    expect(readdirSync(join(path, ".."))).toEqual([])
    expect(server.requests).toHaveLength(1)
  })

  it("waits and tries again on 503, not on 404 or 403", async () => {
    const server = await serve((request, response, number) =>
      number < 2 ? response.writeHead(503, { "retry-after": "0" }).end() : send(request, response, content),
    )
    await download(server.url, target(), { ...quick, md5 })
    expect(server.requests).toHaveLength(3)
    for (const [status, code] of [
      [404, "not-found"],
      [403, "network"],
    ] as const) {
      const refusing = await serve((_, response) => response.writeHead(status).end())
      const error = await failure(() => download(`${refusing.url}/x.zip`, target(), quick))
      expect(error.code).toBe(code)
      expect(error.message).toContain(`${refusing.url}/x.zip`)
      expect(refusing.requests).toHaveLength(1)
    }
  })

  it("gives up after some attempts without a byte", async () => {
    const server = await serve((_, response) => response.destroy())
    const error = await failure(() => download(server.url, target(), { ...quick, attempts: 3 }))
    expect(error.code).toBe("network")
    expect(server.requests).toHaveLength(3)
  })

  it("counts a silent connection as cut", async () => {
    const server = await serve((request, response, number) => {
      if (number > 0) return send(request, response, content)
      response.writeHead(200, { "content-length": content.length })
      response.write(content.subarray(0, 10))
    })
    const path = target()
    await download(server.url, path, { ...quick, idleMilliseconds: 100, md5 })
    expect(readFileSync(path).equals(content)).toBe(true)
  })

  it("says what it cannot write", async () => {
    const server = await serve((request, response) => send(request, response, content))
    const file = join(folderWith({ occupied: "x" }), "occupied")
    expect(await failure(() => download(server.url, join(file, "y.zip"), quick))).toMatchObject({ code: "storage" })
  })
})
