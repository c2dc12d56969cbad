/** Search in two steps: short codes choose candidates, whole vectors give them their scores. @module */
import { join } from "node:path"
import type { AddOptions, EngineFile, RowHits, VectorEngine } from "./engine.js"
import { compactRows, writeQueries } from "./flat.js"
import { CHUNK_ROWS, type Chunk, Matrix } from "./matrix.js"
import { readMatrix, writeMatrix } from "./matrix-file.js"
import type { RowBits } from "./row-bits.js"
import type { RowIds } from "./row-ids.js"
import { CHUNK_MASK, prepareTops, readTop, writeMasks } from "./tops.js"
import { Turns } from "./turns.js"

/** How vectors become codes, and codes scores. */
export interface Codec {
  /** Bytes of a code. */
  readonly codeBytes: number
  /** Where the code of a chunk's row lies in the chunk's codes: its first byte, and how far apart its bytes are. */
  placeOf(row: number): { readonly offset: number; readonly step: number }
  /** Writes the code of a vector into `target` (zeros before) and returns the row's scale. */
  encode(vector: Float32Array, target: Uint8Array): number
  /** Bytes of a query's code, and the code itself. */
  readonly queryBytes: number
  encodeQuery(query: Float32Array, target: Uint8Array): void
  /** Offers all rows of a chunk to the top. */
  scan(matrix: Matrix, chunk: Chunk, count: number, query: number, mask: number, scores: number, top: number): void
}

/**
 * Keeps a code beside every vector. The `oversample` times k rows whose codes fit best are scored with their whole vectors, so that
 * scores are those of the flat index to the last bit; a row that its code undersells can be missed.
 */
export class QuantizedEngine implements VectorEngine {
  readonly reusesRows = false
  readonly exact = false
  readonly queriesAtOnce = 4
  readonly #matrix: Matrix
  readonly #codec: Codec
  readonly #oversample: number
  readonly #code: Uint8Array

  constructor(dimension: number, codec: Codec, oversample: number) {
    this.#matrix = new Matrix(dimension, codec.codeBytes)
    this.#codec = codec
    this.#oversample = oversample
    this.#code = new Uint8Array(codec.codeBytes)
  }

  /** Codes are made anew: that costs less than reading them. */
  async read(folder: string, files: readonly EngineFile[]): Promise<this> {
    await readMatrix(join(folder, files[0]!.name), this.#matrix)
    for (let row = 0; row < this.#matrix.count; row++) this.#encode(row)
    return this
  }

  get bytes(): number {
    return this.#matrix.memory.used
  }

  async add(rows: readonly number[], vectors: readonly Float32Array[], options: AddOptions): Promise<void> {
    const turns = new Turns()
    for (const [index, row] of rows.entries()) {
      this.#matrix.set(row, vectors[index]!)
      this.#encode(row)
      if (turns.due) await turns.take(options.signal)
    }
  }

  async remove(): Promise<void> {}

  async compact(keep: Uint32Array): Promise<void> {
    compactRows(this.#matrix, keep)
    for (let row = 0; row < keep.length; row++) this.#encode(row)
  }

  search(
    queries: readonly Float32Array[],
    k: number,
    hidden: readonly (RowBits | undefined)[],
    ids: RowIds,
  ): RowHits[] {
    const wanted = Math.min(k, ids.size)
    if (wanted === 0) return queries.map(() => ({ rows: new Uint32Array(0), scores: new Float32Array(0) }))
    this.#matrix.orderBy(ids)
    return queries.map((query, index) => {
      const candidates = this.#candidates(
        query,
        Math.min(ids.size, Math.ceil(wanted * this.#oversample)),
        hidden[index],
        ids,
      )
      return this.#rescore(query, candidates, wanted, ids)
    })
  }

  async write(folder: string, fileName: (kind: string, extension: string) => string): Promise<EngineFile[]> {
    const name = fileName("vectors", "bin")
    await writeMatrix(join(folder, name), this.#matrix)
    return [{ name }]
  }

  close(): void {}

  #encode(row: number): void {
    const { memory, chunks } = this.#matrix
    const { codes, scales } = chunks[Math.floor(row / CHUNK_ROWS)]!
    const code = this.#code.fill(0)
    memory.f32[scales / 4 + (row % CHUNK_ROWS)] = this.#codec.encode(this.#matrix.row(row), code)
    const { offset, step } = this.#codec.placeOf(row % CHUNK_ROWS)
    for (let i = 0; i < code.length; i++) memory.u8[codes + offset + i * step] = code[i]!
  }

  #candidates(query: Float32Array, count: number, hidden: RowBits | undefined, ids: RowIds): Uint32Array {
    const matrix = this.#matrix
    const { memory } = matrix
    const { tops, scores } = prepareTops(matrix, 1, count)
    const address = memory.region("code", this.#codec.queryBytes)
    const { mask } = writeMasks(matrix, [hidden])
    this.#codec.encodeQuery(query, memory.u8.subarray(address, address + this.#codec.queryBytes).fill(0))
    for (const [index, chunk] of matrix.chunks.entries()) {
      const rows = matrix.countOf(index)
      if (rows <= 0) break
      this.#codec.scan(matrix, chunk, rows, address, mask === 0 ? 0 : mask + index * CHUNK_MASK, scores, tops)
    }
    return readTop(matrix, tops, ids).rows
  }

  #rescore(query: Float32Array, candidates: Uint32Array, k: number, ids: RowIds): RowHits {
    const matrix = this.#matrix
    const { memory, stride } = matrix
    if (candidates.length === 0) return { rows: candidates, scores: new Float32Array(0) }
    const padded = Math.ceil(candidates.length / 4) * 4
    const { tops } = prepareTops(matrix, 1, Math.min(k, candidates.length))
    const list = memory.region("list", 4 * padded)
    const orders = memory.region("listed orders", 4 * padded)
    const scores = memory.region("rescored", 4 * padded)
    const address = writeQueries(matrix, [query])
    const { byRow } = ids.order()
    for (let i = 0; i < padded; i++) {
      const row = candidates[i] ?? candidates[0]!
      memory.u32[list / 4 + i] = matrix.addressOf(row)
      memory.u32[orders / 4 + i] = byRow[row]!
    }
    memory.kernel.rescore(list, candidates.length, stride, address, scores)
    memory.kernel.select(scores, candidates.length, orders, tops)
    return readTop(matrix, tops, ids)
  }
}
