import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Bm25Index } from "../retrievers/bm25/index.js"
import { search } from "../src/index.js"

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-search-"))
  await mkdir(join(folder, "guide"))
  await writeFile(join(folder, "engines.md"), "# Steam engines\n\nBoilers make steam.\n")
  await writeFile(join(folder, "guide/pumps.md"), "---\nyear: 2021\n---\n# Heat pumps\n\nPumps move heat.\n")
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true, force: true })
})

const ids = async (query: string, options: Parameters<typeof search>[1]) =>
  (await search(query, options)).hits.map(({ id }) => id)

describe("search", () => {
  it("finds documents of a folder, with their texts", async () => {
    const ranking = await search("heat", { in: folder })
    expect(ranking).toMatchObject({ status: "ranked", scoreKind: "bm25" })
    expect(ranking.hits.map(({ id, document }) => [id, document?.title])).toEqual([["guide/pumps.md", "Heat pumps"]])
  })

  it("remembers the index while nothing changes, and sees every change", async () => {
    const build = vi.spyOn(Bm25Index, "build")
    await search("steam", { in: folder })
    await search("pumps", { in: folder })
    expect(build).toHaveBeenCalledTimes(1)

    await writeFile(join(folder, "new.md"), "# Valves\n\nA valve lets steam out.\n")
    expect(await ids("valve", { in: folder })).toEqual(["new.md"])
    expect(build).toHaveBeenCalledTimes(2)

    // The same number of bytes: the time of change tells.
    await writeFile(join(folder, "new.md"), "# Cranks\n\nA crank lets steam out.\n")
    await utimes(join(folder, "new.md"), new Date(), new Date(Date.now() + 2000))
    expect(await ids("crank", { in: folder })).toEqual(["new.md"])

    await rm(join(folder, "new.md"))
    expect(await ids("crank", { in: folder })).toEqual([])
    expect(build).toHaveBeenCalledTimes(4)
  })

  it("builds one index for questions asked at the same time", async () => {
    const build = vi.spyOn(Bm25Index, "build")
    const [first, second] = await Promise.all([search("steam", { in: folder }), search("heat", { in: folder })])
    expect([first, second].map(({ hits }) => hits[0]!.id)).toEqual(["engines.md", "guide/pumps.md"])
    expect(build).toHaveBeenCalledTimes(1)
  })

  it("does not fail because somebody else stopped waiting", async () => {
    const controller = new AbortController()
    const stopped = search("steam", { in: folder, signal: controller.signal })
    const waiting = search("steam", { in: folder })
    controller.abort()
    await expect(stopped).rejects.toMatchObject({ code: "aborted" })
    expect((await waiting).hits).toHaveLength(1)
  })

  it("searches documents in memory, remembered by their array", async () => {
    const build = vi.spyOn(Bm25Index, "build")
    const documents = [
      { id: "a", text: "steam" },
      { id: "b", text: "heat" },
    ]
    expect(await ids("steam", { in: documents })).toEqual(["a"])
    await search("heat", { in: documents })
    expect(build).toHaveBeenCalledTimes(1)
    documents.push({ id: "c", text: "steam and steam" })
    expect(await ids("steam", { in: documents, topK: 1 })).toEqual(["c"])
  })

  it("filters, and says what is wrong", async () => {
    expect(await ids("steam heat", { in: folder, filter: { year: 2021 } })).toEqual(["guide/pumps.md"])
    await expect(search("x", { in: join(folder, "nowhere") })).rejects.toMatchObject({ code: "not-found" })
    await expect(search("x", { in: [] })).rejects.toMatchObject({ code: "argument" })
    await expect(search("x", { in: folder, topK: 0 })).rejects.toMatchObject({ code: "argument" })
  })
})
