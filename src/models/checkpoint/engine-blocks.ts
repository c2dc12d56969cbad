/**
 * Blocks of GGUF files in the layout of ONNX Runtime's MatMulNBits, so that a model runs at the precision of its file.
 *
 * Nothing is rounded again: every format is 4- or 8-bit integers with a scale, and an offset where the format has one. MatMulNBits takes
 * no offsets that are fast; since an offset is the same for all weights of a block, its part of the product is
 * `Σ over blocks of offset · (sum of the block's inputs)`, a product with a matrix of a 32nd of the size.
 * @module
 */
import { RankineError } from "../../core/errors.js"
import { type BlockType, blockSizes, isBlockType } from "./block-type.js"
import { sixParts } from "./dequantize.js"
import { halfTable } from "./half-table.js"
import { kScales } from "./k-scales.js"
import type { Checkpoint } from "./safetensors.js"

/** A matrix [rows, columns]; the weight behind a code is `scale · (code − 2^(bits − 1)) + offset`. */
export interface EngineBlocks {
  readonly bits: 4 | 8
  /** Columns that share a scale. */
  readonly blockSize: 16 | 32
  /** uint8 [rows, blocks, blockSize · bits / 8]; of two 4-bit codes in a byte the first is in the lower half. */
  readonly codes: Uint8Array
  /** [rows · blocks] */
  readonly scales: Float32Array
  /** [rows, blocks], of formats that have offsets. */
  readonly offsets: Float32Array | undefined
}

interface Layout {
  readonly bits: 4 | 8
  readonly blockSize: 16 | 32
  readonly hasOffset: boolean
}

/** How MatMulNBits takes each format. Five and six bits take eight; only sixteen columns share a scale in Q6_K. */
export const engineLayouts: Readonly<Record<BlockType, Layout>> = {
  Q4_0: { bits: 4, blockSize: 32, hasOffset: false },
  Q4_1: { bits: 4, blockSize: 32, hasOffset: true },
  Q5_0: { bits: 8, blockSize: 32, hasOffset: false },
  Q5_1: { bits: 8, blockSize: 32, hasOffset: true },
  Q8_0: { bits: 8, blockSize: 32, hasOffset: false },
  Q4_K: { bits: 4, blockSize: 32, hasOffset: true },
  Q5_K: { bits: 8, blockSize: 32, hasOffset: true },
  Q6_K: { bits: 8, blockSize: 16, hasOffset: false },
}

/**
 * Rows `from` to `to` of a matrix of a GGUF file, all by default.
 * @throws RankineError `not-found` for a name that is not there, `argument` for a tensor that is not in blocks
 */
export async function readEngineBlocks(
  checkpoint: Checkpoint,
  name: string,
  from = 0,
  to?: number,
): Promise<EngineBlocks> {
  const bytes = await checkpoint.readRaw(name)
  const { dtype, shape } = checkpoint.tensors.get(name)!
  if (!isBlockType(dtype))
    throw new RankineError("argument", `tensor ${name} is ${dtype}, which is not in blocks: read its values`)
  const rowBytes = bytes.length / shape[0]
  return engineBlocks(bytes.subarray(from * rowBytes, (to ?? shape[0]) * rowBytes), dtype)
}

/** Whole blocks, one after the other, in the engine's layout. */
export function engineBlocks(bytes: Uint8Array, type: BlockType): EngineBlocks {
  const { bits, blockSize, hasOffset } = engineLayouts[type]
  const size = blockSizes[type]
  const elements = (bytes.length / size.bytes) * size.elements
  const made = {
    bits,
    blockSize,
    codes: new Uint8Array((elements * bits) / 8),
    scales: new Float32Array(elements / blockSize),
    offsets: hasOffset ? new Float32Array(elements / blockSize) : undefined,
  }
  const { codes, scales, offsets } = made
  switch (type) {
    case "Q4_0":
    case "Q4_1":
      fours(bytes, size.bytes, codes, scales, offsets)
      break
    case "Q5_0":
    case "Q5_1":
      fives(bytes, size.bytes, codes, scales, offsets)
      break
    case "Q8_0":
      eights(bytes, codes, scales)
      break
    case "Q4_K":
      foursK(bytes, codes, scales, offsets!)
      break
    case "Q5_K":
      fivesK(bytes, codes, scales, offsets!)
      break
    case "Q6_K":
      sixesK(bytes, codes, scales)
      break
  }
  return made
}

function scaleAt(bytes: Uint8Array, at: number): number {
  return halfTable()[bytes[at] | (bytes[at + 1] << 8)]
}

/** Files pair elements j and j + 16 in a byte, the engine 2j and 2j + 1. */
function fours(bytes: Uint8Array, size: number, codes: Uint8Array, scales: Float32Array, offsets?: Float32Array): void {
  for (let block = 0, at = 0; at < bytes.length; block++, at += size) {
    const scale = scaleAt(bytes, at)
    scales[block] = scale
    if (offsets) offsets[block] = scaleAt(bytes, at + 2) + 8 * scale
    const from = at + size - 16
    const to = block * 16
    for (let j = 0; j < 8; j++) {
      const first = bytes[from + 2 * j]
      const second = bytes[from + 2 * j + 1]
      codes[to + j] = (first & 15) | ((second & 15) << 4)
      codes[to + j + 8] = (first >> 4) | (second & 0xf0)
    }
  }
}

/** Five bits from 0 to 31 with 16 in the middle become eight with 128 there. */
function fives(bytes: Uint8Array, size: number, codes: Uint8Array, scales: Float32Array, offsets?: Float32Array): void {
  for (let block = 0, at = 0; at < bytes.length; block++, at += size) {
    const scale = scaleAt(bytes, at)
    scales[block] = scale
    if (offsets) offsets[block] = scaleAt(bytes, at + 2) + 16 * scale
    const from = at + size - 16
    const to = block * 32
    const high = bytes[from - 4] | (bytes[from - 3] << 8) | (bytes[from - 2] << 16) | (bytes[from - 1] << 24)
    for (let j = 0; j < 16; j++) {
      const pair = bytes[from + j]
      codes[to + j] = ((pair & 15) | (((high >>> j) & 1) << 4)) + 112
      codes[to + j + 16] = ((pair >> 4) | (((high >>> (j + 16)) & 1) << 4)) + 112
    }
  }
}

function eights(bytes: Uint8Array, codes: Uint8Array, scales: Float32Array): void {
  for (let block = 0, at = 0; at < bytes.length; block++, at += 34) {
    scales[block] = scaleAt(bytes, at)
    // Flipping the highest bit adds 128.
    for (let j = 0; j < 32; j++) codes[block * 32 + j] = bytes[at + 2 + j] ^ 0x80
  }
}

function foursK(bytes: Uint8Array, codes: Uint8Array, scales: Float32Array, offsets: Float32Array): void {
  partsK(bytes, 144, 8, scales, offsets, (block, part, to) => {
    const from = block + 16 + (part >> 1) * 32
    const shift = (part & 1) * 4
    for (let j = 0; j < 16; j++)
      codes[to * 16 + j] = ((bytes[from + 2 * j] >> shift) & 15) | (((bytes[from + 2 * j + 1] >> shift) & 15) << 4)
  })
}

function fivesK(bytes: Uint8Array, codes: Uint8Array, scales: Float32Array, offsets: Float32Array): void {
  partsK(bytes, 176, 16, scales, offsets, (block, part, to) => {
    const from = block + 48 + (part >> 1) * 32
    const shift = (part & 1) * 4
    for (let j = 0; j < 32; j++) {
      const fifth = (bytes[block + 16 + j] >> part) & 1
      codes[to * 32 + j] = (((bytes[from + j] >> shift) & 15) | (fifth << 4)) + 112
    }
  })
}

function partsK(
  bytes: Uint8Array,
  size: number,
  zero: number,
  scales: Float32Array,
  offsets: Float32Array,
  fill: (block: number, part: number, to: number) => void,
): void {
  const eightScales = new Float64Array(8)
  const eightOffsets = new Float64Array(8)
  for (let block = 0, to = 0; block < bytes.length; block += size) {
    kScales(bytes, block, eightScales, eightOffsets)
    for (let part = 0; part < 8; part++, to++) {
      scales[to] = eightScales[part]
      offsets[to] = eightOffsets[part] + zero * eightScales[part]
      fill(block, part, to)
    }
  }
}

function sixesK(bytes: Uint8Array, codes: Uint8Array, scales: Float32Array): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let block = 0, to = 0; block < bytes.length; block += 210) {
    const scale = scaleAt(bytes, block + 208)
    for (let part = 0; part < 16; part++) scales[to / 16 + part] = scale * signed[block + 192 + part]
    for (const { low, lowShift, high, highShift } of sixParts)
      for (let j = 0; j < 32; j++) {
        const four = (bytes[block + low + j] >> lowShift) & 15
        codes[to++] = (four | (((bytes[block + high + j] >> highShift) & 3) << 4)) + 128 - 32
      }
  }
}
