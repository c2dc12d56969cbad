/**
 * What is left of a vector after its nearest centroid, in a few bits for each number: a number is the bucket it falls in, a bucket stands for
 * its middle quantile. Santhanam et al., "ColBERTv2", NAACL 2022, section 3.3; one set of buckets for all dimensions, as in its code.
 * @module
 */

export type ResidualBits = 2 | 4

export interface Buckets {
  readonly bits: ResidualBits
  /** 2^bits - 1 borders, ascending: a number belongs to the bucket of the borders below it. */
  readonly cutoffs: Float32Array
  /** What each of the 2^bits buckets stands for. */
  readonly weights: Float32Array
}

/** Buckets that as many of the residuals fall into each, and their medians. */
export function fitBuckets(residuals: Float32Array, bits: ResidualBits): Buckets {
  const count = 2 ** bits
  const sorted = residuals.slice().sort()
  return {
    bits,
    cutoffs: Float32Array.from({ length: count - 1 }, (_, i) => quantile(sorted, (i + 1) / count)),
    weights: Float32Array.from({ length: count }, (_, i) => quantile(sorted, (i + 0.5) / count)),
  }
}

/** Linear between the two nearest of the sorted numbers; 0 where there are none. */
function quantile(sorted: Float32Array, at: number): number {
  if (sorted.length === 0) return 0
  const place = at * (sorted.length - 1)
  const below = Math.floor(place)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (place - below) * (sorted[above] - sorted[below])
}

/** Bytes of a packed row. */
export function packedSize(dimension: number, bits: ResidualBits): number {
  return Math.ceil((dimension * bits) / 8)
}

/** Packs the residuals of vectors [count, dimension] of which centroid `codes[i]` is the nearest; the first number lies in the lowest bits. */
export function packResiduals(
  rows: Float32Array,
  dimension: number,
  centroids: Float32Array,
  codes: Uint32Array,
  buckets: Buckets,
  out: Uint8Array,
): void {
  const { bits, cutoffs } = buckets
  const size = packedSize(dimension, bits)
  const perByte = 8 / bits
  const count = rows.length / dimension
  for (let row = 0; row < count; row++) {
    const from = row * dimension
    const centroid = codes[row] * dimension
    for (let byte = 0; byte < size; byte++) {
      let packed = 0
      const first = byte * perByte
      const end = Math.min(dimension, first + perByte)
      for (let d = first; d < end; d++) {
        const value = rows[from + d] - centroids[centroid + d]
        packed |= bucketOf(value, cutoffs, bits) << ((d - first) * bits)
      }
      out[row * size + byte] = packed
    }
  }
}

/** How many borders lie below the value, by bisection: there is one more bucket than borders, a power of two. */
function bucketOf(value: number, cutoffs: Float32Array, bits: ResidualBits): number {
  let bucket = 0
  for (let step = 1 << (bits - 1); step > 0; step >>= 1) if (value > cutoffs[bucket + step - 1]) bucket += step
  return bucket
}

/** What each byte stands for: [256, numbers in a byte]. */
export function byteTable({ bits, weights }: Buckets): Float32Array {
  const perByte = 8 / bits
  const mask = 2 ** bits - 1
  return Float32Array.from(
    { length: 256 * perByte },
    (_, i) => weights[(Math.floor(i / perByte) >> ((i % perByte) * bits)) & mask],
  )
}
