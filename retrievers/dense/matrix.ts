/** Rows of float32 in WebAssembly memory, in chunks that never move. @module */
import { KernelMemory } from "./kernel.js"
import type { RowIds } from "./row-ids.js"

/** Rows of one chunk: a multiple of 8, so that a chunk's mask begins at a byte. */
export const CHUNK_ROWS = 4096

/** Addresses of the parts of a chunk; `codes` and `scales` are 0 where the index keeps none. */
export interface Chunk {
  readonly rows: number
  readonly orders: number
  readonly codes: number
  readonly scales: number
}

export class Matrix {
  readonly memory = new KernelMemory()
  readonly dimension: number
  /** Bytes of a row: the dimension padded to a multiple of four float32. */
  readonly stride: number
  readonly chunks: Chunk[] = []
  readonly #codeBytes: number
  #count = 0
  #ordered = -1

  constructor(dimension: number, codeBytes = 0) {
    this.dimension = dimension
    this.stride = Math.ceil(dimension / 4) * 16
    this.#codeBytes = codeBytes
  }

  /** Rows, from 0 to the highest one that was written. */
  get count(): number {
    return this.#count
  }

  /** Rows of a chunk. */
  countOf(chunk: number): number {
    return Math.min(CHUNK_ROWS, this.#count - chunk * CHUNK_ROWS)
  }

  addressOf(row: number): number {
    return this.chunks[Math.floor(row / CHUNK_ROWS)]!.rows + (row % CHUNK_ROWS) * this.stride
  }

  /** A view of a row, valid until the memory grows. */
  row(row: number): Float32Array {
    const first = this.addressOf(row) / 4
    return this.memory.f32.subarray(first, first + this.dimension)
  }

  set(row: number, vector: Float32Array): void {
    this.resize(Math.max(this.#count, row + 1))
    this.memory.f32.set(vector, this.addressOf(row) / 4)
  }

  /** Makes room for rows up to `count`, or forgets those from there on. */
  resize(count: number): void {
    while (this.chunks.length * CHUNK_ROWS < count) {
      const { memory } = this
      const rows = memory.allocate(CHUNK_ROWS * this.stride)
      const orders = memory.allocate(CHUNK_ROWS * 4)
      const codes = this.#codeBytes > 0 ? memory.allocate(CHUNK_ROWS * this.#codeBytes) : 0
      const scales = this.#codeBytes > 0 ? memory.allocate(CHUNK_ROWS * 4) : 0
      this.chunks.push({ rows, orders, codes, scales })
    }
    this.#count = count
  }

  /** Puts the order of ids where the kernel reads it. */
  orderBy(ids: RowIds): void {
    if (this.#ordered === ids.generation) return
    const { byRow } = ids.order()
    for (const [index, chunk] of this.chunks.entries()) {
      const first = index * CHUNK_ROWS
      this.memory.u32.set(byRow.subarray(first, first + CHUNK_ROWS), chunk.orders / 4)
    }
    this.#ordered = ids.generation
  }
}
