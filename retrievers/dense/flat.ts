/** Exact search: every vector is compared with every query. @module */
import { join } from "node:path"
import type { AddOptions, EngineFile, RowHits, VectorEngine } from "./engine.js"
import { TOP_BYTES } from "./kernel.js"
import { Matrix } from "./matrix.js"
import { readMatrix, writeMatrix } from "./matrix-file.js"
import type { RowBits } from "./row-bits.js"
import type { RowIds } from "./row-ids.js"
import { CHUNK_MASK, prepareTops, readTop, writeMasks } from "./tops.js"
import { Turns } from "./turns.js"

/** Queries that share one pass over the rows, and multiplications that may hold the thread at once (about 10 ms). */
const MOST_QUERIES = 16
const MULTIPLICATIONS = 2 ** 26
/** Keys of all tops together. */
const MOST_KEYS = 2 ** 23

/** Rows of float32 in WebAssembly memory, scored by SIMD, two queries at a time. Scores are float32 sums in one fixed order. */
export class FlatEngine implements VectorEngine {
  readonly reusesRows = false
  readonly exact = true
  readonly #matrix: Matrix

  constructor(dimension: number) {
    this.#matrix = new Matrix(dimension)
  }

  static async read(folder: string, files: readonly EngineFile[], dimension: number): Promise<FlatEngine> {
    const engine = new FlatEngine(dimension)
    await readMatrix(join(folder, files[0]!.name), engine.#matrix)
    return engine
  }

  get queriesAtOnce(): number {
    const perQuery = Math.max(1, this.#matrix.count * (this.#matrix.stride / 4))
    return Math.max(1, Math.min(MOST_QUERIES, Math.floor(MULTIPLICATIONS / perQuery)))
  }

  get bytes(): number {
    return this.#matrix.memory.used
  }

  async add(rows: readonly number[], vectors: readonly Float32Array[], options: AddOptions): Promise<void> {
    const turns = new Turns()
    for (const [index, row] of rows.entries()) {
      this.#matrix.set(row, vectors[index]!)
      if (turns.due) await turns.take(options.signal)
    }
  }

  async remove(): Promise<void> {}

  async compact(keep: Uint32Array): Promise<void> {
    compactRows(this.#matrix, keep)
  }

  search(
    queries: readonly Float32Array[],
    k: number,
    hidden: readonly (RowBits | undefined)[],
    ids: RowIds,
  ): RowHits[] {
    const wanted = Math.min(k, ids.size)
    if (wanted === 0) return queries.map(() => ({ rows: new Uint32Array(0), scores: new Float32Array(0) }))
    const together = Math.max(1, Math.min(MOST_QUERIES, Math.floor(MOST_KEYS / wanted)))
    const hits: RowHits[] = []
    for (let first = 0; first < queries.length; first += together) {
      const some = queries.slice(first, first + together)
      hits.push(...this.#searchTogether(some, wanted, hidden.slice(first, first + together), ids))
    }
    return hits
  }

  async write(folder: string, fileName: (kind: string, extension: string) => string): Promise<EngineFile[]> {
    const name = fileName("vectors", "bin")
    await writeMatrix(join(folder, name), this.#matrix)
    return [{ name }]
  }

  close(): void {}

  #searchTogether(
    queries: readonly Float32Array[],
    k: number,
    hidden: readonly (RowBits | undefined)[],
    ids: RowIds,
  ): RowHits[] {
    const matrix = this.#matrix
    const { memory, stride } = matrix
    matrix.orderBy(ids)
    const { tops, scores } = prepareTops(matrix, queries.length, k)
    const address = writeQueries(matrix, queries)
    const { mask, step } = writeMasks(matrix, hidden)
    for (const [index, { rows, orders }] of matrix.chunks.entries()) {
      const count = matrix.countOf(index)
      if (count <= 0) break
      const m = mask === 0 ? 0 : mask + index * CHUNK_MASK
      memory.kernel.flat(rows, count, stride, address, queries.length, orders, m, step, scores, tops)
    }
    return queries.map((_, index) => readTop(matrix, tops + index * TOP_BYTES, ids))
  }
}

/** Puts queries, padded with zeros, where the kernel reads them. */
export function writeQueries(matrix: Matrix, queries: readonly Float32Array[]): number {
  const { memory, stride } = matrix
  const address = memory.region("queries", queries.length * stride)
  memory.u8.fill(0, address, address + queries.length * stride)
  for (const [index, query] of queries.entries()) memory.f32.set(query, (address + index * stride) / 4)
  return address
}

/** Moves rows to the front. */
export function compactRows(matrix: Matrix, keep: Uint32Array): void {
  const { memory, stride } = matrix
  keep.forEach((from, to) => {
    const source = matrix.addressOf(from)
    if (from !== to) memory.u8.copyWithin(matrix.addressOf(to), source, source + stride)
  })
  matrix.resize(keep.length)
}
