/** Centroids of token vectors. @module */
import { Random } from "../../src/core/random.js"
import { Turns } from "../dense/turns.js"
import { KernelMemory, strideOf } from "./kernel.js"

export interface KMeansOptions {
  /** How many centroids; fewer where there are fewer distinct vectors. */
  readonly k: number
  readonly iterations: number
  readonly seed: number
  /** Centroids have length 1, as the vectors do. */
  readonly unit: boolean
  readonly signal?: AbortSignal | undefined
  /** Called after each pass over the vectors. */
  readonly onPass?: ((done: number, passes: number) => void) | undefined
}

/** Vectors that the kernel gets at a time: what it does with them fits in a turn of the event loop. */
const ROWS_AT_ONCE = 64

/** Centroids in the kernel's memory, and the nearest of them to a vector. */
export class Centroids {
  readonly count: number
  readonly address: number
  readonly #biases: number
  readonly stride: number

  /** @param rows [count, dimension] */
  constructor(
    readonly memory: KernelMemory,
    readonly rows: Float32Array,
    readonly dimension: number,
  ) {
    this.count = rows.length / dimension
    this.stride = strideOf(dimension)
    this.address = memory.allocate((this.count + 1) * this.stride)
    this.#biases = memory.allocate((this.count + 4) * 4)
    this.set(rows)
  }

  set(rows: Float32Array): void {
    const { memory, dimension, count, stride } = this
    memory.putRows(this.address, rows, dimension, stride)
    for (let c = 0; c < count; c++) {
      let squares = 0
      for (let d = 0; d < dimension; d++) squares += rows[c * dimension + d] ** 2
      // |x - c|² is least where x · c - |c|² / 2 is largest.
      memory.f32[this.#biases / 4 + c] = -squares / 2
    }
  }

  /** The number of the nearest centroid of each vector, the first of equally near ones. */
  nearest(rows: Float32Array, out: Uint32Array): void {
    const { memory, dimension, stride } = this
    const total = rows.length / dimension
    for (let first = 0; first < total; first += ROWS_AT_ONCE) {
      const count = Math.min(ROWS_AT_ONCE, total - first)
      const at = memory.region("nearest.rows", ROWS_AT_ONCE * stride)
      const found = memory.region("nearest.out", ROWS_AT_ONCE * 4)
      const scores = memory.region("nearest.scores", ROWS_AT_ONCE * 4)
      memory.putRows(at, rows.subarray(first * dimension, (first + count) * dimension), dimension, stride)
      memory.kernel.nearest(at, count, stride, this.address, this.count, this.#biases, found, scores)
      out.set(memory.u32.subarray(found / 4, found / 4 + count), first)
    }
  }
}

/**
 * Lloyd's algorithm from k distinct vectors drawn at random; a centroid that nothing is near keeps its place. Deterministic for a seed.
 * @param rows [vectors, dimension]
 * @returns [centroids, dimension]; one centroid of zeros where there are no vectors
 */
export async function kMeans(rows: Float32Array, dimension: number, options: KMeansOptions): Promise<Float32Array> {
  const total = rows.length / dimension
  if (total === 0) return new Float32Array(dimension)
  const centroids = drawDistinct(rows, dimension, options)
  const k = centroids.length / dimension
  const memory = new KernelMemory()
  const table = new Centroids(memory, centroids, dimension)
  const nearest = new Uint32Array(ROWS_AT_ONCE)
  const turns = new Turns()
  for (let pass = 0; pass < options.iterations; pass++) {
    const sums = new Float64Array(k * dimension)
    const counts = new Uint32Array(k)
    for (let first = 0; first < total; first += ROWS_AT_ONCE) {
      const count = Math.min(ROWS_AT_ONCE, total - first)
      table.nearest(rows.subarray(first * dimension, (first + count) * dimension), nearest)
      for (let i = 0; i < count; i++) {
        const to = nearest[i] * dimension
        const from = (first + i) * dimension
        counts[nearest[i]]++
        for (let d = 0; d < dimension; d++) sums[to + d] += rows[from + d]
      }
      if (turns.due) await turns.take(options.signal)
    }
    for (let c = 0; c < k; c++) {
      if (counts[c] === 0) continue
      const sum = sums.subarray(c * dimension, (c + 1) * dimension)
      const length = options.unit ? Math.sqrt(sum.reduce((squares, value) => squares + value * value, 0)) : counts[c]
      if (length > 0) for (let d = 0; d < dimension; d++) centroids[c * dimension + d] = sum[d] / length
    }
    table.set(centroids)
    options.onPass?.(pass + 1, options.iterations)
  }
  return centroids
}

function drawDistinct(rows: Float32Array, dimension: number, { k, seed }: KMeansOptions): Float32Array {
  const total = rows.length / dimension
  const order = new Random(seed, "k-means").shuffle(Array.from({ length: total }, (_, row) => row))
  const chosen: Float32Array[] = []
  const seen = new Set<string>()
  for (const row of order) {
    if (chosen.length === k) break
    const vector = rows.subarray(row * dimension, (row + 1) * dimension)
    const key = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("latin1")
    if (seen.has(key)) continue
    seen.add(key)
    chosen.push(vector)
  }
  const centroids = new Float32Array(chosen.length * dimension)
  for (const [index, vector] of chosen.entries()) centroids.set(vector, index * dimension)
  return centroids
}
