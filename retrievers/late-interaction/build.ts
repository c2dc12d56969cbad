/** Centroids and buckets from a sample of a collection. @module */
import { Random } from "../../src/core/random.js"
import type { MultiVector } from "../../src/models/multi-vector-encoder.js"
import { Turns } from "../dense/turns.js"
import { type CodecParts, residualBits } from "./codec.js"
import { Centroids, kMeans } from "./k-means.js"
import { KernelMemory } from "./kernel.js"
import { defaultCentroids, type ResolvedSettings } from "./options.js"
import { fitBuckets } from "./residuals.js"

/** Vectors for each centroid that the sample has at most; more change little. */
const SAMPLED_PER_CENTROID = 64
/** Residuals that buckets are made from at most. */
const MOST_RESIDUALS = 2 ** 22

export interface Sample {
  /** By the document's place in the collection. */
  readonly vectors: ReadonlyMap<number, MultiVector>
  readonly tokens: number
}

/**
 * Encodes documents in a random order until there are enough tokens to make centroids from, or no more documents.
 * @param encode vectors of the documents at these places
 */
export async function sampleTokens(
  documents: number,
  dimension: number,
  settings: ResolvedSettings,
  batchSize: number,
  encode: (places: readonly number[]) => Promise<readonly MultiVector[]>,
): Promise<Sample> {
  const order = new Random(settings.seed, "late-interaction sample").shuffle(
    Array.from({ length: documents }, (_, place) => place),
  )
  const vectors = new Map<number, MultiVector>()
  let tokens = 0
  for (let first = 0; first < documents; first += batchSize) {
    const places = order.slice(first, first + batchSize)
    for (const [index, vector] of (await encode(places)).entries()) {
      vectors.set(places[index], vector)
      tokens += vector.rows.length / dimension
    }
    const expected = (tokens / vectors.size) * documents
    if (tokens >= SAMPLED_PER_CENTROID * (settings.centroids ?? defaultCentroids(expected))) break
  }
  return { vectors, tokens }
}

/** What all documents of the index have in common. `tokens` is how many the whole collection is expected to have. */
export async function trainCodec(
  { vectors, tokens: sampled }: Sample,
  tokens: number,
  shape: Pick<CodecParts, "compression" | "dimension" | "unit">,
  settings: ResolvedSettings,
  signal?: AbortSignal,
): Promise<CodecParts> {
  const { dimension, unit, compression } = shape
  const rows = new Float32Array(sampled * dimension)
  let at = 0
  for (const vector of vectors.values()) {
    rows.set(vector.rows, at)
    at += vector.rows.length
  }
  const k = settings.centroids ?? defaultCentroids(tokens)
  const { iterations, seed } = settings
  const centroids = await kMeans(rows, dimension, { k, iterations, seed, unit, signal })
  const bits = residualBits(compression)
  const buckets = bits && fitBuckets(await residualsOf(rows, dimension, centroids, signal), bits)
  return { ...shape, centroids, buckets }
}

/** Residuals of so many of the vectors, evenly spread. */
async function residualsOf(
  rows: Float32Array,
  dimension: number,
  centroids: Float32Array,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const table = new Centroids(new KernelMemory(), centroids, dimension)
  const total = rows.length / dimension
  const step = Math.max(1, Math.ceil(rows.length / MOST_RESIDUALS))
  const residuals = new Float32Array(Math.ceil(total / step) * dimension)
  const turns = new Turns()
  const nearest = new Uint32Array(1)
  for (let row = 0, next = 0; row < total; row += step) {
    const vector = rows.subarray(row * dimension, (row + 1) * dimension)
    table.nearest(vector, nearest)
    for (let d = 0; d < dimension; d++) residuals[next++] = vector[d] - centroids[nearest[0] * dimension + d]
    if (turns.due) await turns.take(signal)
  }
  return residuals
}
