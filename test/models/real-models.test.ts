/** Models with trained weights, against numbers of sentence-transformers and transformers on torch. */
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { loadEmbedder } from "../../src/models/embedder.js"
import { defaultModelsDir } from "../../src/models/locate.js"
import { loadSparseEncoder } from "../../src/models/sparse-encoder.js"
import { loadTokenizer } from "../../src/models/tokenizer.js"

const shared = join(import.meta.dirname, "../../../shared/models")
const miniLm = join(defaultModelsDir(), "all-MiniLM-L6-v2")
const withoutRuntime = !installed("onnxruntime-node")

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

interface Reference {
  readonly text: string
  readonly input_ids: readonly number[]
}

async function references<Entry>(name: string): Promise<(Reference & Entry)[]> {
  return JSON.parse(await readFile(join(shared, "reference", name), "utf8"))
}

describe.skipIf(withoutRuntime || !existsSync(shared) || !existsSync(join(miniLm, "model.safetensors")))(
  "all-MiniLM-L6-v2",
  () => {
    it("gives the embeddings of sentence-transformers", async () => {
      const entries = await references<{ embedding: number[] }>("all-MiniLM-L6-v2.json")
      await using model = await loadEmbedder("all-MiniLM-L6-v2", { device: "cpu", maxLength: 256 })
      expect(model).toMatchObject({ dimension: 384, pooling: "mean", normalized: true, maxLength: 256 })
      const { vectors, truncated, tokens } = await model.embed(
        entries.map(({ text }) => text),
        "document",
      )
      for (const [index, { embedding, text }] of entries.entries())
        for (const [component, value] of embedding.entries())
          expect(Math.abs(vectors[index][component] - value), text.slice(0, 30)).toBeLessThan(1e-5)
      const tokenizer = await loadTokenizer(miniLm)
      for (const { text, input_ids } of entries)
        expect(tokenizer.encode(text, { maxLength: 256 }).ids).toEqual(input_ids)
      expect(tokens).toBe(entries.reduce((sum, { input_ids }) => sum + input_ids.length, 0))
      expect(truncated).toEqual([entries.findIndex(({ input_ids }) => input_ids.length === 256)])
    })
  },
)

describe.skipIf(withoutRuntime || !existsSync(shared))("splade-tiny", () => {
  it("gives the term weights of transformers, whatever else is in the batch", async () => {
    const entries = await references<{ nonzero: number; weights: Record<string, number> }>("splade-tiny.json")
    await using model = await loadSparseEncoder(join(shared, "splade-tiny"), { device: "cpu", maxLength: 256 })
    const { vectors, truncated } = await model.embed(
      entries.map(({ text }) => text),
      "document",
    )
    for (const [index, { weights, nonzero, text, input_ids }] of entries.entries()) {
      const ours = new Map([...vectors[index].ids].map((id, at) => [id, vectors[index].weights[at]]))
      // A logit of almost exactly zero may fall on either side.
      expect(Math.abs(ours.size - nonzero), text.slice(0, 30)).toBeLessThanOrEqual(1)
      for (const [id, weight] of Object.entries(weights))
        expect(Math.abs((ours.get(Number(id)) ?? 0) - weight), `${text.slice(0, 30)} ${id}`).toBeLessThan(2e-5)
      const [alone] = await model.encode([text], "query")
      expect([...alone.ids]).toEqual([...vectors[index].ids])
      expect(truncated.includes(index)).toBe(input_ids.length === 256)
    }
    expect(model.termOf(3756)).toBe("yellow")
  })

  it("drops light terms when told", async () => {
    await using all = await loadSparseEncoder(join(shared, "splade-tiny"), { device: "cpu" })
    await using heavy = await loadSparseEncoder(join(shared, "splade-tiny"), { device: "cpu", threshold: 1 })
    const text = "Bananas are yellow and rich in potassium."
    const [[full], [cut]] = await Promise.all([all.encode([text], "query"), heavy.encode([text], "query")])
    expect([...cut.ids]).toEqual([...full.ids].filter((_, at) => full.weights[at] > 1))
    expect(cut.ids.length).toBeGreaterThan(3)
    expect(cut.ids.length).toBeLessThan(full.ids.length)
  })
})
