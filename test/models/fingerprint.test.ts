import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { digestOfFiles, fingerprintOf } from "../../src/models/fingerprint.js"

describe("fingerprintOf", () => {
  it("is the same for equal settings in any order, and another for any other", () => {
    const settings = { checksum: "c", maxLength: 128, prompts: { query: "q: ", document: "" }, normalized: true }
    const same = { normalized: true, prompts: { document: "", query: "q: " }, maxLength: 128, checksum: "c" }
    const fingerprint = fingerprintOf("embedder", settings)
    expect(fingerprint).toMatch(/^[0-9a-f]{32}$/)
    expect(fingerprintOf("embedder", same)).toBe(fingerprint)
    expect(fingerprintOf("embedder", { ...settings, label: undefined })).toBe(fingerprint)
    const others = [
      fingerprintOf("sparse-encoder", settings),
      fingerprintOf("embedder", { ...settings, maxLength: 127 }),
      fingerprintOf("embedder", { ...settings, maxLength: Number.POSITIVE_INFINITY }),
      fingerprintOf("embedder", { ...settings, maxLength: null }),
      fingerprintOf("embedder", { ...settings, normalized: false }),
      fingerprintOf("embedder", { ...settings, prompts: { query: "", document: "q: " } }),
      fingerprintOf("embedder", { ...settings, precision: "int8" }),
    ]
    expect(new Set([fingerprint, ...others]).size).toBe(others.length + 1)
  })
})

describe("digestOfFiles", () => {
  it("changes with each file that changes answers, and with no other", async () => {
    const folder = await mkdtemp(join(tmpdir(), "rankine-digest-"))
    const seen = [await digestOfFiles(folder)]
    for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
      await writeFile(join(folder, name), "{}")
      seen.push(await digestOfFiles(folder))
      await writeFile(join(folder, name), "{ }")
      seen.push(await digestOfFiles(folder))
    }
    expect(new Set(seen).size).toBe(7)
    await writeFile(join(folder, "README.md"), "words")
    expect(await digestOfFiles(folder)).toBe(seen.at(-1))
    await rm(folder, { recursive: true })
  })
})
