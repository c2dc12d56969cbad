/** Vectors and scores as bytes, bit for bit. Little-endian, as every platform is that ONNX Runtime runs on. @module */
import type { SparseVector } from "../sparse-encoder.js"
import type { Codec } from "./record.js"

export function denseCodec(dimension: number): Codec<Float32Array> {
  return {
    encode: bytesOf,
    decode: (bytes) => (bytes.length === 4 * dimension ? new Float32Array(bytes.buffer) : undefined),
  }
}

/** Ids, then weights. */
export const sparseCodec: Codec<SparseVector> = {
  encode: ({ ids, weights }) => Buffer.concat([bytesOf(ids), bytesOf(weights)]),
  decode({ buffer, length }) {
    if (length % 8 !== 0) return undefined
    return { ids: new Uint32Array(buffer, 0, length / 8), weights: new Float32Array(buffer, length / 2) }
  },
}

export const scoreCodec: Codec<number> = {
  encode: (score) => bytesOf(Float64Array.of(score)),
  decode: (bytes) => (bytes.length === 8 ? new Float64Array(bytes.buffer)[0] : undefined),
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
