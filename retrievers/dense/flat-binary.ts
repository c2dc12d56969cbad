/** One bit per dimension: the sign. Candidates are scored by the query's numbers, added where the bit is set and subtracted where not. @module */
import type { Codec } from "./quantized.js"

/** Sums of a table are whole numbers up to this; two of them fit a byte. */
const LARGEST_ENTRY = 127

/**
 * Signs of vectors against whole queries, as RaBitQ compares them (Gao and Long, SIGMOD 2024), without its rotation. The query becomes tables of
 * sums over four dimensions, looked up for sixteen rows at once (Andre, Kermarrec and Le Scouarnec, "Cache locality is not enough", VLDB 2015).
 */
export function binaryCodec(dimension: number): Codec {
  const codeBytes = Math.ceil(dimension / 8)
  // Sums of a whole code must stay below 2^16.
  const largestEntry = Math.min(LARGEST_ENTRY, Math.floor(65535 / (2 * codeBytes)))
  return {
    codeBytes,
    queryBytes: 32 * codeBytes,
    placeOf: (row) => ({ offset: (row >> 4) * 16 * codeBytes + (row & 15), step: 16 }),
    encode(vector, target) {
      for (let i = 0; i < dimension; i++) if (vector[i]! > 0) target[i >> 3]! |= 1 << (i & 7)
      return 1
    },
    encodeQuery(query, target) {
      const ranges = Array.from({ length: 2 * codeBytes }, (_, nibble) => {
        let range = 0
        for (let bit = 0; bit < 4; bit++) range += Math.abs(query[4 * nibble + bit] ?? 0)
        return range
      })
      const scale = largestEntry / Math.max(...ranges, Number.MIN_VALUE)
      for (const nibble of ranges.keys())
        for (let code = 0; code < 16; code++) {
          // Counted from the least sum, the one with the bits of negative numbers alone: a constant for all rows.
          let sum = 0
          for (let bit = 0; bit < 4; bit++) {
            const value = query[4 * nibble + bit] ?? 0
            if ((((code >> bit) & 1) !== 0) === value > 0) sum += Math.abs(value)
          }
          target[16 * nibble + code] = Math.round(scale * sum)
        }
    },
    scan({ memory }, { codes, orders }, count, query, mask, scores, top) {
      memory.kernel.binary(codes, count, codeBytes, query, orders, mask, scores, top)
    },
  }
}
