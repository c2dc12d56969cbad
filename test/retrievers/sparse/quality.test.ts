import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openDataset } from "../../../datasets/index.js"
import { SparseIndex } from "../../../retrievers/sparse/index.js"
import { evaluateRankings } from "../../../src/evaluation/index.js"
import { loadSparseEncoder, type SparseEncoder } from "../../../src/models/sparse-encoder.js"

const shared = resolve(import.meta.dirname, "../../../../shared")
const model = join(shared, "models/splade-tiny")

// The figures come with the model, computed by transformers on torch with exact float weights.
describe.skipIf(!existsSync(model))("splade-tiny", () => {
  let encoder: SparseEncoder
  let queryEncoder: SparseEncoder
  beforeAll(async () => {
    encoder = await loadSparseEncoder(model, { maxLength: 256 })
    queryEncoder = await loadSparseEncoder(model, { maxLength: 128 })
  })
  afterAll(async () => {
    await encoder?.[Symbol.asyncDispose]()
    await queryEncoder?.[Symbol.asyncDispose]()
  })

  // The smaller collections; SciFact, NFCorpus and LISA take minutes and belong to the benchmark.
  it.each([
    ["cranfield", 0.492],
    ["cacm", 0.4121],
    ["time", 0.617],
  ])("has the known nDCG@10 on %s, with weights dropped and rounded", async (name, expected) => {
    const dataset = await openDataset(join(shared, "data", name))
    const index = await SparseIndex.build(dataset.documents(), { encoder, queryEncoder })
    const rankings = await index.retrieve(dataset.queries, { topK: 10 })
    const measured = evaluateRankings(rankings, dataset.qrels, ["nDCG@10"]).measures["nDCG@10"]!
    expect(Math.abs(measured - expected)).toBeLessThan(0.005)
    expect(index.stats.truncated).toBeGreaterThan(0)
    const [explained] = await index.retrieve(dataset.queries.slice(0, 1), { topK: 1, explain: true })
    expect(explained!.hits[0]!.explanation!.details!.map(({ description }) => description)).not.toContain(undefined)
    await index[Symbol.asyncDispose]()
  })
})
