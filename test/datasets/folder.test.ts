import { symlinkSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { openFolder } from "../../datasets/index.js"
import { collect, failure, folderWith, jsonl } from "./helpers.js"

const files = {
  "b.md": "---\ntitle: Steam Tables\ntags: [heat]\n---\n# Other\n\nText.\n",
  "a/deep/Notes.MD": "intro\n\n## Using `heat`\n",
  "a/plain.txt": "# just text\n",
  "a/rows.jsonl": jsonl({ _id: "row", text: "one" }, { text: "two", kind: "x" }),
  "a/packed.ndjson.gz": gzipSync(jsonl({ id: 7, title: "Seven", contents: "three" })),
  "bad.md": "---\ntitle: [\n---\nbody\n",
  ".hidden/secret.md": "# no",
  ".secret.md": "# no",
  "node_modules/package/README.md": "# Package",
  "picture.png": new Uint8Array([137, 80, 78, 71, 0]),
  "binary.txt": new Uint8Array([97, 0, 98]),
  "latin.txt": new Uint8Array([0x66, 0xfc, 0x72]),
  "windows.txt": new Uint8Array([0xff, 0xfe, 0x68, 0, 0x69, 0]),
  "empty.txt": "",
}

describe("openFolder", () => {
  it("finds documents, their ids and titles, and counts what it skipped", async () => {
    const folder = await openFolder(folderWith(files), { name: "notes" })
    const documents = await collect(folder.documents())
    expect(documents.map(({ id, title }) => [id, title])).toEqual([
      ["a/deep/Notes.MD", "Using heat"],
      ["7", "Seven"],
      ["a/plain.txt", "plain"],
      ["row", undefined],
      ["a/rows.jsonl:2", undefined],
      ["b.md", "Steam Tables"],
      ["bad.md", "bad"],
      ["empty.txt", "empty"],
      ["latin.txt", "latin"],
      ["windows.txt", "windows"],
    ])
    const byId = new Map(documents.map((document) => [document.id, document]))
    expect(byId.get("b.md")).toMatchObject({ text: "# Other\n\nText.\n", metadata: { tags: ["heat"], path: "b.md" } })
    expect(files["b.md"].slice(byId.get("b.md")!.metadata!.textStart as number)).toBe(byId.get("b.md")!.text)
    expect(byId.get("bad.md")!.text).toBe(files["bad.md"])
    expect(byId.get("a/rows.jsonl:2")!.metadata).toEqual({ kind: "x" })
    expect(byId.get("latin.txt")!.text).toBe("f\ufffdr")
    expect(byId.get("windows.txt")!.text).toBe("hi")
    expect(folder.warnings).toEqual([
      { code: "skipped-file", count: 1, ids: ["binary.txt"] },
      { code: "invalid-utf8", count: 1, ids: ["latin.txt"] },
      { code: "empty-document", count: 1, ids: ["empty.txt"] },
    ])
    expect(folder.size).toBe(10)
    expect(folder.description).toEqual({ name: "notes", form: "folder", files: 10 })
  })

  it("reads node_modules and other endings when asked", async () => {
    const folder = folderWith({ ...files, "code.py": "print()\n" })
    const ids = async (options: Parameters<typeof openFolder>[1]) =>
      (await collect((await openFolder(folder, options)).documents())).map(({ id }) => id)
    expect(await ids({ nodeModules: true })).toContain("node_modules/package/README.md")
    expect(await ids({ extensions: [".py"] })).toContain("code.py")
    expect(await ids({})).not.toContain("code.py")
  })

  it("takes several folders and files, and keeps them apart", async () => {
    const one = folderWith({ "x/a.md": "# A", "y/a.md": "# B", "loose.py": "# C" })
    const folder = await openFolder([join(one, "x"), join(one, "y"), join(one, "loose.py")])
    expect((await collect(folder.documents())).map(({ id }) => id)).toEqual(["loose.py", "x/a.md", "y/a.md"])
    expect((await failure(() => openFolder([join(one, "x"), join(one, "x")]))).message).toContain(
      "would both be x/a.md",
    )
  })

  it("cuts into chunks", async () => {
    const folder = await openFolder(folderWith({ "g.md": "# Guide\n\nHello.\n\n## Install\n\nDo it.\n" }), {
      chunk: {},
    })
    expect(await collect(folder.documents())).toMatchObject([
      { id: "g.md#0", parentId: "g.md", title: "Guide", metadata: { path: "g.md", start: 0, overlap: 0 } },
      { id: "g.md#1", parentId: "g.md", title: "Guide > Install" },
    ])
    expect(folder.description).toMatchObject({ chunk: { maxTokens: 400, overlap: 40, countTokens: "words" } })
  })

  it("does not run in a circle of links", async () => {
    const folder = folderWith({ "a.md": "# A" })
    symlinkSync(folder, join(folder, "again"))
    symlinkSync(join(folder, "nowhere"), join(folder, "dangling.md"))
    const collection = await openFolder(folder)
    expect(await collect(collection.documents())).toHaveLength(1)
    expect(collection.warnings).toEqual([{ code: "skipped-file", count: 1, ids: ["dangling.md"] }])
  })

  it("reports progress over files", async () => {
    const events: string[] = []
    const folder = await openFolder(folderWith({ "a.md": "a", "b.md": "b" }))
    await collect(
      folder.documents({ onProgress: ({ stage, done, total }) => events.push(`${stage} ${done}/${total}`) }),
    )
    expect(events).toEqual(["files 1/2", "files 2/2"])
  })

  it.each([
    ["nothing to read", { "a.png": "x" }, "not-found", /no Markdown, text or JSONL/],
    ["only binary files", { "a.txt": new Uint8Array([0]) }, "data", /could be read as text/],
    ["a broken line", { "a.jsonl": '{"text": "x"}\n{' }, "data", /a\.jsonl:2: /],
    [
      "one id twice",
      { "a.jsonl": jsonl({ id: "z", text: "" }), "b.jsonl": jsonl({ id: "z", text: "" }) },
      "data",
      /a\.jsonl and in .*b\.jsonl/,
    ],
  ])("refuses %s", async (_, content, code, message) => {
    const error = await failure(async () => collect((await openFolder(folderWith(content))).documents()))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })

  it("refuses what is not there", async () => {
    expect(await failure(() => openFolder("/no/such/folder"))).toMatchObject({ code: "not-found" })
    expect(await failure(() => openFolder([]))).toMatchObject({ code: "argument" })
  })
})
