/**
 * Block formats of GGUF files as float32.
 *
 * Plain loops over typed arrays, so that they run in any thread. Every product is exact in a float64, so that each weight is
 * rounded once, when it is stored.
 * @see https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h for the layouts
 * @module
 */
import { type BlockType, blockSizes } from "./block-type.js"
import { halfTable } from "./half-table.js"
import { kScales } from "./k-scales.js"

/** The values of `bytes`, whole blocks one after the other. `into` is filled from its beginning where it is given. */
export function dequantize(
  bytes: Uint8Array,
  type: BlockType,
  into = new Float32Array((bytes.length / blockSizes[type].bytes) * blockSizes[type].elements),
): Float32Array {
  switch (type) {
    case "Q4_0":
      return nibbles(bytes, into, 18, false, false)
    case "Q4_1":
      return nibbles(bytes, into, 20, true, false)
    case "Q5_0":
      return nibbles(bytes, into, 22, false, true)
    case "Q5_1":
      return nibbles(bytes, into, 24, true, true)
    case "Q8_0":
      return eights(bytes, into)
    case "Q4_K":
      return affineK(bytes, into, 144, false)
    case "Q5_K":
      return affineK(bytes, into, 176, true)
    case "Q6_K":
      return sixesK(bytes, into)
  }
}

/** Scale, offset where there is one, fifth bits where there are any, then 16 bytes: element j in the lower half of byte j, j + 16 in the upper. */
function nibbles(bytes: Uint8Array, into: Float32Array, size: number, hasOffset: boolean, fifth: boolean) {
  const halves = halfTable()
  const zero = hasOffset ? 0 : fifth ? 16 : 8
  const bitsAt = hasOffset ? 4 : 2
  const codesAt = bitsAt + (fifth ? 4 : 0)
  for (let block = 0, to = 0; block + size <= bytes.length; block += size, to += 32) {
    const scale = halves[bytes[block] | (bytes[block + 1] << 8)]
    const offset = hasOffset ? halves[bytes[block + 2] | (bytes[block + 3] << 8)] : 0
    const codes = block + codesAt
    if (fifth) {
      const at = block + bitsAt
      const high = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
      for (let j = 0; j < 16; j++) {
        const pair = bytes[codes + j]
        into[to + j] = scale * (((pair & 15) | (((high >>> j) & 1) << 4)) - zero) + offset
        into[to + j + 16] = scale * (((pair >> 4) | (((high >>> (j + 16)) & 1) << 4)) - zero) + offset
      }
    } else
      for (let j = 0; j < 16; j++) {
        const pair = bytes[codes + j]
        into[to + j] = scale * ((pair & 15) - zero) + offset
        into[to + j + 16] = scale * ((pair >> 4) - zero) + offset
      }
  }
  return into
}

function eights(bytes: Uint8Array, into: Float32Array): Float32Array {
  const halves = halfTable()
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let block = 0, to = 0; block + 34 <= bytes.length; block += 34, to += 32) {
    const scale = halves[bytes[block] | (bytes[block + 1] << 8)]
    for (let j = 0; j < 32; j++) into[to + j] = scale * signed[block + 2 + j]
  }
  return into
}

/** Eight parts of 32 with 6-bit scales and offsets; parts 2i and 2i + 1 are the lower and upper halves of 32 bytes. */
function affineK(bytes: Uint8Array, into: Float32Array, size: number, fifth: boolean): Float32Array {
  const scales = new Float64Array(8)
  const offsets = new Float64Array(8)
  for (let block = 0, to = 0; block + size <= bytes.length; block += size, to += 256) {
    kScales(bytes, block, scales, offsets)
    const bits = block + 16
    const codes = bits + (fifth ? 32 : 0)
    for (let part = 0; part < 8; part++) {
      const scale = scales[part]
      const offset = offsets[part]
      const from = codes + (part >> 1) * 32
      const shift = (part & 1) * 4
      const target = to + part * 32
      if (fifth)
        for (let j = 0; j < 32; j++)
          into[target + j] =
            scale * (((bytes[from + j] >> shift) & 15) | (((bytes[bits + j] >> part) & 1) << 4)) + offset
      else for (let j = 0; j < 32; j++) into[target + j] = scale * ((bytes[from + j] >> shift) & 15) + offset
    }
  }
  return into
}

/** Sixteen parts of 16 with 8-bit scales; four lower bits in one place, two upper ones in another. */
function sixesK(bytes: Uint8Array, into: Float32Array): Float32Array {
  const halves = halfTable()
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let block = 0, to = 0; block + 210 <= bytes.length; block += 210, to += 256) {
    const scale = halves[bytes[block + 208] | (bytes[block + 209] << 8)]
    for (let part = 0; part < 8; part++) {
      const { low, lowShift, high, highShift } = sixParts[part]
      for (let j = 0; j < 32; j++) {
        const own = scale * signed[block + 192 + part * 2 + (j >> 4)]
        const code = ((bytes[block + low + j] >> lowShift) & 15) | (((bytes[block + high + j] >> highShift) & 3) << 4)
        into[to + part * 32 + j] = own * (code - 32)
      }
    }
  }
  return into
}

/** Where the lower and upper bits of the eight runs of 32 elements of a Q6_K block lie. */
export const sixParts = Array.from({ length: 8 }, (_, part) => {
  const half = part >> 2
  const quarter = part & 3
  return {
    low: half * 64 + (quarter & 1) * 32,
    lowShift: (quarter >> 1) * 4,
    high: 128 + half * 32,
    highShift: quarter * 2,
  }
})
