/** One signed byte per dimension: a quarter of the memory traffic, candidates nearly always right. @module */
import type { Codec } from "./quantized.js"

/** A row is scaled by its own largest number, so that none is cut off; the query is scaled likewise, which changes no order. */
export function int8Codec(dimension: number): Codec {
  const codeBytes = Math.ceil(dimension / 16) * 16
  return {
    codeBytes,
    queryBytes: 2 * codeBytes,
    placeOf: (row) => ({ offset: row * codeBytes, step: 1 }),
    encode(vector, target) {
      const largest = largestOf(vector)
      if (largest === 0) return 0
      const codes = new Int8Array(target.buffer, target.byteOffset, target.length)
      for (let i = 0; i < dimension; i++) codes[i] = Math.round((127 * vector[i]!) / largest)
      return largest / 127
    },
    encodeQuery(query, target) {
      const largest = largestOf(query)
      if (largest === 0) return
      const codes = new Int16Array(target.buffer, target.byteOffset, target.length / 2)
      // 127 x 1023 leaves room for 16,384 dimensions in a sum of 32 bits, should every number be as large as the largest.
      for (let i = 0; i < dimension; i++) codes[i] = Math.round((QUERY_STEPS * query[i]!) / largest)
    },
    scan({ memory }, { codes, scales, orders }, count, query, mask, scores, top) {
      memory.kernel.int8(codes, count, codeBytes, query, scales, orders, mask, scores, top)
    },
  }
}

const QUERY_STEPS = 1023

function largestOf(vector: Float32Array): number {
  let largest = 0
  for (const value of vector) largest = Math.max(largest, Math.abs(value))
  return largest
}
