import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { loadRegistry, parseRegistry } from "../../../src/models/registry/index.js"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-registry-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

const minimal = "- { name: my-model, kind: embedder, source: a card, pooling: cls, languages: [de] }\n"

describe("the registry", () => {
  it("finds a model by short name, repository, alias, path and cache folder", async () => {
    const registry = await loadRegistry()
    const entry = registry.find("all-MiniLM-L6-v2")
    expect(entry).toMatchObject({ kind: "embedder", pooling: "mean", maxLength: 256, languages: ["en"] })
    for (const name of [
      "sentence-transformers/all-MiniLM-L6-v2",
      "ALL-minilm-l6-v2",
      "xenova/all-MiniLM-L6-v2",
      "/somewhere/else/all-MiniLM-L6-v2/",
      "C:\\models\\sentence-transformers\\all-MiniLM-L6-v2",
      "/cache/hub/models--sentence-transformers--all-MiniLM-L6-v2/snapshots/c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
    ])
      expect(registry.find(name), name).toBe(entry)
    expect(registry.find("unheard-of")).toBeUndefined()
    // A fine-tuned copy in a cache is not the model whose name it continues.
    expect(registry.find("/hub/models--someone--all-MiniLM-L6-v2-tuned/snapshots/1")).toBeUndefined()
  })

  it("has every kind, a source for each entry, and templates that end as the makers publish them", async () => {
    const { entries, find } = await loadRegistry()
    expect(new Set(entries.map(({ kind }) => kind)).size).toBe(7)
    for (const entry of entries) expect(entry.source, entry.name).toMatch(/^https:/)
    const qwen = find("Qwen/Qwen3-Reranker-0.6B")
    expect(qwen?.template).toMatch(/^<\|im_start\|>system\nJudge whether .*\n<Instruct>: \{instruction\}\n/s)
    expect(qwen?.template?.endsWith("<|im_start|>assistant\n<think>\n\n</think>\n\n")).toBe(true)
    expect(qwen?.answers).toEqual(["yes", "no"])
    expect(find("Qwen3-Reranker-8B")?.template).toBe(qwen?.template)
    expect(find("monot5-base-msmarco")?.answers).toEqual(["true", "false"])
    expect(find("e5-small-v2")?.prompts).toEqual({ query: "query: ", document: "passage: " })
    expect(find("cross-encoder/ms-marco-MiniLM-L-6-v2")?.name).toBe("ms-marco-MiniLM-L6-v2")
  })

  it("adds a user's own file, whose entries win, and reads it again once it is right", async () => {
    const path = join(folder, "own.yaml")
    await writeFile(path, "- { name: x, kind: embedder, source: s, poling: cls }")
    await expect(loadRegistry({ registry: path })).rejects.toMatchObject({ code: "configuration" })
    await writeFile(
      path,
      `${minimal}- { name: mine, aliases: [Xenova/all-MiniLM-L6-v2], kind: sparse, source: here }\n`,
    )
    vi.stubEnv("RANKINE_REGISTRY", path)
    const registry = await loadRegistry()
    expect(registry.find("my-model")).toMatchObject({ pooling: "cls", languages: ["de"] })
    expect(registry.find("Xenova/all-MiniLM-L6-v2")?.name).toBe("mine")
    expect(registry.find("splade-tiny")?.kind).toBe("sparse")
    await expect(loadRegistry({ registry: join(folder, "absent.yaml") })).rejects.toMatchObject({ code: "not-found" })
  })

  it("names file, entry and field of what does not fit", () => {
    const failure = (text: string): { code?: string; message?: string } => {
      try {
        parseRegistry(text, "own.yaml")
        return {}
      } catch (thrown) {
        return thrown as { code: string; message: string }
      }
    }
    expect(failure("name: [")).toMatchObject({ code: "configuration", message: expect.stringContaining("own.yaml") })
    expect(failure("name: x").message).toContain("must be a list")
    const wrong = failure(`${minimal}- { name: second, kind: reranker, source: s }`)
    expect(wrong.message).toContain("own.yaml, entry 2 (second): kind")
    expect(failure("- { name: x, kind: t5, source: s, template: 'Query: {query}' }").message).toContain("template")
    expect(failure(`${minimal}- { name: b, aliases: [My-Model], kind: t5, source: s }`).message).toContain(
      "both go by the name my-model",
    )
  })
})
