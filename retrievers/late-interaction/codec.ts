/** How the token vectors of a document are kept, and how they come back. @module */
import type { Turns } from "../dense/turns.js"
import { Centroids } from "./k-means.js"
import { type KernelMemory, strideOf } from "./kernel.js"
import type { Compression } from "./options.js"
import { type Buckets, byteTable, packedSize, packResiduals, type ResidualBits } from "./residuals.js"

/** What all documents of an index have in common. */
export interface CodecParts {
  readonly compression: Compression
  readonly dimension: number
  /** Vectors have length 1, and are brought back to it. */
  readonly unit: boolean
  /** [centroids, dimension]; undefined where nothing needs them. */
  readonly centroids: Float32Array | undefined
  /** With residuals only. */
  readonly buckets: Buckets | undefined
}

/** A document's tokens, ready to be stored. */
export interface PackedTokens {
  readonly count: number
  readonly bytes: Uint8Array
}

/** Tokens whose nearest centroids are found between two looks at the clock. */
const TOKENS_AT_ONCE = 64

/**
 * A record is, each part at a multiple of 16 bytes: the numbers of the tokens' centroids (uint32, where there are centroids), their scales
 * (float32, with int8), and their vectors.
 */
export class Codec {
  readonly stride: number
  readonly centroids: Centroids | undefined
  readonly #table: number
  readonly #size: number

  constructor(
    readonly memory: KernelMemory,
    readonly parts: CodecParts,
  ) {
    const { compression, dimension, centroids, buckets } = parts
    this.stride = strideOf(dimension)
    this.centroids = centroids && new Centroids(memory, centroids, dimension)
    this.#size = rowSize(compression, dimension)
    this.#table = 0
    if (buckets) {
      const table = byteTable(buckets)
      this.#table = memory.allocate(table.byteLength)
      memory.f32.set(table, this.#table / 4)
    }
  }

  /** Bytes of a record of so many tokens, a multiple of 16. */
  recordBytes(count: number): number {
    const { codes, scales, rows } = this.#lengths(count)
    return codes + scales + rows
  }

  /** Packs the vectors of a document [tokens, dimension]; gives way while it looks for centroids. */
  async pack(rows: Float32Array, turns: Turns, signal?: AbortSignal): Promise<PackedTokens> {
    const { compression, dimension, buckets } = this.parts
    const count = rows.length / dimension
    const lengths = this.#lengths(count)
    const bytes = new Uint8Array(lengths.codes + lengths.scales + lengths.rows)
    const codes = new Uint32Array(bytes.buffer, 0, this.centroids ? count : 0)
    for (let first = 0; first < codes.length; first += TOKENS_AT_ONCE) {
      const some = rows.subarray(first * dimension, Math.min(count, first + TOKENS_AT_ONCE) * dimension)
      this.centroids!.nearest(some, codes.subarray(first))
      if (turns.due) await turns.take(signal)
    }
    const at = lengths.codes + lengths.scales
    if (compression === "none") {
      const wide = new Float32Array(bytes.buffer, at)
      for (let row = 0; row < count; row++)
        wide.set(rows.subarray(row * dimension, (row + 1) * dimension), (row * this.stride) / 4)
    } else if (compression === "int8") {
      const scales = new Float32Array(bytes.buffer, lengths.codes, count)
      toBytes(rows, dimension, scales, new Int8Array(bytes.buffer, at), this.#size)
    } else packResiduals(rows, dimension, this.parts.centroids!, codes, buckets!, bytes.subarray(at))
    return { count, bytes }
  }

  /** The address of the vectors of a record, as rows of float32; those that had to be unpacked hold until the next call. */
  rowsOf(record: number, count: number): number {
    const { memory, stride } = this
    const { compression, dimension, unit, buckets } = this.parts
    const lengths = this.#lengths(count)
    const at = record + lengths.codes + lengths.scales
    if (compression === "none") return at
    const out = memory.region("unpacked", count * stride)
    if (compression === "int8")
      memory.kernel.unpackBytes(record + lengths.codes, at, count, this.#size, stride, Number(unit), out)
    else
      memory.kernel.unpackResiduals(
        record,
        at,
        count,
        this.#size,
        buckets!.bits,
        dimension,
        stride,
        this.centroids!.address,
        this.#table,
        Number(unit),
        out,
      )
    return out
  }

  #lengths(count: number): { codes: number; scales: number; rows: number } {
    return {
      codes: this.centroids ? align(count * 4) : 0,
      scales: this.parts.compression === "int8" ? align(count * 4) : 0,
      rows: align(count * this.#size),
    }
  }
}

/** The bits of a compression by residuals; `undefined` for the others. */
export function residualBits(compression: Compression): ResidualBits | undefined {
  return compression === "residual-2" ? 2 : compression === "residual-4" ? 4 : undefined
}

function rowSize(compression: Compression, dimension: number): number {
  const bits = residualBits(compression)
  if (bits) return packedSize(dimension, bits)
  return compression === "none" ? strideOf(dimension) : Math.ceil(dimension / 4) * 4
}

/** The largest number of a vector becomes 127 or -127. */
function toBytes(rows: Float32Array, dimension: number, scales: Float32Array, out: Int8Array, size: number): void {
  for (let row = 0; row < scales.length; row++) {
    const from = row * dimension
    let most = 0
    for (let d = 0; d < dimension; d++) most = Math.max(most, Math.abs(rows[from + d]))
    scales[row] = most / 127
    if (most > 0) for (let d = 0; d < dimension; d++) out[row * size + d] = Math.round((rows[from + d] / most) * 127)
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / 16) * 16
}
