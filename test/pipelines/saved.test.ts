import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { buildPipeline, isSavedPipeline, openSavedPipeline, savePipeline } from "../../src/pipelines/index.js"

const documents = [
  { id: "a", text: "Steam engines turn heat into work" },
  { id: "b", text: "Heat pumps move warmth from outside to inside" },
  { id: "c", title: "Birds", text: "Swifts sleep while they fly" },
]
const queries = [
  { id: "1", text: "how do birds sleep?" },
  { id: "2", text: "engine" },
]
const spec = {
  retriever: { fuse: { retrievers: ["bm25", "dense"], method: "wsum", norm: "min-max", weights: [0.65, 0.35] } },
  stages: [{ cut: 2 }],
}

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-saved-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const plain = (rankings: Awaited<ReturnType<Awaited<ReturnType<typeof buildPipeline>>["retrieve"]>>) =>
  rankings.map(({ hits }) => hits.map(({ id, score }) => [id, score]))

describe("a pipeline in a directory", () => {
  test("ranks as the one that was saved, without the documents", async () => {
    const context = { documents: () => documents }
    const saved = await savePipeline(spec, folder, context)
    const loaded = await openSavedPipeline(folder)
    const expected = plain(await (await buildPipeline(spec, context)).retrieve(queries))
    expect(expected[0]![0]![0]).toBe("c")
    expect(plain(await saved.retrieve(queries))).toEqual(expected)
    expect(plain(await loaded.retrieve(queries))).toEqual(expected)
    expect((await loaded.documents!.get(["c"]))[0]?.title).toBe("Birds")
    expect(await isSavedPipeline(folder)).toBe(true)
    expect(await isSavedPipeline(join(folder, "elsewhere"))).toBe(false)
  })

  test("replaces the one before it and leaves nothing of it", async () => {
    await savePipeline(spec, folder, { documents: () => documents })
    const before = await readdir(folder)
    await savePipeline("bm25", folder, { documents: () => documents.slice(0, 2) })
    const after = await readdir(folder)
    expect(after).toHaveLength(before.length)
    expect(after).not.toEqual(before)
    expect(plain(await (await openSavedPipeline(folder)).retrieve([queries[0]!]))[0]).toEqual([])
  })

  test("leaves the old one whole where building the new one fails", async () => {
    await savePipeline("bm25", folder, { documents: () => documents })
    const twice = [documents[0]!, documents[0]!]
    await expect(savePipeline(spec, folder, { documents: () => twice })).rejects.toMatchObject({ code: "data" })
    expect(plain(await (await openSavedPipeline(folder)).retrieve([queries[1]!]))[0]![0]![0]).toBe("a")
    expect((await readdir(folder)).filter((name) => name.startsWith("indexes-"))).toHaveLength(1)
  })

  test("says what cannot be saved, before anything is built", async () => {
    let read = false
    const source = () => {
      read = true
      return documents
    }
    await expect(savePipeline("elasticlunr", folder, { documents: source })).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("elasticlunr cannot be saved"),
    })
    expect(read).toBe(false)
  })

  test("refuses what another version or a damaged disk wrote", async () => {
    await expect(openSavedPipeline(folder)).rejects.toMatchObject({ code: "not-found" })
    await savePipeline("bm25", folder, { documents: () => documents })
    const path = join(folder, "pipeline.json")
    const file = JSON.parse(await readFile(path, "utf8"))
    await writeFile(path, JSON.stringify({ ...file, format: 99 }))
    await expect(openSavedPipeline(folder)).rejects.toMatchObject({ code: "index-version" })
    await writeFile(path, "{")
    await expect(openSavedPipeline(folder)).rejects.toMatchObject({ code: "index-corrupt" })
  })
})
