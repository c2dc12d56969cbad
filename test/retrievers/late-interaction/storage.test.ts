import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DenseIndex } from "../../../retrievers/dense/index.js"
import { compressions, LateInteractionIndex } from "../../../retrievers/late-interaction/index.js"
import { type Document, type Query, Random, type Ranking } from "../../../src/core/index.js"
import { hashedWords } from "../dense/hashed-words.js"
import { hashedTokens } from "./hashed-tokens.js"

const encoder = hashedTokens({ dimension: 26, directions: "random", maxLength: 9 })
const collection = (count: number, seed: number): Document[] => {
  const random = new Random(seed, "collection")
  return Array.from({ length: count }, (_, i) => ({
    id: i % 50 === 0 ? `${i} é🦀` : `d${i}`,
    ...(i % 3 === 0 ? { title: `w${random.integer(60)}` } : {}),
    text: Array.from({ length: random.integer(12) }, () => `w${Math.floor(60 * random.float() ** 2)}`).join(" "),
    ...(i % 2 === 0 ? { metadata: { group: i % 4 } } : {}),
  }))
}
const queries: Query[] = Array.from({ length: 20 }, (_, i) => ({ id: `q${i}`, text: `w${i} w${2 * i} w${i % 7}` }))
const outcome = (rankings: readonly Ranking[]) =>
  rankings.map(({ hits }) => hits.map(({ id, score }) => `${id} ${score}`).join()).join("\n")

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-late-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

for (const compression of compressions)
  describe(`${compression} on disk`, () => {
    const saved = async (name: string) => {
      const path = join(folder, `${compression}-${name}`)
      const documents = collection(500, 5)
      const index = await LateInteractionIndex.build(documents, { encoder, compression, centroids: 32, candidates: 40 })
      await index.delete(documents.slice(0, 40).map(({ id }) => id))
      await index.add([{ ...documents[60], text: "w1 w2 w3" }], { replace: true })
      await index.save(path)
      return { path, index, documents }
    }

    it("comes back as it was: rankings, documents, filters, warnings, settings", async () => {
      const { path, index, documents } = await saved("round")
      const loaded = await LateInteractionIndex.load(path, { encoder })
      expect(loaded.describe()).toEqual(index.describe())
      expect(loaded.stats).toEqual(index.stats)
      expect(loaded.warnings).toEqual(index.warnings)
      for (const how of [{}, { filter: { group: 2 } }, { topK: 7, explain: true }, { strategy: "exhaustive" } as const])
        expect(outcome(await loaded.retrieve(queries, how))).toBe(outcome(await index.retrieve(queries, how)))
      const ids = documents.map(({ id }) => id)
      expect(await loaded.documents!.get(ids)).toEqual(await index.documents!.get(ids))
      expect(await LateInteractionIndex.modelOf(path)).toMatchObject({ name: "hashed-tokens", dimension: 26 })
      await loaded[Symbol.asyncDispose]()
    })

    it("can be changed after loading, saved in the same folder and elsewhere, and leaves no old files", async () => {
      const { path, documents } = await saved("again")
      const loaded = await LateInteractionIndex.load(path, { encoder, candidates: 60 })
      await loaded.delete([documents[100].id, documents[101].id])
      await loaded.save(path)
      await loaded.add([documents[0], documents[100], { id: "new", text: "w1 w2" }])
      await loaded.add([{ id: documents[200].id, text: "w3 w3" }], { replace: true })
      const expected = outcome(await loaded.retrieve(queries))
      await loaded.save(path)
      await loaded.save(join(folder, `${compression}-elsewhere`))
      expect(outcome(await loaded.retrieve(queries))).toBe(expected)
      for (const place of [path, join(folder, `${compression}-elsewhere`)]) {
        expect((await readdir(place)).length).toBe(4)
        const again = await LateInteractionIndex.load(place, { encoder })
        expect(again.size).toBe(461)
        expect(outcome(await again.retrieve(queries))).toBe(expected)
        expect(await again.documents!.get(["new", documents[101].id, documents[200].id])).toEqual([
          { id: "new", text: "w1 w2" },
          undefined,
          { id: documents[200].id, text: "w3 w3" },
        ])
        await again[Symbol.asyncDispose]()
      }
      await loaded[Symbol.asyncDispose]()
    })

    it("notices flipped bytes, and files cut short", async () => {
      const { path, index } = await saved("flip")
      const expected = outcome(await index.retrieve(queries))
      const random = new Random(1, "flips")
      let noticed = 0
      for (const name of await readdir(path)) {
        const file = join(path, name)
        const content = await readFile(file)
        for (let trial = 0; trial < 12; trial++) {
          const changed = Buffer.from(content)
          changed[random.integer(trial % 2 ? content.length : Math.min(content.length, 400))] ^= 1 << random.integer(8)
          await writeFile(file, trial === 0 ? content.subarray(0, content.length - 20) : changed)
          try {
            const loaded = await LateInteractionIndex.load(path, { encoder })
            try {
              // What survives must be padding between sections, which means nothing.
              expect(outcome(await loaded.retrieve(queries))).toBe(expected)
              await loaded.documents!.get(collection(500, 5).map(({ id }) => id))
            } finally {
              await loaded[Symbol.asyncDispose]()
            }
          } catch (error) {
            expect(error).toMatchObject({ code: "index-corrupt" })
            noticed++
          }
        }
        await rm(file)
        const code = name === "index.json" ? "not-found" : "index-corrupt"
        await expect(LateInteractionIndex.load(path, { encoder })).rejects.toMatchObject({ code })
        await writeFile(file, content)
      }
      expect(noticed).toBeGreaterThan(36)
      expect(outcome(await (await LateInteractionIndex.load(path, { encoder })).retrieve(queries))).toBe(expected)
    })
  })

describe("a late-interaction index on disk", () => {
  it("is not loaded with another model, and not written over an index of another kind", async () => {
    const path = join(folder, "model")
    const index = await LateInteractionIndex.build(collection(20, 1), { encoder })
    await index.save(path)
    for (const other of [hashedTokens({ dimension: 27 }), { ...encoder, checksum: "changed" }])
      await expect(LateInteractionIndex.load(path, { encoder: other })).rejects.toMatchObject({ code: "index-version" })
    const dense = join(folder, "dense")
    await (await DenseIndex.build(collection(5, 1), { encoder: hashedWords() })).save(dense)
    await expect(index.save(dense)).rejects.toMatchObject({ code: "argument" })
    await expect(LateInteractionIndex.load(dense, { encoder })).rejects.toMatchObject({ code: "index-version" })
    await expect(LateInteractionIndex.load(join(folder, "none"), { encoder })).rejects.toMatchObject({
      code: "not-found",
    })
  })

  it("is saved whole while it is searched", async () => {
    const path = join(folder, "busy")
    const index = await LateInteractionIndex.build(collection(400, 2), { encoder, compression: "int8" })
    const expected = outcome(await index.retrieve(queries))
    const [, rankings] = await Promise.all([index.save(path), index.retrieve(queries), index.save(`${path}-too`)])
    expect(outcome(rankings)).toBe(expected)
    for (const place of [path, `${path}-too`])
      expect(outcome(await (await LateInteractionIndex.load(place, { encoder })).retrieve(queries))).toBe(expected)
  })
})

// A child process cannot read TypeScript: it needs what `npm run build` makes.
const built = new URL("../../../dist/retrievers/late-interaction/index.js", import.meta.url)
it.skipIf(!existsSync(fileURLToPath(built)))("stays whole when the process that saves is killed", async () => {
  const path = join(folder, "killed")
  const axes = `{ name: "axes", dimension: 8, pooling: "tokens", normalized: true, maxLength: undefined, prompts: { query: "", document: "" },
    precision: "fp32", checksum: "axes", fingerprint: "axes" }`
  const script = `
    import { LateInteractionIndex } from ${JSON.stringify(built.href)}
    const row = (i) => ({ rows: Float32Array.from({ length: 160 }, (_, d) => d % 8 === i % 8 ? 1 : 0) })
    const embed = async (texts) => ({ vectors: texts.map((text) => row(Number(text))), tokens: 1, truncated: [] })
    const encoder = { ...${axes}, embed, encode: async (texts) => (await embed(texts)).vectors }
    const docs = Array.from({ length: 3000 }, (_, i) => ({ id: "d" + i, text: String(i) }))
    const index = await LateInteractionIndex.build(docs, { encoder })
    for (let round = 1; ; round++) {
      await index.add([{ id: "round", text: String(round) }], { replace: true })
      await index.save(${JSON.stringify(path)})
      console.log("saved", round)
    }`
  for (let kill = 0; kill < 3; kill++) {
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
    const identity = await LateInteractionIndex.modelOf(path)
    const rows = Float32Array.from({ length: 8 }, (_, d) => (d === 0 ? 1 : 0))
    const embed = async () => ({ vectors: [{ rows }], tokens: 1, truncated: [] })
    const encode = async () => [{ rows }]
    const loaded = await LateInteractionIndex.load(path, {
      encoder: { ...identity, maxLength: undefined, fingerprint: "axes", embed, encode },
    })
    expect(loaded.size).toBe(3001)
    const [{ text }] = (await loaded.documents!.get(["round"])) as Document[]
    // The round that was reported last, or the one whose report the kill cut off.
    expect([last, last + 1]).toContain(Number(text))
    const [ranking] = await loaded.retrieve([{ id: "q", text: "0" }], { topK: 3001 })
    expect(ranking.hits.some(({ id, score }) => id === "round" && score > 0.9)).toBe(Number(text) % 8 === 0)
    await loaded[Symbol.asyncDispose]()
  }
})
