import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { openBundled, openDataset } from "../../datasets/index.js"
import { collect, failure, sharedData } from "./helpers.js"

const assets = join(import.meta.dirname, "../../assets/mbpp")

describe("the bundled collection", () => {
  it("has 974 problems, each answered by its solution", async () => {
    const dataset = await openBundled("mbpp")
    const documents = new Map((await collect(dataset.documents())).map((document) => [document.id, document]))
    expect(documents.size).toBe(974)
    expect(dataset.queries).toHaveLength(974)
    expect(dataset.warnings).toEqual([])
    for (const query of dataset.queries) {
      expect(dataset.qrels.get(query.id)!.get(`mbpp-${query.id.slice(2)}`)).toBe(1)
      for (const id of dataset.qrels.get(query.id)!.keys()) expect(documents.get(id)!.text).not.toContain(query.text)
    }
    for (const { text } of documents.values()) expect(text).not.toContain("\r")
    expect(dataset).toMatchObject({ name: "mbpp", split: "test", description: { terms: "CC BY 4.0" } })
    expect(JSON.stringify(dataset.description)).not.toContain(import.meta.dirname.split("/test/")[0])
    expect((await openDataset("mbpp")).queries).toEqual(dataset.queries)
  })

  it("counts every solution of a statement that occurs twice", async () => {
    const dataset = await openBundled()
    const judgements = [...dataset.qrels.values()].reduce((sum, grades) => sum + grades.size, 0)
    const byText = new Map<string, number>()
    for (const { text } of dataset.queries) byText.set(text, (byText.get(text) ?? 0) + 1)
    expect(judgements).toBe([...byText.values()].reduce((sum, count) => sum + count * count, 0))
    expect(judgements).toBe(982)
  })

  it("is small, and named in NOTICE", () => {
    const files = readdirSync(assets, { recursive: true, encoding: "utf8" }).map((path) => statSync(join(assets, path)))
    expect(files.filter((file) => file.isFile()).reduce((sum, file) => sum + file.size, 0)).toBeLessThan(300_000)
    const notice = readFileSync(join(assets, "../../NOTICE"), "utf8")
    for (const part of ["assets/mbpp", "Creative Commons Attribution 4.0", "Google Research", "Changes made"])
      expect(notice).toContain(part)
  })

  it("knows no other", async () => {
    expect(await failure(() => openBundled("other" as "mbpp"))).toMatchObject({ code: "not-found" })
  })

  const source = join(sharedData, "mbpp/mbpp.jsonl")
  it.skipIf(!existsSync(source))("holds the solutions of the original file", () => {
    const originals = readFileSync(source, "utf8").trim().split("\n")
    const hash = (lines: readonly string[]) => createHash("sha256").update(lines.join("\0")).digest("hex")
    const codes = originals.map((line) => (JSON.parse(line) as { code: string }).code.replace(/\r\n?/g, "\n"))
    const corpus = gunzipSync(readFileSync(join(assets, "corpus.jsonl.gz")))
      .toString()
      .trim()
      .split("\n")
    expect(hash(corpus.map((line) => (JSON.parse(line) as { text: string }).text))).toBe(hash(codes))
  })

  it("refuses a split that is not there", async () => {
    await expect(openDataset("mbpp", { split: "nowhere" })).rejects.toMatchObject({ code: "not-found" })
  })
})
