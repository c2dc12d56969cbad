import { readFile } from "node:fs/promises"
import { describe, expect, it } from "vitest"
import { Turns } from "../../../retrievers/dense/turns.js"
import { Codec, type CodecParts } from "../../../retrievers/late-interaction/codec.js"
import { Centroids, kMeans } from "../../../retrievers/late-interaction/k-means.js"
import { KernelMemory } from "../../../retrievers/late-interaction/kernel.js"
import { compressions, defaultCentroids } from "../../../retrievers/late-interaction/options.js"
import { fitBuckets, packedSize, packResiduals } from "../../../retrievers/late-interaction/residuals.js"
import { Random } from "../../../src/core/index.js"

interface Golden {
  readonly dim: number
  readonly rows: number[]
  readonly centroids: number[]
  readonly codes: number[]
  readonly forms: Record<string, { cutoffs: number[]; weights: number[]; buckets: number[]; back: number[] }>
}

const golden = JSON.parse(await readFile(new URL("fixtures/residuals.json", import.meta.url), "utf8")) as Golden
const rows = Float32Array.from(golden.rows)
const centroids = Float32Array.from(golden.centroids)
const codes = Uint32Array.from(golden.codes)
const closest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length)
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0)
}
const residuals = rows.map(
  (value, i) => value - centroids[codes[Math.floor(i / golden.dim)] * golden.dim + (i % golden.dim)],
)

describe("residual compression", () => {
  for (const bits of [2, 4] as const)
    it(`has torch's buckets and vectors with ${bits} bits`, async () => {
      const { cutoffs, weights, buckets, back } = golden.forms[bits]
      const fitted = fitBuckets(residuals, bits)
      expect(closest(fitted.cutoffs, cutoffs)).toBeLessThan(1e-6)
      expect(closest(fitted.weights, weights)).toBeLessThan(1e-6)
      const size = packedSize(golden.dim, bits)
      const packed = new Uint8Array(codes.length * size)
      const exact = { bits, cutoffs: Float32Array.from(cutoffs), weights: Float32Array.from(weights) }
      packResiduals(rows, golden.dim, centroids, codes, exact, packed)
      const unpacked = Array.from(rows, (_, i) => {
        const at = (i % golden.dim) * bits
        const byte = packed[Math.floor(i / golden.dim) * size + (at >> 3)]
        return (byte >> (at & 7)) & (2 ** bits - 1)
      })
      expect(unpacked).toEqual(buckets)
      const parts = { dimension: golden.dim, unit: true, centroids, buckets: exact } as const
      expect(closest(await there({ ...parts, compression: `residual-${bits}` }, rows), back)).toBeLessThan(1e-6)
    })
})

/** Vectors packed and unpacked. */
async function there(parts: CodecParts, vectors: Float32Array): Promise<Float32Array> {
  const memory = new KernelMemory()
  const codec = new Codec(memory, parts)
  const { count, bytes } = await codec.pack(vectors, new Turns())
  expect(bytes.length).toBe(codec.recordBytes(count))
  const record = memory.allocate(bytes.length)
  memory.u8.set(bytes, record)
  const address = codec.rowsOf(record, count)
  const { dimension } = parts
  const result = new Float32Array(vectors.length)
  for (let row = 0; row < count; row++) {
    const at = (address + row * codec.stride) / 4
    result.set(memory.f32.subarray(at, at + dimension), row * dimension)
    // What pads a row to whole vectors of the processor must not count.
    for (let d = dimension; d < codec.stride / 4; d++) expect(memory.f32[at + d]).toBe(0)
  }
  return result
}

/** Unit vectors around a few directions. */
function clustered(count: number, dimension: number, clusters: number, spread: number, seed: number): Float32Array {
  const random = new Random(seed, "clusters")
  const directions = Array.from({ length: clusters }, () => Array.from({ length: dimension }, () => random.normal()))
  const vectors = new Float32Array(count * dimension)
  for (let i = 0; i < count; i++) {
    const one = directions[i % clusters].map((value) => value + spread * random.normal())
    const length = Math.hypot(...one)
    vectors.set(
      one.map((value) => value / length),
      i * dimension,
    )
  }
  return vectors
}

describe("all compressions", () => {
  it("come back closer the more bytes they take, and as they were without compression", async () => {
    for (const dimension of [7, 32, 50]) {
      const vectors = clustered(400, dimension, 12, 0.3, dimension)
      const table = await kMeans(vectors, dimension, { k: 16, iterations: 4, seed: 1, unit: true })
      const nearest = new Uint32Array(400)
      new Centroids(new KernelMemory(), table, dimension).nearest(vectors, nearest)
      const left = vectors.map(
        (value, i) => value - table[nearest[Math.floor(i / dimension)] * dimension + (i % dimension)],
      )
      const errors: number[] = []
      const bytes: number[] = []
      for (const compression of ["residual-2", "residual-4", "int8", "none"] as const) {
        const bits = compression === "residual-2" ? 2 : 4
        const buckets = compression.startsWith("residual") ? fitBuckets(left, bits) : undefined
        const parts = { compression, dimension, unit: true, centroids: table, buckets }
        const back = await there(parts, vectors)
        errors.push(back.reduce((sum, value, i) => sum + (value - vectors[i]) ** 2, 0) / 400)
        bytes.push(new Codec(new KernelMemory(), parts).recordBytes(400))
      }
      expect(errors).toEqual(errors.toSorted((a, b) => b - a))
      expect(bytes).toEqual(bytes.toSorted((a, b) => a - b))
      // Mean squares of what is lost, beside those of what is compressed.
      const energy = left.reduce((sum, value) => sum + value * value, 0) / 400
      expect(errors[0]).toBeLessThan(0.4 * energy)
      expect(errors[1]).toBeLessThan(0.1 * energy)
      // A number is off by at most half of 1 / 127 of the largest, which is at most 1.
      expect(errors[2]).toBeLessThan(dimension / 254 ** 2)
      expect(errors[3]).toBe(0)
    }
    expect(compressions).toHaveLength(4)
  })

  it("keep the length of vectors that have another than 1, and vectors of zeros", async () => {
    const vectors = clustered(30, 12, 3, 0.2, 4).map((value, i) => (i < 12 ? 0 : value * (1 + Math.floor(i / 12))))
    const table = await kMeans(vectors, 12, { k: 30, iterations: 2, seed: 1, unit: false })
    const parts = { dimension: 12, unit: false, centroids: table, buckets: undefined }
    const back = await there({ ...parts, compression: "int8" }, vectors)
    for (let row = 0; row < 30; row++) {
      const length = (of: Float32Array) => Math.hypot(...of.subarray(row * 12, row * 12 + 12))
      expect(Math.abs(length(back) - length(vectors))).toBeLessThan((length(vectors) * Math.sqrt(12)) / 254 + 1e-6)
    }
    expect(Array.from(back.subarray(0, 12))).toEqual(new Array(12).fill(0))
  })
})

describe("k-means", () => {
  it("finds directions that are far apart, the same ones for the same seed", async () => {
    const vectors = clustered(900, 24, 9, 0.05, 2)
    const options = { k: 40, iterations: 6, seed: 3, unit: true }
    const table = await kMeans(vectors, 24, options)
    expect(await kMeans(vectors, 24, options)).toEqual(table)
    expect(await kMeans(vectors, 24, { ...options, seed: 4 })).not.toEqual(table)
    const nearest = new Uint32Array(900)
    new Centroids(new KernelMemory(), table, 24).nearest(vectors, nearest)
    // A centroid serves one direction only.
    for (const centroid of new Set(nearest))
      expect(
        new Set(
          Array.from(nearest.keys())
            .filter((i) => nearest[i] === centroid)
            .map((i) => i % 9),
        ).size,
      ).toBe(1)
    for (let c = 0; c < 40; c++) expect(Math.hypot(...table.subarray(c * 24, c * 24 + 24))).toBeCloseTo(1, 5)
  })

  it("comes closer to the vectors with every pass", async () => {
    const vectors = clustered(600, 16, 30, 0.5, 8)
    const error = async (iterations: number) => {
      const table = await kMeans(vectors, 16, { k: 12, iterations, seed: 0, unit: false })
      const nearest = new Uint32Array(600)
      new Centroids(new KernelMemory(), table, 16).nearest(vectors, nearest)
      return vectors.reduce(
        (sum, value, i) => sum + (value - table[nearest[Math.floor(i / 16)] * 16 + (i % 16)]) ** 2,
        0,
      )
    }
    const errors = [await error(1), await error(3), await error(9)]
    expect(errors).toEqual(errors.toSorted((a, b) => b - a))
    expect(errors[2]).toBeLessThan(0.95 * errors[0])
  })

  it("finds the nearest by distance, the first of equal ones, whatever the numbers", () => {
    const random = new Random(5, "nearest")
    for (const [count, k, dimension] of [
      [1, 1, 3],
      [5, 2, 4],
      [70, 33, 9],
      [130, 257, 48],
    ]) {
      const draw = (rows: number) => Float32Array.from({ length: rows * dimension }, () => random.normal())
      const vectors = draw(count)
      const table = draw(k)
      if (k > 2) table.copyWithin((k - 1) * dimension, 0, dimension)
      const nearest = new Uint32Array(count)
      new Centroids(new KernelMemory(), table, dimension).nearest(vectors, nearest)
      for (let i = 0; i < count; i++) {
        const distances = Array.from({ length: k }, (_, c) =>
          Math.hypot(
            ...Array.from({ length: dimension }, (_, d) => vectors[i * dimension + d] - table[c * dimension + d]),
          ),
        )
        expect(distances[nearest[i]]).toBeCloseTo(Math.min(...distances), 5)
        if (k > 2) expect(nearest[i]).not.toBe(k - 1)
      }
    }
  })

  it("has no more centroids than distinct vectors, and one of zeros without any", async () => {
    const twice = Float32Array.from([1, 0, 0, 1, 1, 0])
    expect((await kMeans(twice, 2, { k: 9, iterations: 2, seed: 0, unit: true })).length).toBe(4)
    expect(await kMeans(new Float32Array(0), 3, { k: 9, iterations: 2, seed: 0, unit: true })).toEqual(
      new Float32Array(3),
    )
    expect([1, 60, 280_000, 1e9].map(defaultCentroids)).toEqual([4, 16, 2048, 4096])
  })
})
