import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { cacheDirectory, fetchDataset, listDatasets, openDataset } from "../../datasets/index.js"
import { withLock } from "../../datasets/lock.js"
import { beirFiles, collect, failure, folderWith, zip } from "./helpers.js"
import { send, serve } from "./server.js"

const archive = zip(Object.fromEntries(Object.entries(beirFiles).map(([path, text]) => [`scifact/${path}`, text])))
const md5 = createHash("md5").update(archive).digest("hex")
const quick = { backoffMilliseconds: 1, attempts: 2 }

describe("data sets by name", () => {
  it("downloads, checks and unpacks once, then reads from the cache", async () => {
    const server = await serve((request, response) => send(request, response, archive))
    const cacheDir = folderWith({ "datasets/scifact.unpack-killed/x": "left by a killed process" })
    const stages = new Set<string>()
    const options = { cacheDir, baseUrl: `${server.url}/`, md5 }
    const dataset = await openDataset("SciFact", { ...options, onProgress: ({ stage }) => stages.add(stage) })
    expect(dataset).toMatchObject({ name: "scifact", split: "test" })
    expect(await collect(dataset.documents())).toHaveLength(4)
    expect(stages).toEqual(new Set(["download", "unpack"]))
    await openDataset("scifact", options)
    expect(server.requests.map(({ path }) => path)).toEqual(["/scifact.zip"])
    expect(readdirSync(join(cacheDir, "datasets"))).toEqual(["scifact"])
  })

  it("fetches once for callers at the same time", async () => {
    const server = await serve((request, response) => send(request, response, archive))
    const options = { cacheDir: folderWith(), baseUrl: server.url, md5 }
    const folders = await Promise.all([1, 2, 3].map(() => fetchDataset("scifact", options)))
    expect(new Set(folders).size).toBe(1)
    expect(server.requests).toHaveLength(1)
  })

  it("checks against the published MD5 unless told otherwise", async () => {
    const server = await serve((request, response) => send(request, response, archive))
    const options = { cacheDir: folderWith(), baseUrl: server.url }
    const error = await failure(() => fetchDataset("scifact", options))
    expect(error).toMatchObject({ code: "checksum", details: { expected: "5f7d1de60b170fc8027bb7898e2efca1" } })
    expect(existsSync(join(await fetchDataset("scifact", { ...options, md5: false }), "corpus.jsonl"))).toBe(true)
  })

  it("says what to do without a connection", async () => {
    const server = await serve(() => {})
    await server.close()
    const cacheDir = folderWith()
    const error = await failure(() => fetchDataset("nfcorpus", { cacheDir, baseUrl: server.url, transfer: quick }))
    expect(error.code).toBe("network")
    for (const part of [`${server.url}/nfcorpus.zip`, cacheDir, "--data DIR"]) expect(error.message).toContain(part)
  })

  it("says where it looked when the server has no such file", async () => {
    const server = await serve((_, response) => response.writeHead(404).end())
    const error = await failure(() => fetchDataset("nfcorpus", { cacheDir: folderWith(), baseUrl: server.url }))
    expect(error.code).toBe("not-found")
    expect(error.message).toContain(`${server.url}/nfcorpus.zip`)
  })

  it.each([
    ["leads out of its folder", zip({ "scifact/corpus.jsonl": "{}", "scifact/../../evil.txt": "x" })],
    ["holds a link", zip({ "scifact/corpus.jsonl": "/etc/passwd" }, (0o120777 << 16) >>> 0)],
    ["is no archive", Buffer.from("<html>maintenance</html>")],
  ])("leaves nothing behind of an archive that %s", async (_, bytes) => {
    const server = await serve((request, response) => send(request, response, bytes))
    const cacheDir = folderWith()
    const error = await failure(() => fetchDataset("scifact", { cacheDir, baseUrl: server.url, md5: false }))
    expect(error.code).toBe("data")
    expect(readdirSync(join(cacheDir, "datasets"))).toEqual([])
    expect(readdirSync(cacheDir)).toEqual(["datasets"])
  })

  it("refuses unknown names and those that are not to be had", async () => {
    expect((await failure(() => fetchDataset("nfcropus"))).message).toContain("did you mean nfcorpus")
    expect((await failure(() => fetchDataset("dl19"))).message).toContain("cannot be fetched by name")
  })

  it("opens one forum out of the archive of all twelve", async () => {
    const files = Object.entries(beirFiles).flatMap(([path, text]) =>
      ["android", "tex"].map((forum): [string, string] => [`cqadupstack/${forum}/${path}`, text]),
    )
    const bytes = zip(Object.fromEntries(files))
    const server = await serve((request, response) => send(request, response, bytes))
    const dataset = await openDataset("cqadupstack-tex", { cacheDir: folderWith(), baseUrl: server.url, md5: false })
    expect(dataset.name).toBe("cqadupstack-tex")
    expect(dataset.queries[0]!.excludedIds).toEqual(["q1"])
    expect(server.requests[0]!.path).toBe("/cqadupstack.zip")
  })

  it("keeps downloads where RANKINE_CACHE says", () => {
    const before = process.env.RANKINE_CACHE
    process.env.RANKINE_CACHE = "/somewhere"
    expect(cacheDirectory()).toBe("/somewhere")
    expect(cacheDirectory("/else")).toBe("/else")
    delete process.env.RANKINE_CACHE
    expect(cacheDirectory()).toMatch(/\.cache[\\/]rankine$/)
    if (before !== undefined) process.env.RANKINE_CACHE = before
  })
})

describe("the registry", () => {
  it("has BEIR's public sets with well-formed sums, and no name twice", () => {
    const entries = listDatasets()
    const fetched = entries.filter((entry) => entry.url)
    expect(fetched).toHaveLength(15)
    for (const entry of fetched) expect(entry.md5).toMatch(/^[0-9a-f]{32}$/)
    for (const entry of fetched) expect(entry.bytes).toBeGreaterThan(1e6)
    expect(new Set(fetched.map((entry) => entry.md5)).size).toBe(15)
    expect(new Set(entries.map((entry) => entry.name)).size).toBe(entries.length)
    expect(JSON.parse(JSON.stringify(entries))).toEqual(entries)
  })
})

describe("withLock", () => {
  it("lets one at a time in, and the next one after an error", async () => {
    const path = join(folderWith(), "lock")
    let inside = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++inside)
      await delay(10)
      inside--
    }
    const broken = withLock(path, () => Promise.reject(new Error("no")), { staleMilliseconds: 1000 })
    await expect(broken).rejects.toThrow("no")
    await Promise.all([1, 2, 3].map(() => withLock(path, work, { staleMilliseconds: 1000 })))
    expect(most).toBe(1)
    expect(existsSync(path)).toBe(false)
  })

  it("takes over at once when the holder's process is gone, one waiter after the other", async () => {
    const gone = spawnSync(process.execPath, ["-e", ""]).pid
    const path = join(folderWith({ lock: `${hostname()} ${gone} x` }), "lock")
    let inside = 0
    const results = await Promise.all(
      [1, 2, 3].map((value) =>
        withLock(
          path,
          async () => {
            expect(++inside).toBe(1)
            await delay(5)
            inside--
            return value
            // With this age it would not go stale before the test's time is over.
          },
          { staleMilliseconds: 600_000 },
        ),
      ),
    )
    expect(results).toEqual([1, 2, 3])
    expect(readdirSync(join(path, ".."))).toEqual([])
  })

  it("takes over what a killed process left, and stops waiting when told", async () => {
    const path = join(folderWith({ lock: "someone else" }), "lock")
    const stop = AbortSignal.timeout(50)
    expect(await failure(() => withLock(path, async () => 1, { signal: stop }))).toMatchObject({ code: "aborted" })
    const past = new Date(Date.now() - 60_000)
    utimesSync(path, past, past)
    expect(await withLock(path, async () => 2)).toBe(2)
    writeFileSync(path, "x")
    expect(existsSync(path)).toBe(true)
  })
})
