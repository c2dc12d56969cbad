import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { SparseIndex } from "../../../retrievers/sparse/index.js"
import { type Query, Random, type Ranking } from "../../../src/core/index.js"
import { collection } from "../bm25/collection.js"
import { hashedTerms } from "./hashed-terms.js"

const encoder = hashedTerms({ maxLength: 9 })
const queries: Query[] = Array.from({ length: 30 }, (_, i) => ({ id: `q${i}`, text: `w${i} w${2 * i} w${i % 7}` }))
const outcome = (rankings: readonly Ranking[]) => JSON.stringify(rankings.map(({ hits }) => hits))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-sparse-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function saved(name: string): Promise<{ path: string; index: SparseIndex; ids: string[] }> {
  const path = join(folder, name)
  const documents = collection(400, 5)
  const index = await SparseIndex.build(documents.slice(0, 300), { encoder, topTerms: 8, queryThreshold: 0.01 })
  // Beyond what eight bits hold in steps of 1/64: kept aside.
  const heavy = { ids: Uint32Array.of(7, 9), weights: Float32Array.of(5.5, 3.99) }
  await index.add(documents.slice(300))
  await index.add([{ id: "heavy é🦀", text: "w1", metadata: { note: "漢字" } }], {
    given: { vectors: [heavy], model: index.model },
  })
  await index.delete(documents.slice(0, 30).map(({ id }) => id))
  await index.save(path)
  return { path, index, ids: [...documents.map(({ id }) => id), "heavy é🦀"] }
}

describe("a sparse index on disk", () => {
  it("comes back as it was: rankings, explanations, documents, filters, warnings, settings", async () => {
    const { path, index, ids } = await saved("round")
    const loaded = await SparseIndex.load(path, { encoder })
    expect(loaded.settings).toEqual(index.settings)
    expect(loaded.describe()).toEqual(index.describe())
    expect(loaded.stats).toEqual(index.stats)
    expect(index.stats.truncated).toBeGreaterThan(10)
    expect(loaded.warnings).toEqual(index.warnings)
    for (const how of [{}, { explain: true }, { filter: { group: 2 } }, { strategy: "pruned" as const, topK: 7 }])
      expect(outcome(await loaded.retrieve(queries, how))).toBe(outcome(await index.retrieve(queries, how)))
    expect(await loaded.documents.get([...ids, "unknown"])).toEqual(await index.documents.get([...ids, "unknown"]))
    const asked = { vectors: [{ ids: Uint32Array.of(7, 9), weights: Float32Array.of(2, 0.5) }], model: loaded.model }
    const [ranking] = await loaded.retrieve([{ id: "q", text: "given" }], { given: asked, topK: 1 })
    // 3.99 lies nearest to 255 steps of 1/64.
    expect(ranking!.hits).toEqual([{ id: "heavy é🦀", score: 2 * 5.5 + (0.5 * 255) / 64 }])
    expect(await SparseIndex.modelOf(path)).toEqual({
      name: "hashed-terms",
      checksum: "hashed",
      vocabulary: 65536,
      maxLength: 9,
      fingerprint: "hashed 9",
    })
    await loaded[Symbol.asyncDispose]()
  })

  it("can be changed and saved again, in the same folder and elsewhere, and leaves no old files", async () => {
    const { path, ids } = await saved("again")
    const before = await readdir(path)
    const loaded = await SparseIndex.load(path, { encoder })
    await loaded.delete([ids[100]!])
    await loaded.add([{ id: "new", text: "w1 w2" }])
    await loaded.add([{ id: ids[200]!, text: "w3 w3" }], { replace: true })
    await loaded.save(path)
    // Of three segments only the smallest was merged with what is new; the others are not written again.
    expect((await readdir(path)).filter((name) => before.includes(name) && name.startsWith("segment-")).length).toBe(2)
    await loaded.optimize()
    await loaded.save(path)
    await loaded.save(join(folder, "elsewhere"))
    const expected = outcome(await loaded.retrieve(queries))
    for (const place of [path, join(folder, "elsewhere")]) {
      // The manifest, one segment, its documents, the marks.
      expect((await readdir(place)).length).toBe(4)
      const again = await SparseIndex.load(place, { encoder })
      expect(outcome(await again.retrieve(queries))).toBe(expected)
      expect(await again.documents.get(["new", ids[100]!, ids[200]!])).toEqual([
        { id: "new", text: "w1 w2" },
        undefined,
        { id: ids[200]!, text: "w3 w3" },
      ])
      await again[Symbol.asyncDispose]()
    }
    await loaded[Symbol.asyncDispose]()
  })

  it("notices every flipped byte, and files cut short or missing", async () => {
    const { path, index, ids } = await saved("flip")
    const expected = outcome(await index.retrieve(queries))
    const documents = await index.documents.get(ids)
    const random = new Random(1, "flips")
    let noticed = 0
    for (const name of await readdir(path)) {
      const file = join(path, name)
      const content = await readFile(file)
      for (let trial = 0; trial < 40; trial++) {
        const changed = Buffer.from(content)
        // The heads are small and easily missed: look there more often.
        const at = random.integer(trial % 2 ? content.length : Math.min(content.length, 700))
        changed[at]! ^= 1 << random.integer(8)
        await writeFile(file, trial === 0 ? content.subarray(0, content.length - 20) : changed)
        try {
          const loaded = await SparseIndex.load(path, { encoder })
          try {
            // What survives must be padding between sections, which means nothing.
            expect(outcome(await loaded.retrieve(queries))).toBe(expected)
            expect(await loaded.documents.get(ids)).toEqual(documents)
            expect(loaded.warnings).toEqual(index.warnings)
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
      await rm(file)
      await expect(SparseIndex.load(path, { encoder })).rejects.toMatchObject({
        code: name === "index.json" ? "not-found" : "index-corrupt",
      })
      await writeFile(file, content)
    }
    expect(noticed).toBeGreaterThan(150)
  })

  it("is not loaded with another model", async () => {
    const { path } = await saved("model")
    for (const [other, what] of [
      [hashedTerms({ maxLength: 9, checksum: "changed" }), "checksum"],
      [hashedTerms({ maxLength: 9, vocabulary: 65537 }), "vocabulary"],
      [hashedTerms({ maxLength: 10 }), "maxLength"],
      [hashedTerms({ maxLength: 9, fingerprint: "int8" }), "precision, threshold or tokenizer)"],
    ] as const)
      await expect(SparseIndex.load(path, { encoder: other })).rejects.toMatchObject({
        code: "index-version",
        message: expect.stringContaining(`${what} differ`),
      })
    expect((await SparseIndex.load(path, { encoder: hashedTerms({ maxLength: 9, name: "renamed" }) })).size).toBe(371)
    expect((await SparseIndex.load(path)).size).toBe(371)
  })

  it("takes other settings for queries when it is loaded", async () => {
    const { path, index } = await saved("settings")
    const [whole] = await index.retrieve([{ id: "q", text: "w1 w1 w1 w2" }], { explain: true, topK: 1 })
    const loaded = await SparseIndex.load(path, { encoder, queryTopTerms: 1, queryThreshold: 0.5 })
    expect(loaded.settings).toEqual({ ...index.settings, queryTopTerms: 1, queryThreshold: 0.5 })
    const [short] = await loaded.retrieve([{ id: "q", text: "w1 w1 w1 w2" }], { explain: true, topK: 1 })
    const parts = [whole, short].map((ranking) =>
      ranking!.hits[0]!.explanation!.details!.map((part) => part.description),
    )
    expect(parts).toEqual([["w1", "w2"], ["w1"]])
    await expect(SparseIndex.load(path, { queryTopTerms: 0 })).rejects.toMatchObject({ code: "argument" })
  })
})

// A child process cannot read TypeScript: it needs what `npm run build` makes.
const built = new URL("../../../dist/retrievers/sparse/index.js", import.meta.url)
it.skipIf(!existsSync(fileURLToPath(built)))("stays whole when the process that saves is killed", async () => {
  const path = join(folder, "killed")
  const script = `
    import { SparseIndex } from ${JSON.stringify(built.href)}
    const model = { name: "m", checksum: "c", vocabulary: 4000, maxLength: 9, fingerprint: "f" }
    const index = new SparseIndex({ model })
    const vectorOf = (i) => ({ ids: Uint32Array.of(i, 3000 + (i % 900)), weights: Float32Array.of(1, 2) })
    const ids = Array.from({ length: 3000 }, (_, i) => i)
    await index.add(ids.map((i) => ({ id: "d" + i, text: "text " + i })), { given: { vectors: ids.map(vectorOf), model } })
    for (let round = 1; ; round++) {
      const vectors = [{ ids: Uint32Array.of(3999), weights: Float32Array.of(round) }]
      await index.add([{ id: "round", text: "round" }], { given: { vectors, model }, replace: true })
      await index.optimize()
      await index.save(${JSON.stringify(path)})
      console.log("saved", round)
    }`
  for (let kill = 0; kill < 4; kill++) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    let last = 0
    child.stdout.on("data", (text: Buffer) => (last = Number(/(\d+)\s*$/.exec(text.toString())?.[1] ?? last)))
    const ended = once(child, "exit")
    await Promise.race([once(child.stdout, "data"), ended])
    expect(child.exitCode).toBeNull()
    await new Promise((resolve) => setTimeout(resolve, 20 + 31 * kill))
    child.kill("SIGKILL")
    await ended
    const loaded = await SparseIndex.load(path)
    expect(loaded.size).toBe(3001)
    const ask = async (id: number) => {
      const given = { vectors: [{ ids: Uint32Array.of(id), weights: Float32Array.of(1) }], model: loaded.model }
      return (await loaded.retrieve([{ id: "q", text: "given" }], { given }))[0]!.hits
    }
    // The round that was reported last, or the one whose report the kill cut off.
    const [hit] = await ask(3999)
    expect([last, last + 1]).toContain(hit!.score)
    expect(await ask(77)).toEqual([{ id: "d77", score: 1 }])
    expect(await loaded.documents.get(["d2999"])).toEqual([{ id: "d2999", text: "text 2999" }])
    await loaded[Symbol.asyncDispose]()
  }
})
