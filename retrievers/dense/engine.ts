/** What a kind of vector index must do: keep vectors by row number, and find the nearest ones. @module */
import type { RunOptions } from "../../src/core/contracts.js"
import type { RowBits } from "./row-bits.js"
import type { RowIds } from "./row-ids.js"

/** `cosine` compares directions (vectors are brought to length 1), `dot` takes vectors as they are. */
export type Metric = "cosine" | "dot"

export type AddOptions = Pick<RunOptions, "signal">

/** The best rows of one query, best first. */
export interface RowHits {
  readonly rows: Uint32Array
  readonly scores: Float32Array
}

/** A file that an engine wrote; `crc32` where the file does not carry its own checksums. */
export interface EngineFile {
  readonly name: string
  readonly bytes?: number
  readonly crc32?: number
}

/**
 * Vectors by row number. Vectors and queries have the index's dimension and are checked and normalised already. Scores are dot products in
 * float32; equal scores are ordered by the ids of the rows.
 */
export interface VectorEngine {
  /** Rows of deleted documents may be written again. Where this is false, `compact` gives their memory back. */
  readonly reusesRows: boolean
  /** True where results are those of comparing with every vector. */
  readonly exact: boolean
  /** Numbers of queries that one call of `search` answers without holding the thread for long. */
  readonly queriesAtOnce: number
  /** Writes vectors into rows; may give the event loop its turn. Rows count as empty until this has ended. */
  add(rows: readonly number[], vectors: readonly Float32Array[], options: AddOptions): Promise<void>
  /** The rows are empty from now on. */
  remove(rows: readonly number[]): Promise<void>
  /** The k nearest rows of each query; `hidden[i]` are rows that query i must not be given. */
  search(queries: readonly Float32Array[], k: number, hidden: readonly (RowBits | undefined)[], ids: RowIds): RowHits[]
  /** Moves the rows of `keep`, ascending, to rows 0, 1, ... */
  compact?(keep: Uint32Array): Promise<void>
  /** Writes new files into the folder; `fileName` makes their names. */
  write(folder: string, fileName: (kind: string, extension: string) => string, ids: RowIds): Promise<EngineFile[]>
  /** Memory that the vectors take, in bytes, as far as it is known. */
  readonly bytes: number | undefined
  close(): void
}
