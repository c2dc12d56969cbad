import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { openDataset } from "../../../datasets/index.js"
import { DenseIndex, type IndexKind } from "../../../retrievers/dense/index.js"
import { evaluateRankings } from "../../../src/evaluation/index.js"
import { loadStaticEmbedder, type StaticEmbedder } from "../../../src/models/static-embedder.js"
import { hasHnsw, hasUsearch } from "./available.js"

const shared = resolve(import.meta.dirname, "../../../../shared")
const models = join(shared, "models")

async function nDCG(name: string, encoder: StaticEmbedder, index: IndexKind = "flat"): Promise<number> {
  const dataset = await openDataset(join(shared, "data", name))
  const dense = await DenseIndex.build(dataset.documents(), { encoder, index })
  const rankings = await dense.retrieve(dataset.queries, { topK: 10 })
  await dense[Symbol.asyncDispose]()
  return evaluateRankings(rankings, dataset.qrels, ["nDCG@10"]).measures["nDCG@10"]!
}

// The figures come with the models, computed by other programs (numpy over the Rust tokenizers).
describe.skipIf(!existsSync(join(models, "potion-base-4M-int8")))("potion-base-4M-int8", () => {
  let encoder: StaticEmbedder
  beforeAll(async () => {
    encoder = await loadStaticEmbedder(join(models, "potion-base-4M-int8"))
  })

  it.each([
    ["scifact", 0.4598],
    ["nfcorpus", 0.2283],
    ["cranfield", 0.4043],
    ["cacm", 0.2352],
    ["lisa", 0.3128],
    ["time", 0.6001],
  ])("has the known nDCG@10 on %s", async (name, expected) => {
    expect(await nDCG(name, encoder)).toBeCloseTo(expected, 4)
  })

  for (const [index, there, loss] of [
    ["flat-int8", true, 0.0005],
    ["flat-binary", true, 0.01],
    ["hnsw", hasHnsw, 0.004],
    ["usearch", hasUsearch, 0.004],
  ] as const)
    it.skipIf(!there)(`loses next to nothing with ${index}`, async () => {
      expect(Math.abs((await nDCG("nfcorpus", encoder, index)) - 0.2283)).toBeLessThan(loss)
    })
})

// Computed by numpy over the Rust tokenizers, from the same files.
describe.skipIf(!existsSync(join(models, "model2vec-fixture-vocab-quantized")))("the quantised vocabulary", () => {
  it.each([
    ["cranfield", 0.155],
    ["nfcorpus", 0.0492],
  ])("has the known nDCG@10 on %s", async (name, expected) => {
    const encoder = await loadStaticEmbedder(join(models, "model2vec-fixture-vocab-quantized"))
    expect(await nDCG(name, encoder)).toBeCloseTo(expected, 4)
  })
})
