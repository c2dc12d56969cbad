/** One bit per dimension: the sign. Candidates are those with the fewest differing bits. @module */
import type { Codec } from "./quantized.js"

/**
 * Signs of vectors and queries (Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002). Good for models of several
 * hundred dimensions; with fewer the bits say little, and the index needs more oversampling.
 */
export function binaryCodec(dimension: number): Codec {
  const codeBytes = Math.ceil(dimension / 128) * 16
  const encode = (vector: Float32Array, target: Uint8Array) => {
    for (let i = 0; i < dimension; i++) if (vector[i]! > 0) target[i >> 3]! |= 1 << (i & 7)
  }
  return {
    codeBytes,
    queryBytes: codeBytes,
    encode(vector, target) {
      encode(vector, target)
      return 1
    },
    encodeQuery: encode,
    scan({ memory }, { codes, orders }, count, query, mask, scores, top) {
      memory.kernel.binary(codes, count, codeBytes, query, orders, mask, scores, top)
    },
  }
}
