import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Bm25Index } from "../../../retrievers/bm25/index.js"
import { type ContentWriter, readManifest, replaceContent } from "../../../retrievers/storage/directory.js"

const format = { name: "test", version: 3 }
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-directory-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Content of one file that holds `text`. */
const one =
  (text: string): ContentWriter<{ file: string }> =>
  async (path, fileName) => {
    const file = fileName("texts", "bin")
    await writeFile(join(path, file), text)
    return { file }
  }
const read = async (path: string) => {
  const { body, files } = await readManifest<{ file: string }>(path, format)
  expect(files).toContain(body.file)
  return readFile(join(path, body.file), "utf8")
}

describe("content that is replaced in one step", () => {
  it("is what was written last, and the files before are gone", async () => {
    const path = join(folder, "plain")
    await replaceContent(path, format, one("first"))
    await replaceContent(path, format, one("second"))
    expect(await read(path)).toBe("second")
    expect((await readdir(path)).length).toBe(2)
  })

  it("stays as it was when writing fails, without a trace of the new", async () => {
    const path = join(folder, "failing")
    await replaceContent(path, format, one("old"))
    const files = await readdir(path)
    await expect(
      replaceContent(path, format, async (...place) => {
        await one("new")(...place)
        throw new Error("no space left on device")
      }),
    ).rejects.toMatchObject({ code: "storage", message: expect.stringContaining("unchanged") })
    expect(await readdir(path)).toEqual(files)
    expect(await read(path)).toBe("old")
  })

  it("takes over files of the content before, and no others", async () => {
    const path = join(folder, "kept")
    await replaceContent(path, format, one("same"))
    const { file } = (await readManifest<{ file: string }>(path, format)).body
    await writeFile(join(path, "foreign.bin"), "")
    await replaceContent(path, format, async (_folder, _fileName, keep) => {
      expect([keep(file), keep("foreign.bin"), keep("index.json")]).toEqual([true, false, false])
      return { file }
    })
    expect(await read(path)).toBe("same")
    expect((await readManifest(path, format)).files).toEqual([file])
  })

  it("sweeps up what killed saves left once it is old, and nothing else", async () => {
    const path = join(folder, "swept")
    const unique = "01234567-89ab-4cde-8f01-23456789abcd"
    await replaceContent(path, format, one("first"))
    const old = [`segment-${unique}.bin`, `manifest-${unique}.tmp`]
    const others = [`documents-${unique}.bin`, `holiday-${unique}.bin`, "segment-mine.bin"]
    for (const name of [...old, ...others]) {
      await writeFile(join(path, name), "")
      // The first of the others is young: it may belong to a save that is under way.
      if (name !== others[0]) await utimes(join(path, name), 1e9, 1e9)
    }
    await replaceContent(path, format, one("second"))
    const left = await readdir(path)
    expect(left).toEqual(expect.arrayContaining(others))
    expect(left.filter((name) => old.includes(name))).toEqual([])
  })

  it("is not read as, nor overwritten by, another kind", async () => {
    const path = join(folder, "kinds")
    await replaceContent(path, format, one("mine"))
    for (const other of [
      { name: "else", version: 3 },
      { name: "test", version: 4 },
    ])
      await expect(readManifest(path, other)).rejects.toMatchObject({ code: "index-version" })
    const bm25 = await Bm25Index.build([{ id: "a", text: "steam" }])
    await expect(bm25.save(path)).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining("another kind"),
    })
    expect(await read(path)).toBe("mine")
    // Of another version of its own kind it may be.
    await replaceContent(path, { name: "test", version: 4 }, one("newer"))
    expect((await readdir(path)).length).toBeGreaterThan(1)
    await expect(readManifest(path, format)).rejects.toMatchObject({ code: "index-version" })
  })
})
