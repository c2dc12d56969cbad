import { mkdtemp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { biEncoder, pointwise } from "../../../rerankers/pointwise/index.js"
import { loadCrossEncoder } from "../../../src/models/cross-encoder.js"
import { embeddedModel } from "../../../src/models/embedded.js"
import { loadStaticEmbedder } from "../../../src/models/static-embedder.js"
import golden from "../../models/fixtures/cross-encoder.json" with { type: "json" }
import { writeLittleModel } from "../../models/fixtures/little-models.js"
import { idsOf, rankingOf } from "./fakes.js"

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

describe.skipIf(!installed("onnxruntime-node"))("pointwise with a cross-encoder", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rankine-pointwise-"))
    await writeLittleModel(folder, golden.little)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const pairs = golden.little.pairs
  const asked = () =>
    pairs.map(([query, document], at) => rankingOf(query!, [document, `${document} w9 w10`], `q${at}`))

  it("gives the reference's scores, and warns of what was cut", async () => {
    await using model = await loadCrossEncoder(folder, { device: "cpu" })
    const results = await pointwise(model).rerank(asked())
    results.forEach((ranking, at) => {
      const first = ranking.hits.find(({ id }) => id === `q${at}-0`)!
      expect(first.score).toBeCloseTo(golden.little.labels["1"].scores[at]!, 5)
      expect(ranking.scoreKind).toBe("probability")
      expect(ranking.hits[0]!.score).toBeGreaterThanOrEqual(ranking.hits[1]!.score)
    })
    expect(results[4]!.warnings).toEqual([{ code: "truncated", count: 2, ids: ["q4-0", "q4-1"] }])
    expect(results[0]!.usage.promptTokens).toBe(3 + 5 + 3 + 3 + 7 + 3)
  })

  it("reads long documents in windows, and shows the best one", async () => {
    await using model = await loadCrossEncoder(folder, { device: "cpu", passages: { maxTokens: 16 } })
    const [query, document] = pairs[4] as [string, string]
    const [ranking] = await pointwise(model).rerank([rankingOf(query, [document, "w9"])])
    expect(ranking!.warnings).toEqual([])
    const [start, end] = ranking!.hits.find(({ id }) => id === "q-0")!.span!
    const alone = await model.score([{ query, document: document.slice(start, end) }])
    expect(ranking!.hits.find(({ id }) => id === "q-0")!.score).toBeCloseTo(alone.scores[0]!, 5)
    expect(ranking!.hits.find(({ id }) => id === "q-1")!.span).toBeUndefined()
  })

  it("answers many callers at once as it answers one", async () => {
    await using model = await loadCrossEncoder(folder, { device: "cpu" })
    const reranker = pointwise(model)
    const together = await reranker.rerank(asked())
    const apart = await Promise.all(asked().map(async (ranking) => (await reranker.rerank([ranking]))[0]!))
    apart.forEach(({ hits }, at) => {
      hits.forEach(({ id, score }, rank) => {
        expect(id).toBe(together[at]!.hits[rank]!.id)
        expect(score).toBeCloseTo(together[at]!.hits[rank]!.score, 5)
      })
    })
  })
})

describe("bi-encoder with the embedded static model", () => {
  it("prefers what means the same, without a word in common", async () => {
    const model = await loadStaticEmbedder(embeddedModel("potion-base-4M"))
    const texts = ["Parking fees rise on Tuesday.", "The physician treats patients in a clinic.", "Granite is hard."]
    const [ranking] = await biEncoder(model).rerank([rankingOf("doctor in hospital", texts)])
    expect(idsOf(ranking!)[0]).toBe("q-1")
    expect(ranking!.hits[0]!.score).toBeLessThanOrEqual(1)
    expect(ranking!.usage.promptTokens).toBeGreaterThan(0)
  })
})
