/** Approximate search in a graph of neighbours, by usearch: prebuilt binaries, and indexes that stay on disk. @module */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { RankineError } from "../../src/core/errors.js"
import { loadOptional } from "../../src/core/optional.js"
import { collect } from "./candidates.js"
import type { AddOptions, EngineFile, RowHits, VectorEngine } from "./engine.js"
import { fileOf } from "./native-file.js"
import type { RowBits } from "./row-bits.js"
import type { RowIds } from "./row-ids.js"
import { Turns } from "./turns.js"

export interface UsearchOptions {
  /** Links of a node. Default 16. */
  readonly connectivity?: number
  /** Nodes looked at when one is added. Default 128. */
  readonly expansionAdd?: number
  /** Nodes looked at when searching, at least k. Default 200. */
  readonly expansionSearch?: number
}

/** The part of usearch that is used. */
interface NativeIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void
  search(vector: Float32Array, k: number, threads: number): { keys: BigUint64Array; distances: Float32Array }
  contains(keys: BigUint64Array): boolean[]
  remove(keys: BigUint64Array): number[]
  size(): number
  save(path: string): void
  load(path: string): void
  view(path: string): void
}
interface Library {
  readonly Index: new (config: Record<string, unknown>) => NativeIndex
}

const ADDED_AT_ONCE = 32

/**
 * Vectors live in the graph; a loaded index is a view of its file, which the system reads as it is needed, until the first addition.
 * usearch takes no filter from JavaScript: where rows are hidden, more are asked for until enough are left, so that a filter that few
 * documents pass costs up to a pass over the whole graph. Distances are 1 - dot product; a score is 1 - distance, in float32.
 */
export class UsearchEngine implements VectorEngine {
  readonly reusesRows = true
  readonly exact = false
  readonly queriesAtOnce = 8
  /** Files that hold what is viewed, the newest last: saving may have removed the older ones. Undefined once the graph is in memory. */
  #viewed: string[] | undefined
  readonly #index: NativeIndex

  private constructor(
    library: Library,
    readonly dimension: number,
    options: UsearchOptions,
  ) {
    const { connectivity = 16, expansionAdd = 128, expansionSearch = 200 } = options
    for (const [name, value] of Object.entries({ connectivity, expansionAdd, expansionSearch }))
      if (!Number.isInteger(value) || value < 2)
        throw new RankineError("argument", `${name} of a usearch index must be a whole number above 1, got ${value}`)
    this.#index = new library.Index({
      dimensions: dimension,
      metric: "ip",
      quantization: "f32",
      connectivity,
      expansion_add: expansionAdd,
      expansion_search: expansionSearch,
      multi: false,
    })
  }

  /** Throws `dependency` where usearch is not installed, `argument` for options out of range. */
  static async create(dimension: number, options: UsearchOptions = {}): Promise<UsearchEngine> {
    return new UsearchEngine(await loadOptional<Library>("usearch"), dimension, options)
  }

  static async read(
    folder: string,
    files: readonly EngineFile[],
    dimension: number,
    options: UsearchOptions = {},
  ): Promise<UsearchEngine> {
    const engine = await UsearchEngine.create(dimension, options)
    const path = join(folder, files[0]!.name)
    try {
      engine.#index.view(path)
    } catch (cause) {
      throw new RankineError("index-corrupt", `${files[0]!.name} is not a graph of this index: build the index again`, {
        cause,
      })
    }
    engine.#viewed = [path]
    return engine
  }

  get bytes(): number | undefined {
    return undefined
  }

  async add(rows: readonly number[], vectors: readonly Float32Array[], options: AddOptions): Promise<void> {
    this.#toMemory()
    // Rows may have been deleted while the graph was only viewed.
    const stale = this.#present(rows)
    if (stale.length > 0) this.#index.remove(stale)
    const turns = new Turns()
    let done = 0
    try {
      for (; done < rows.length; ) {
        const some = rows.slice(done, done + ADDED_AT_ONCE)
        const flat = new Float32Array(some.length * this.dimension)
        for (let i = 0; i < some.length; i++) flat.set(vectors[done + i]!, i * this.dimension)
        // One thread: the same input gives the same graph.
        this.#index.add(keysOf(some), flat, 1)
        done += some.length
        if (turns.due) await turns.take(options.signal)
      }
    } catch (thrown) {
      await this.remove(rows)
      throw thrown
    }
  }

  async remove(rows: readonly number[]): Promise<void> {
    if (this.#viewed !== undefined) return
    const present = this.#present(rows)
    if (present.length > 0) this.#index.remove(present)
  }

  search(
    queries: readonly Float32Array[],
    k: number,
    hidden: readonly (RowBits | undefined)[],
    ids: RowIds,
  ): RowHits[] {
    const limit = this.#index.size()
    return queries.map((query, index) => {
      const nearest = (count: number) => {
        const { keys, distances } = this.#index.search(query, count, 1)
        return {
          rows: Array.from(keys, Number),
          scores: Array.from(distances, (distance) => Math.fround(1 - distance)),
        }
      }
      return collect(nearest, limit, Math.min(k, ids.size), hidden[index], ids)
    })
  }

  async write(folder: string, fileName: (kind: string, extension: string) => string): Promise<EngineFile[]> {
    const name = fileName("graph", "usearch")
    try {
      this.#index.save(join(folder, name))
    } catch (cause) {
      throw new RankineError("storage", "the graph could not be written: free space or choose another folder", {
        cause,
      })
    }
    this.#viewed?.push(join(folder, name))
    return [await fileOf(folder, name)]
  }

  close(): void {}

  #present(rows: readonly number[]): BigUint64Array {
    if (rows.length === 0) return new BigUint64Array(0)
    const has = this.#index.contains(keysOf(rows))
    return keysOf(rows.filter((_, index) => has[index]))
  }

  #toMemory(): void {
    if (this.#viewed === undefined) return
    const file = this.#viewed.findLast((path) => existsSync(path))
    if (file === undefined)
      throw new RankineError(
        "storage",
        "the file of the viewed index is gone: load the index again before adding to it",
      )
    this.#index.load(file)
    this.#viewed = undefined
  }
}

function keysOf(rows: readonly number[]): BigUint64Array {
  return BigUint64Array.from(rows, BigInt)
}
