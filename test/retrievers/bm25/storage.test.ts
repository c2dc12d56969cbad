import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Bm25Index } from "../../../retrievers/bm25/index.js"
import { Random } from "../../../src/core/index.js"
import { collection, outcome, queryTexts } from "./collection.js"

const queries = queryTexts(40, 9)
const options = { analyzer: "whitespace", fields: { title: 2, text: 1 } } as const
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-bm25-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function saved(name: string): Promise<{ path: string; index: Bm25Index }> {
  const path = join(folder, name)
  const documents = collection(400, 5)
  const index = await Bm25Index.build(documents.slice(0, 300), options)
  await index.add(documents.slice(300))
  await index.add([{ id: "long", text: "w1 ".repeat(999), metadata: { note: "é 漢字 🦀" } }])
  await index.delete(documents.slice(0, 30).map(({ id }) => id))
  await index.save(path)
  return { path, index }
}

describe("an index on disk", () => {
  it("comes back as it was: rankings, explanations, documents, filters, settings", async () => {
    const { path, index } = await saved("round")
    const loaded = await Bm25Index.load(path)
    expect(loaded.settings).toEqual(index.settings)
    expect(loaded.stats).toEqual(index.stats)
    for (const how of [{}, { explain: true }, { filter: { group: 2 } }, { strategy: "pruned" as const, topK: 7 }])
      expect(outcome(await loaded.retrieve(queries, how))).toBe(outcome(await index.retrieve(queries, how)))
    const ids = (await index.retrieve(queries)).flatMap(({ hits }) => hits.map((hit) => hit.id))
    expect(await loaded.documents.get([...ids, "long", "unknown"])).toEqual(
      await index.documents.get([...ids, "long", "unknown"]),
    )
    await loaded[Symbol.asyncDispose]()
  })

  it("can be changed and saved again, in the same folder and elsewhere, and writes only what is new", async () => {
    const { path } = await saved("again")
    const before = await readdir(path)
    const loaded = await Bm25Index.load(path)
    await loaded.delete(["long"])
    await loaded.add([{ id: "new", text: "w1 w2" }])
    await loaded.save(path)
    const after = await readdir(path)
    expect(before.filter((name) => after.includes(name)).length).toBeGreaterThan(1)
    await loaded.optimize()
    await loaded.save(path)
    await loaded.save(join(folder, "elsewhere"))
    const expected = outcome(await loaded.retrieve(queries))
    for (const place of [path, join(folder, "elsewhere")]) {
      // Files of the index before are gone: the manifest, one segment, its documents.
      expect((await readdir(place)).length).toBe(3)
      const again = await Bm25Index.load(place)
      expect(outcome(await again.retrieve(queries))).toBe(expected)
      expect(await again.documents.get(["new", "long"])).toEqual([{ id: "new", text: "w1 w2" }, undefined])
      await again[Symbol.asyncDispose]()
    }
    await loaded[Symbol.asyncDispose]()
  })

  it("notices every flipped byte", async () => {
    const { path, index } = await saved("flip")
    const expected = outcome(await index.retrieve(queries))
    const allIds = collection(400, 5).map(({ id }) => id)
    const documents = await index.documents.get([...allIds, "long"])
    const random = new Random(1, "flips")
    let noticed = 0
    for (const name of await readdir(path)) {
      const file = join(path, name)
      const content = await readFile(file)
      for (let trial = 0; trial < 40; trial++) {
        const flipped = Buffer.from(content)
        // The heads are small and easily missed: look there more often.
        const at = random.integer(trial % 2 ? content.length : Math.min(content.length, 700))
        flipped[at]! ^= 1 << random.integer(8)
        await writeFile(file, flipped)
        try {
          const loaded = await Bm25Index.load(path)
          try {
            // What survives must be the padding between sections, which means nothing.
            expect(await loaded.documents.get([...allIds, "long"])).toEqual(documents)
            expect(outcome(await loaded.retrieve(queries))).toBe(expected)
          } finally {
            await loaded[Symbol.asyncDispose]()
          }
        } catch (error) {
          expect(error).toMatchObject({
            code: "index-corrupt",
            message: expect.stringContaining("build the index again"),
          })
          noticed++
        }
      }
      await writeFile(file, content)
    }
    expect(noticed).toBeGreaterThan(150)
  })

  it("tells a missing index, a missing file, another kind and another version apart", async () => {
    await expect(Bm25Index.load(join(folder, "nothing"))).rejects.toMatchObject({ code: "not-found" })
    const { path } = await saved("kinds")
    const rewrite = async (change: (manifest: Record<string, unknown>) => void) => {
      const copy = join(folder, `kinds-${Math.random()}`)
      await cp(path, copy, { recursive: true })
      const body = JSON.parse((await readFile(join(copy, "index.json"), "utf8")).split("\n")[1]!) as Record<
        string,
        unknown
      >
      change(body)
      const text = JSON.stringify(body)
      const { crc32 } = await import("node:zlib")
      await writeFile(join(copy, "index.json"), `${JSON.stringify({ crc32: crc32(text) })}\n${text}\n`)
      return Bm25Index.load(copy)
    }
    await expect(rewrite((manifest) => (manifest.version = 99))).rejects.toMatchObject({ code: "index-version" })
    await expect(rewrite((manifest) => (manifest.format = "else"))).rejects.toMatchObject({ code: "index-version" })
    const gone = (await readdir(path)).find((name) => name.startsWith("segment-"))!
    await rm(join(path, gone))
    await expect(Bm25Index.load(path)).rejects.toMatchObject({
      code: "index-corrupt",
      message: expect.stringContaining("missing"),
    })
  })

  it("stays whole when the process that saves is killed", async () => {
    // The child saves ever larger indexes over each other until it is killed; whatever is left must load.
    const path = join(folder, "killed")
    const script = `
      import { Bm25Index } from ${JSON.stringify(new URL("../../../dist/retrievers/bm25/index.js", import.meta.url).href)}
      for (let round = 1; ; round++) {
        const index = new Bm25Index({ analyzer: "whitespace" })
        await index.add(Array.from({ length: 3000 }, (_, i) => ({ id: "d" + i, text: ("round" + round + " w" + i + " ").repeat(20) })))
        await index.save(${JSON.stringify(path)})
        console.log("saved", round)
      }`
    for (let kill = 0; kill < 4; kill++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      })
      await once(child.stdout, "data")
      await new Promise((resolve) => setTimeout(resolve, 20 + 45 * kill))
      child.kill("SIGKILL")
      await once(child, "exit")
      const loaded = await Bm25Index.load(path)
      expect(loaded.size).toBe(3000)
      const [ranking] = await loaded.retrieve([{ id: "q", text: "w77" }])
      expect(ranking!.hits.map((hit) => hit.id)).toEqual(["d77"])
      expect(await loaded.documents.get(["d2999"])).toMatchObject([{ id: "d2999" }])
      await loaded[Symbol.asyncDispose]()
    }
  })

  const mounts = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", tmpdir()]).status === 0
  it.skipIf(!mounts)("leaves the old index whole when the disk is full", () => {
    // A file system of 600 KB of its own: the first index fits, the second does not.
    const place = join(folder, "full")
    const script = `
      import { mkdirSync, readdirSync } from "node:fs"
      import { Bm25Index } from ${JSON.stringify(new URL("../../../dist/retrievers/bm25/index.js", import.meta.url).href)}
      const path = ${JSON.stringify(join(place, "index"))}
      const documents = (n) => Array.from({ length: n }, (_, i) => ({ id: "d" + i, text: "w" + i + " and some more words to fill the disk" }))
      await (await Bm25Index.build(documents(1000))).save(path)
      const files = readdirSync(path).sort().join()
      const error = await (await Bm25Index.build(documents(20000))).save(path).catch((thrown) => thrown)
      const loaded = await Bm25Index.load(path)
      const [ranking] = await loaded.retrieve([{ id: "q", text: "w77" }])
      console.log(JSON.stringify({ code: error.code, message: error.message, size: loaded.size, hit: ranking.hits[0].id, same: files === readdirSync(path).sort().join() }))`
    const command = 'mkdir -p "$0" && mount -t tmpfs -o size=600k none "$0" && exec "$1" --input-type=module -e "$2"'
    const { stdout, stderr } = spawnSync("unshare", ["-rm", "sh", "-c", command, place, process.execPath, script], {
      encoding: "utf8",
    })
    expect(stderr).toBe("")
    expect(JSON.parse(stdout)).toMatchObject({ code: "storage", size: 1000, hit: "d77", same: true })
    expect((JSON.parse(stdout) as { message: string }).message).toContain("free space")
  })
})
