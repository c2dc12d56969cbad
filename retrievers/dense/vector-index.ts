/** Vectors with ids, and the search for the nearest ones: one class over all kinds of indexes. @module */
import { join, resolve } from "node:path"
import type { RunOptions } from "../../src/core/contracts.js"
import { RankineError, throwIfAborted } from "../../src/core/errors.js"
import { type Format, readManifest, replaceContent } from "../storage/directory.js"
import { IdTable } from "../storage/id-table.js"
import { bytesOf, openSections, writeSections } from "../storage/section-file.js"
import type { EngineFile, Metric, VectorEngine } from "./engine.js"
import { type IndexKind, type KindOptions, makeEngine } from "./kinds.js"
import { checkFile } from "./native-file.js"
import { RowBits } from "./row-bits.js"
import { RowIds } from "./row-ids.js"
import { Turns } from "./turns.js"
import { prepareVector } from "./vectors.js"

export interface VectorIndexOptions extends KindOptions {
  /** Default `flat`. */
  readonly index?: IndexKind
  /** Default `cosine`. */
  readonly metric?: Metric
}

export interface VectorHit {
  readonly id: string
  /** The dot product in float32: the cosine where the metric is `cosine`. */
  readonly score: number
}

export interface VectorSearchOptions {
  /** Documents that no query may be given; see `rowsWhere`. */
  readonly hidden?: RowBits
  /** Ids that query i may not be given. */
  readonly excludedIds?: readonly (readonly string[] | undefined)[]
}

/** What a saved index needs to be read again; the manifest's content. */
export interface SavedVectors {
  readonly kind: IndexKind
  readonly dimension: number
  readonly metric: Metric
  readonly options: KindOptions
  readonly ids: string
  readonly files: readonly EngineFile[]
}

const FORMAT: Format = { name: "rankine-vectors", version: 1 }
/** Rows are compacted when more than this many, and more than half, are empty. */
const MOST_EMPTY = 1024

/**
 * Vectors by id. Search is exact or approximate as the kind of index says; scores are dot products in float32, equal ones are ordered by id.
 *
 * ```ts
 * const index = await VectorIndex.create(3)
 * await index.add(["east", "north"], [Float32Array.of(1, 0, 0), Float32Array.of(0, 1, 0)])
 * index.search([Float32Array.of(2, 1, 0)], 1)[0] // [{ id: "east", score: 0.8944272 }]
 * ```
 */
export class VectorIndex {
  readonly #ids: RowIds
  readonly #engine: VectorEngine
  /** Changes take turns. */
  #writing: Promise<unknown> = Promise.resolve()

  private constructor(
    readonly kind: IndexKind,
    readonly dimension: number,
    readonly metric: Metric,
    readonly options: KindOptions,
    engine: VectorEngine,
    ids: RowIds,
  ) {
    this.#engine = engine
    this.#ids = ids
  }

  /** An empty index. Throws `argument` for options out of range, `dependency` where the kind's package is not installed. */
  static async create(dimension: number, options: VectorIndexOptions = {}): Promise<VectorIndex> {
    const { index: kind = "flat", metric = "cosine", ...rest } = options
    if (!Number.isInteger(dimension) || dimension < 1 || dimension > 16384)
      throw new RankineError("argument", `dimension must be a whole number from 1 to 16384, got ${dimension}`)
    if (metric !== "cosine" && metric !== "dot")
      throw new RankineError("argument", `metric must be "cosine" or "dot", got "${String(metric)}"`)
    return new VectorIndex(kind, dimension, metric, rest, await makeEngine(kind, dimension, rest), new RowIds())
  }

  /** Loads what `save` wrote. Throws `not-found`, `index-version` or `index-corrupt`. */
  static async load(directory: string): Promise<VectorIndex> {
    const { body } = await readManifest<SavedVectors>(directory, FORMAT)
    return VectorIndex.read(resolve(directory), body)
  }

  /** Reads the files of a saved index; every checksum is compared. */
  static async read(folder: string, saved: SavedVectors): Promise<VectorIndex> {
    const { kind, dimension, metric, options, files } = saved
    const ids = await readIds(join(folder, saved.ids))
    for (const file of files) await checkFile(folder, file)
    const engine = await makeEngine(kind, dimension, options, { folder, files })
    return new VectorIndex(kind, dimension, metric, options, engine, ids)
  }

  /** Vectors in the index. */
  get size(): number {
    return this.#ids.size
  }

  /** Rises with every change. */
  get generation(): number {
    return this.#ids.generation
  }

  /** True where results are those of comparing with every vector. */
  get exact(): boolean {
    return this.#engine.exact
  }

  /** Queries that one call of `search` answers without holding the thread for long. */
  get queriesAtOnce(): number {
    return this.#engine.queriesAtOnce
  }

  /** Memory of the vectors in bytes, where the engine knows it. */
  get bytes(): number | undefined {
    return this.#engine.bytes
  }

  has(id: string): boolean {
    return this.#ids.find(id) !== undefined
  }

  /** All ids, in the order of their rows. */
  ids(): string[] {
    return Array.from(this.#ids.livingRows(), (row) => this.#ids.idOf(row)!)
  }

  /**
   * Adds vectors. All or nothing: throws `data` for an id that is there already (with `replace` its vector is replaced) or given twice and
   * for vectors with NaN or infinite numbers, `argument` for another dimension, and leaves the index as it was.
   */
  async add(
    ids: readonly string[],
    vectors: readonly Float32Array[],
    options: Pick<RunOptions, "signal"> & { readonly replace?: boolean } = {},
  ): Promise<void> {
    if (ids.length !== vectors.length)
      throw new RankineError("argument", `${ids.length} ids and ${vectors.length} vectors: give one vector for each id`)
    await this.#exclusively(async () => {
      const seen = new Set<string>()
      for (const id of ids) {
        if (seen.has(id)) throw new RankineError("data", `two of the vectors have the id "${id}": give each id once`)
        if (!options.replace && this.has(id))
          throw new RankineError("data", `the index has a vector with the id "${id}": delete it first, or use replace`)
        seen.add(id)
      }
      const prepared: Float32Array[] = []
      const turns = new Turns()
      for (const [index, vector] of vectors.entries()) {
        prepared.push(prepareVector(vector, this.dimension, this.metric, () => `the vector of "${ids[index]}"`))
        if (turns.due) await turns.take(options.signal)
      }
      throwIfAborted(options.signal)
      const rows = this.#ids.reserve(ids.length, this.#engine.reusesRows)
      try {
        await this.#engine.add(rows, prepared, options)
      } catch (thrown) {
        this.#ids.release(rows)
        throw thrown
      }
      const replaced = ids.flatMap((id) => this.#ids.remove(id) ?? [])
      for (const [index, row] of rows.entries()) this.#ids.assign(row, ids[index]!)
      if (replaced.length > 0) await this.#forget(replaced)
    })
  }

  /** Deletes vectors and returns how many were there. Unknown ids are not an error. */
  async delete(ids: Iterable<string>): Promise<number> {
    return this.#exclusively(async () => {
      const rows: number[] = []
      for (const id of ids) {
        const row = this.#ids.remove(id)
        if (row !== undefined) rows.push(row)
      }
      await this.#forget(rows)
      return rows.length
    })
  }

  /**
   * The k nearest ids of each query, best first. Throws `argument` for a query of another dimension or k below 1, `data` for one with NaN.
   * Holds the thread until it has answered: give it `queriesAtOnce` queries at a time where that matters.
   */
  search(queries: readonly Float32Array[], k: number, options: VectorSearchOptions = {}): VectorHit[][] {
    if (!Number.isInteger(k) || k < 1) throw new RankineError("argument", `k must be a whole number above 0, got ${k}`)
    const prepared = queries.map((query, index) =>
      prepareVector(query, this.dimension, this.metric, () => `query vector ${index + 1}`),
    )
    const hidden = this.#hiddenOf(options.hidden)
    const masks = queries.map((_, index) => this.#without(hidden, options.excludedIds?.[index]))
    return this.#engine
      .search(prepared, k, masks, this.#ids)
      .map(({ rows, scores }) => Array.from(rows, (row, i) => ({ id: this.#ids.idOf(row)!, score: scores[i]! })))
  }

  /** The rows whose id does not fit, for `VectorSearchOptions.hidden`. They hold for the present state of the index only. */
  rowsWhere(fits: (id: string) => boolean): RowBits {
    const bits = new RowBits(this.#ids.rowCount)
    for (let row = 0; row < this.#ids.rowCount; row++) {
      const id = this.#ids.idOf(row)
      if (id === undefined || !fits(id)) bits.add(row)
    }
    return bits
  }

  /** Writes the index into a folder; one that lies there is replaced in one step at the very end. */
  async save(directory: string): Promise<void> {
    await replaceContent(directory, FORMAT, (folder, fileName) => this.write(folder, fileName))
  }

  /** Writes the files of the index and says what is needed to read them. */
  async write(folder: string, fileName: (kind: string, extension: string) => string): Promise<SavedVectors> {
    return this.#exclusively(async () => {
      const { kind, dimension, metric, options } = this
      const ids = fileName("ids", "bin")
      await writeIds(join(folder, ids), this.#ids)
      return { kind, dimension, metric, options, ids, files: await this.#engine.write(folder, fileName, this.#ids) }
    })
  }

  /** Frees what the index holds. It must not be used afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusively(async () => this.#engine.close())
  }

  async #forget(rows: readonly number[]): Promise<void> {
    await this.#engine.remove(rows)
    const empty = this.#ids.empty.count
    if (!this.#engine.compact || empty <= MOST_EMPTY || empty <= this.#ids.size) return
    const keep = this.#ids.livingRows()
    await this.#engine.compact(keep)
    this.#ids.compact(keep)
  }

  #hiddenOf(given: RowBits | undefined): RowBits | undefined {
    const { empty } = this.#ids
    if (!given) return empty.count > 0 ? empty : undefined
    if (empty.count === 0) return given
    const both = given.copy()
    for (let row = 0; row < this.#ids.rowCount; row++) if (empty.has(row)) both.add(row)
    return both
  }

  #without(hidden: RowBits | undefined, excludedIds: readonly string[] | undefined): RowBits | undefined {
    const rows = excludedIds?.flatMap((id) => this.#ids.find(id) ?? []) ?? []
    if (rows.length === 0) return hidden
    const bits = hidden?.copy() ?? new RowBits(this.#ids.rowCount)
    for (const row of rows) bits.add(row)
    return bits
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(work)
    this.#writing = result.catch(() => {})
    return result
  }
}

async function writeIds(path: string, ids: RowIds): Promise<void> {
  const rows = ids.livingRows()
  const { bytes, starts } = IdTable.fromStrings(Array.from(rows, (row) => ids.idOf(row)!)).parts()
  await writeSections(path, [
    { name: "rows", bytes: bytesOf(rows) },
    { name: "ids", bytes },
    { name: "ids.starts", bytes: bytesOf(starts) },
  ])
}

async function readIds(path: string): Promise<RowIds> {
  const file = await openSections(path)
  try {
    const rows = new Uint32Array((await file.read("rows")).buffer)
    const table = IdTable.fromBytes(await file.read("ids"), new Uint32Array((await file.read("ids.starts")).buffer))
    const ids = new RowIds()
    const reserved = ids.reserve(rows.length > 0 ? rows[rows.length - 1]! + 1 : 0, false)
    for (const [index, row] of rows.entries()) ids.assign(row, table.get(index))
    ids.release(reserved.filter((row) => ids.idOf(row) === undefined))
    return ids
  } finally {
    await file.close()
  }
}
