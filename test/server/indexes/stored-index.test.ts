import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Journal } from "../../../server/indexes/journal.js"
import { StoredIndex } from "../../../server/indexes/stored-index.js"
import type { Document, Retriever } from "../../../src/core/index.js"
import { Random } from "../../../src/core/index.js"
import { type PartSpec, parsePipeline } from "../../../src/pipelines/index.js"

const bm25 = parsePipeline("bm25").retriever
const hybrid = parsePipeline({ retriever: { fuse: { retrievers: ["bm25", "dense"] } } }).retriever

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-stored-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function create(form: PartSpec = bm25): Promise<StoredIndex> {
  await StoredIndex.create(folder, form)
  return StoredIndex.open("test", folder)
}

const words = ["swift", "heat", "pump", "steam", "engine", "vessel", "boiler", "valve", "piston", "crank"]

function someDocument(random: Random, id: string): Document {
  const text = Array.from({ length: 6 }, () => words[random.integer(words.length)]).join(" ")
  return { id, text, metadata: { even: Number(id.slice(1)) % 2 === 0 } }
}

/** Ids and scores of all documents with a word, and the texts that the index keeps. */
async function content(retriever: Retriever | undefined): Promise<unknown> {
  if (!retriever) return []
  const rankings = await retriever.retrieve(
    words.map((text) => ({ id: text, text })),
    { topK: 1000 },
  )
  return rankings.map(({ hits }) => hits.map(({ id, score }) => [id, score]))
}

describe.each([
  ["bm25", bm25, 40],
  ["bm25 and dense", hybrid, 12],
] as const)("an index of %s", (_name, form, rounds) => {
  it("is what a new one of the same documents would be, after any changes, closed or not", async () => {
    const random = new Random(7)
    const model = new Map<string, Document>()
    let index = await create(form)
    for (let round = 0; round < rounds; round++) {
      const ids = () => [...new Set(Array.from({ length: 1 + random.integer(6) }, () => `d${random.integer(30)}`))]
      const kind = random.integer(10)
      if (kind === 0) {
        const documents = ids().map((id) => someDocument(random, id))
        model.clear()
        for (const document of documents) model.set(document.id, document)
        expect(await index.change({ kind: "replace", documents })).toBe(documents.length)
      } else if (kind < 4) {
        const gone = ids()
        const there = gone.filter((id) => model.delete(id)).length
        expect(await index.change({ kind: "delete", ids: gone })).toBe(there)
      } else {
        const documents = ids().map((id) => someDocument(random, id))
        for (const document of documents) model.set(document.id, document)
        await index.change({ kind: "add", documents })
      }
      expect(index.size).toBe(model.size)
      if (random.integer(3) === 0) {
        if (random.integer(2) === 0) {
          await index.close()
          index = await StoredIndex.open("test", folder)
        } else {
          // As after a crash: what lies in the folder now is opened elsewhere, and nobody closed it.
          const copy = await mkdtemp(join(tmpdir(), "rankine-copy-"))
          await cp(folder, copy, { recursive: true })
          const crashed = await StoredIndex.open("copy", copy)
          expect(crashed.size).toBe(model.size)
          expect(await crashed.use(content)).toEqual(await index.use(content))
          await crashed.close()
          await rm(copy, { recursive: true })
        }
      }
    }
    const documents = [...model.values()]
    expect(documents.length).toBeGreaterThan(3)
    const before = await index.use(content)
    await index.change({ kind: "replace", documents })
    expect(await index.use(content)).toEqual(before)
    await index.use(async (retriever) => {
      const stored = await retriever!.documents!.get(documents.map(({ id }) => id))
      expect(stored).toEqual(documents)
    })
    await index.close()
  })
})

describe("an index on disk", () => {
  it("folds its journal where it grows long, and then writes only what is new", async () => {
    const index = await create()
    const text = (n: number) => `${words[n % words.length]} ${"filler ".repeat(1000)}`
    for (let from = 0; from < 1200; from += 100)
      await index.change({
        kind: "add",
        documents: Array.from({ length: 100 }, (_, n) => ({ id: `d${from + n}`, text: text(from + n) })),
      })
    const { size } = await stat(join(folder, "journal.bin"))
    expect(size).toBeLessThan(3 * 2 ** 20)
    expect(await readdir(folder)).toContain("1-bm25")
    await index.close()
    expect((await stat(join(folder, "journal.bin"))).size).toBe(0)
    const again = await StoredIndex.open("test", folder)
    expect(again.size).toBe(1200)
    await again.close()
  })

  it("answers many writers in the order in which they asked", async () => {
    const index = await create()
    const writes = Array.from({ length: 200 }, (_, n) =>
      index.change({ kind: "add", documents: [{ id: `d${n % 10}`, text: `version${n}` }] }),
    )
    expect(await Promise.all(writes)).toEqual(Array.from({ length: 200 }, () => 1))
    await index.close()
    const again = await StoredIndex.open("test", folder)
    const found = await again.use((retriever) => retriever!.documents!.get(["d0", "d9"]))
    expect(found.map((document) => document!.text)).toEqual(["version190", "version199"])
    await again.close()
  })

  it("keeps nothing of a change that fails, and everything of those beside it", async () => {
    const index = await create()
    const results = await Promise.allSettled([
      index.change({ kind: "add", documents: [{ id: "a", text: "swift" }] }),
      index.change({
        kind: "add",
        documents: [
          { id: "x", text: "heat" },
          { id: "x", text: "heat again" },
        ],
      }),
      index.change({ kind: "add", documents: [{ id: "b", text: "pump" }] }),
    ])
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"])
    expect(results[1]).toMatchObject({ reason: { code: "data" } })
    expect(index.size).toBe(2)
    await index.close()
    const again = await StoredIndex.open("test", folder)
    expect(again.size).toBe(2)
    await again.close()
    await expect(again.change({ kind: "delete", ids: ["a"] })).rejects.toMatchObject({ code: "not-found" })
  })

  it("goes back to what is on disk where the journal cannot be written", async () => {
    const index = await create()
    await index.change({ kind: "add", documents: [{ id: "a", text: "swift" }] })
    const path = join(folder, "journal.bin")
    const append = Journal.prototype.append
    Journal.prototype.append = () => Promise.reject(new Error("disk full"))
    await expect(index.change({ kind: "add", documents: [{ id: "b", text: "heat" }] })).rejects.toThrow("disk full")
    Journal.prototype.append = append
    expect(index.size).toBe(1)
    expect(await index.change({ kind: "add", documents: [{ id: "c", text: "pump" }] })).toBe(1)
    // A folder in the place of the journal: it can be neither written nor opened again.
    Journal.prototype.append = async () => {
      await rm(path)
      await mkdir(path)
      throw new Error("disk gone")
    }
    await expect(index.change({ kind: "add", documents: [{ id: "d", text: "heat" }] })).rejects.toThrow("disk gone")
    Journal.prototype.append = append
    await expect(index.change({ kind: "add", documents: [{ id: "e", text: "heat" }] })).rejects.toMatchObject({
      code: "storage",
      message: expect.stringContaining("takes no more changes"),
    })
  })

  it("lets searches end in what they began with", async () => {
    const index = await create()
    await index.change({ kind: "add", documents: [{ id: "a", text: "swift" }] })
    await index.close()
    const again = await StoredIndex.open("test", folder)
    const { retriever, release } = again.hold()
    await again.change({ kind: "replace", documents: [{ id: "b", text: "swift" }] })
    const [ranking] = await retriever!.retrieve([{ id: "q", text: "swift" }])
    expect(ranking!.hits.map(({ id }) => id)).toEqual(["a"])
    expect(await retriever!.documents!.get(["a"])).toMatchObject([{ text: "swift" }])
    release()
    await again.close()
  })

  it("tells which file is damaged", async () => {
    await (await create()).close()
    await writeFile(join(folder, "index.json"), "{")
    await expect(StoredIndex.open("test", folder)).rejects.toMatchObject({ code: "index-corrupt" })
    await writeFile(join(folder, "index.json"), '{"format":9}')
    await expect(StoredIndex.open("test", folder)).rejects.toMatchObject({ code: "index-version" })
  })
})
