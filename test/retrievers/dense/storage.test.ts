import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { crc32 } from "node:zlib"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DenseIndex, type IndexKind, VectorIndex } from "../../../retrievers/dense/index.js"
import { type Document, type Query, Random, type Ranking } from "../../../src/core/index.js"
import { hasHnsw, hasUsearch } from "./available.js"
import { hashedWords } from "./hashed-words.js"
import { clusteredVectors, shuffledIds } from "./vectors.js"

const kinds: readonly { kind: IndexKind; there: boolean }[] = [
  { kind: "flat", there: true },
  { kind: "flat-int8", there: true },
  { kind: "flat-binary", there: true },
  { kind: "hnsw", there: hasHnsw },
  { kind: "usearch", there: hasUsearch },
]
const encoder = hashedWords({ dimension: 96, maxLength: 9 })
const words = (random: Random) =>
  Array.from({ length: random.integer(12) }, () => `w${Math.floor(60 * random.float() ** 2)}`)
const collection = (count: number, seed: number): Document[] => {
  const random = new Random(seed, "collection")
  return shuffledIds(count, seed).map((id, i) => ({
    id: i % 50 === 0 ? `${id} é🦀` : id,
    ...(i % 3 === 0 ? { title: words(random).join(" ") } : {}),
    text: words(random).join(" "),
    ...(i % 2 === 0 ? { metadata: { group: i % 4 } } : {}),
  }))
}
const queries: Query[] = Array.from({ length: 30 }, (_, i) => ({ id: `q${i}`, text: `w${i} w${2 * i} w${i % 7}` }))
const outcome = (rankings: readonly Ranking[]) =>
  rankings.map(({ hits }) => hits.map(({ id, score }) => `${id} ${score}`).join()).join("\n")

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-dense-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

for (const { kind, there } of kinds)
  describe.skipIf(!there)(`${kind} on disk`, () => {
    const saved = async (name: string): Promise<{ path: string; index: DenseIndex; documents: Document[] }> => {
      const path = join(folder, `${kind}-${name}`)
      const documents = collection(600, 5)
      const index = await DenseIndex.build(documents, { encoder, index: kind })
      await index.delete(documents.slice(0, 40).map(({ id }) => id))
      await index.save(path)
      return { path, index, documents }
    }

    it("comes back as it was: rankings, documents, filters, warnings, settings", async () => {
      const { path, index, documents } = await saved("round")
      const loaded = await DenseIndex.load(path, { encoder })
      expect(loaded.describe()).toEqual(index.describe())
      expect(loaded.warnings.map(({ code, ids }) => [code, ids?.toSorted()])).toEqual(
        index.warnings.map(({ code, ids }) => [code, ids?.toSorted()]),
      )
      for (const how of [{}, { filter: { group: 2 } }, { topK: 7, explain: true }])
        expect(outcome(await loaded.retrieve(queries, how))).toBe(outcome(await index.retrieve(queries, how)))
      const ids = documents.map(({ id }) => id)
      expect(await loaded.documents!.get(ids)).toEqual(await index.documents!.get(ids))
      expect(await DenseIndex.modelOf(path)).toEqual({
        name: "hashed-words",
        dimension: 96,
        pooling: "sum",
        normalized: false,
        maxLength: 9,
        prompts: { query: "", document: "" },
        precision: "fp32",
        checksum: "hashed",
      })
      await loaded[Symbol.asyncDispose]()
    })

    it("can be changed after loading, saved in the same folder and elsewhere, and leaves no old files", async () => {
      const { path, documents } = await saved("again")
      const loaded = await DenseIndex.load(path, { encoder })
      await loaded.delete([documents[100]!.id, documents[101]!.id])
      await loaded.save(path)
      await loaded.add([documents[0]!, documents[100]!, { id: "new", text: "w1 w2" }])
      await loaded.add([{ id: documents[200]!.id, text: "w3 w3" }], { replace: true })
      const expected = outcome(await loaded.retrieve(queries))
      await loaded.save(path)
      await loaded.save(join(folder, `${kind}-elsewhere`))
      expect(outcome(await loaded.retrieve(queries))).toBe(expected)
      for (const place of [path, join(folder, `${kind}-elsewhere`)]) {
        expect((await readdir(place)).length).toBe(5)
        const again = await DenseIndex.load(place, { encoder })
        expect(again.size).toBe(561)
        expect(outcome(await again.retrieve(queries))).toBe(expected)
        expect(await again.documents!.get(["new", documents[101]!.id, documents[200]!.id])).toEqual([
          { id: "new", text: "w1 w2" },
          undefined,
          { id: documents[200]!.id, text: "w3 w3" },
        ])
        await again[Symbol.asyncDispose]()
      }
      await loaded[Symbol.asyncDispose]()
    })

    it("notices every flipped byte, and files cut short", async () => {
      const { path, index, documents } = await saved("flip")
      const expected = outcome(await index.retrieve(queries))
      const ids = documents.map(({ id }) => id)
      const texts = await index.documents!.get(ids)
      const random = new Random(1, "flips")
      let noticed = 0
      for (const name of await readdir(path)) {
        const file = join(path, name)
        const content = await readFile(file)
        for (let trial = 0; trial < 20; trial++) {
          const changed = Buffer.from(content)
          const at = random.integer(trial % 2 ? content.length : Math.min(content.length, 400))
          changed[at]! ^= 1 << random.integer(8)
          await writeFile(file, trial === 0 ? content.subarray(0, content.length - 20) : changed)
          try {
            const loaded = await DenseIndex.load(path, { encoder })
            try {
              // What survives must be padding between sections, which means nothing.
              expect(outcome(await loaded.retrieve(queries))).toBe(expected)
              expect(await loaded.documents!.get(ids)).toEqual(texts)
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
        await expect(DenseIndex.load(path, { encoder })).rejects.toMatchObject({
          code: name === "index.json" ? "not-found" : "index-corrupt",
        })
        await writeFile(file, content)
      }
      expect(noticed).toBeGreaterThan(80)
      expect(outcome(await (await DenseIndex.load(path, { encoder })).retrieve(queries))).toBe(expected)
    })
  })

describe("a dense index on disk", () => {
  const save = async (name: string) => {
    const path = join(folder, name)
    await (await DenseIndex.build(collection(20, 1), { encoder })).save(path)
    return path
  }

  it("is not loaded with another model", async () => {
    const path = await save("model")
    for (const [other, what] of [
      [hashedWords({ dimension: 96, maxLength: 9, checksum: "changed" }), "checksum"],
      [hashedWords({ dimension: 97, maxLength: 9 }), "dimension"],
      [{ ...encoder, pooling: "cls" }, "pooling"],
      [{ ...encoder, normalized: true }, "normalized"],
      [{ ...encoder, maxLength: 128 }, "maxLength"],
      [{ ...encoder, prompts: { query: "query: ", document: "" } }, "prompts"],
      [{ ...encoder, precision: "int8" }, "precision"],
      [{ ...encoder, precision: "int8", normalized: true }, "normalized and precision"],
    ] as const)
      await expect(DenseIndex.load(path, { encoder: other })).rejects.toMatchObject({
        code: "index-version",
        message: expect.stringContaining(`${what} differ`),
      })
    expect((await DenseIndex.load(path, { encoder: { ...encoder, name: "renamed" } })).size).toBe(20)
  })

  it("tells a missing index, another kind, and another version apart, and does not overwrite another kind", async () => {
    await expect(DenseIndex.load(join(folder, "nothing"), { encoder })).rejects.toMatchObject({ code: "not-found" })
    const path = await save("kinds")
    const rewrite = async (change: (manifest: Record<string, unknown>) => void) => {
      const copy = join(folder, `kinds-${Math.random()}`)
      await cp(path, copy, { recursive: true })
      const body = JSON.parse((await readFile(join(copy, "index.json"), "utf8")).split("\n")[1]!) as Record<
        string,
        unknown
      >
      change(body)
      const text = JSON.stringify(body)
      await writeFile(join(copy, "index.json"), `${JSON.stringify({ crc32: crc32(text) })}\n${text}\n`)
      return copy
    }
    const newer = await rewrite((manifest) => (manifest.version = 99))
    await expect(DenseIndex.load(newer, { encoder })).rejects.toMatchObject({ code: "index-version" })
    const foreign = await rewrite((manifest) => (manifest.format = "else"))
    await expect(DenseIndex.load(foreign, { encoder })).rejects.toMatchObject({ code: "index-version" })
    const index = await DenseIndex.build(collection(5, 2), { encoder })
    const files = await readdir(foreign)
    await expect(index.save(foreign)).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining("another kind"),
    })
    expect(await readdir(foreign)).toEqual(files)
  })

  it("says where nothing can be written", async () => {
    const index = await DenseIndex.build(collection(5, 2), { encoder })
    const file = join(folder, "a file")
    await writeFile(file, "")
    await expect(index.save(join(file, "index"))).rejects.toMatchObject({
      code: "storage",
      message: expect.stringContaining("unchanged"),
    })
  })

  it("is saved without documents too, and vectors without a model", async () => {
    const index = await DenseIndex.build(collection(20, 1), { encoder, storeDocuments: false, metric: "dot" })
    await index.save(join(folder, "bare"))
    const loaded = await DenseIndex.load(join(folder, "bare"), { encoder })
    expect(loaded.documents).toBeUndefined()
    expect(outcome(await loaded.retrieve(queries))).toBe(outcome(await index.retrieve(queries)))
    const vectors = await VectorIndex.create(8, { metric: "dot" })
    await vectors.save(join(folder, "vectors"))
    expect((await VectorIndex.load(join(folder, "vectors"))).search([new Float32Array(8)], 3)).toEqual([[]])
    await vectors.add(["a", "b"], clusteredVectors(2, 8, 1))
    await vectors.save(join(folder, "vectors"))
    const again = await VectorIndex.load(join(folder, "vectors"))
    expect(again.search(clusteredVectors(2, 8, 3), 3)).toEqual(vectors.search(clusteredVectors(2, 8, 3), 3))
    await expect(VectorIndex.load(join(folder, "bare"))).rejects.toMatchObject({ code: "index-version" })
  })
})

// A child process cannot read TypeScript: it needs what `npm run build` makes.
const built = new URL("../../../dist/retrievers/dense/index.js", import.meta.url)
for (const { kind, there } of kinds)
  it.skipIf(!there || !existsSync(fileURLToPath(built)))(
    `${kind} stays whole when the process that saves is killed`,
    async () => {
      const path = join(folder, `killed-${kind}`)
      const count = 3000
      const script = `
      import { VectorIndex } from ${JSON.stringify(built.href)}
      const index = await VectorIndex.create(64, { index: ${JSON.stringify(kind)}, metric: "dot", hnsw: { efConstruction: 16, m: 4 } })
      const ids = Array.from({ length: ${count} }, (_, i) => "d" + i)
      await index.add(ids, ids.map((_, i) => Float32Array.from({ length: 64 }, (_, d) => (i === d ? 1 : (i * 7 + d) % 5 / 100))))
      for (let round = 1; ; round++) {
        await index.add(["round"], [new Float32Array(64).fill(round)], { replace: true })
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
        const loaded = await VectorIndex.load(path)
        expect(loaded.size).toBe(count + 1)
        const [hit] = loaded.search([new Float32Array(64).fill(1)], 1)[0]!
        // The round that was reported last, or the one whose report the kill cut off.
        expect(hit!.id).toBe("round")
        expect([last, last + 1]).toContain(Math.round(hit!.score / 64))
        await loaded[Symbol.asyncDispose]()
      }
    },
  )
