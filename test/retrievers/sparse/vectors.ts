/** Random sparse vectors with many ties, and what an index must make of them, computed the plain way. @module */
import { compareHits, type Document, type Hit, Random } from "../../../src/core/index.js"
import type { SparseVector } from "../../../src/models/sparse-encoder.js"

export const vocabulary = 200
export const model = { name: "made elsewhere", checksum: "given", vocabulary, maxLength: 64, fingerprint: "given" }

export function randomVector(random: Random, terms: number): SparseVector {
  const weights = new Map<number, number>()
  for (let i = random.integer(terms + 1); i > 0; i--)
    // A few weights are beyond what eight bits hold in steps of 1/64.
    weights.set(
      Math.floor(vocabulary * random.float() ** 3),
      random.integer(40) === 0 ? 4 + 3 * random.float() : Math.fround(random.integer(30) / 10 + random.float() / 50),
    )
  const ids = [...weights.keys()].sort((left, right) => left - right)
  return { ids: Uint32Array.from(ids), weights: Float32Array.from(ids, (id) => weights.get(id)!) }
}

export function randomVectors(count: number, terms: number, seed: number): SparseVector[] {
  const random = new Random(seed, "sparse vectors")
  return Array.from({ length: count }, () => randomVector(random, terms))
}

export function documentsOf(ids: readonly string[]): Document[] {
  return ids.map((id, index) => ({ id, text: `text of ${id}`, metadata: { group: index % 4 } }))
}

/** The k best by the dot product of the query with the documents' weights in whole steps. */
export function plainSearch(
  query: SparseVector,
  ids: readonly string[],
  vectors: readonly SparseVector[],
  { threshold = 0.1, queryThreshold = 0, step = 1 / 64, k = 1000 } = {},
): Hit[] {
  const weightOf = new Map(Array.from(query.ids, (id, i) => [id, query.weights[i]!]))
  const hits: Hit[] = []
  vectors.forEach((vector, document) => {
    let sum = 0
    vector.ids.forEach((id, i) => {
      const asked = weightOf.get(id) ?? 0
      const weight = vector.weights[i]!
      if (weight > threshold && asked > queryThreshold) sum += asked * Math.round(weight / step) * step
    })
    if (sum > 0) hits.push({ id: ids[document]!, score: Math.fround(sum) })
  })
  return hits.sort(compareHits).slice(0, k)
}
