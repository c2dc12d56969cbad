/** Approximate search in a graph of neighbours, by hnswlib (Malkov and Yashunin, "HNSW", 2016). @module */
import { open } from "node:fs/promises"
import { join } from "node:path"
import { RankineError } from "../../src/core/errors.js"
import { loadOptional } from "../../src/core/optional.js"
import { collect } from "./candidates.js"
import type { AddOptions, EngineFile, RowHits, VectorEngine } from "./engine.js"
import { fileOf } from "./native-file.js"
import type { RowBits } from "./row-bits.js"
import type { RowIds } from "./row-ids.js"
import { Turns } from "./turns.js"

export interface HnswOptions {
  /** Links of a node on the lower layers are twice this. Default 16. */
  readonly m?: number
  /** Nodes looked at when one is added. Default 200. */
  readonly efConstruction?: number
  /** Nodes looked at when searching, at least k: more find more, and take longer. Default 200. */
  readonly efSearch?: number
  /** Seed of the layers. Default 100. */
  readonly seed?: number
}

/** The part of hnswlib-node that is used. */
interface Graph {
  initIndex(options: { maxElements: number; m: number; efConstruction: number; randomSeed: number }): void
  readIndexSync(path: string): void
  writeIndexSync(path: string): void
  resizeIndex(maxElements: number): void
  addPoint(point: readonly number[], label: number): void
  markDelete(label: number): void
  searchKnn(
    query: readonly number[],
    k: number,
    filter?: (label: number) => boolean,
  ): { distances: number[]; neighbors: number[] }
  getPoint(label: number): number[]
  getCurrentCount(): number
  getMaxElements(): number
  setEf(ef: number): void
}
interface Library {
  readonly HierarchicalNSW: new (space: "ip", dimension: number) => Graph
}

/**
 * Vectors live in the graph, which is built one vector after the other. Deleting marks a node: it still leads the way but is not returned;
 * where most nodes are marked the graph is built anew. Distances are 1 - dot product; a score is 1 - distance, in float32.
 */
export class HnswEngine implements VectorEngine {
  readonly reusesRows = false
  readonly exact = false
  readonly queriesAtOnce = 8
  #graph: Graph

  private constructor(
    readonly library: Library,
    readonly dimension: number,
    readonly options: Required<HnswOptions>,
    graph?: Graph,
  ) {
    this.#graph = graph ?? this.#newGraph(1024)
  }

  /** Throws `dependency` where hnswlib-node is not installed, `argument` for options out of range. */
  static async create(dimension: number, options: HnswOptions = {}): Promise<HnswEngine> {
    return new HnswEngine(await loadLibrary(), dimension, complete(options))
  }

  static async read(
    folder: string,
    files: readonly EngineFile[],
    dimension: number,
    options: HnswOptions = {},
  ): Promise<HnswEngine> {
    const library = await loadLibrary()
    const graph = new library.HierarchicalNSW("ip", dimension)
    try {
      graph.readIndexSync(join(folder, files[0]!.name))
    } catch (cause) {
      throw new RankineError("index-corrupt", `${files[0]!.name} is not a graph of this index: build the index again`, {
        cause,
      })
    }
    return new HnswEngine(library, dimension, complete(options), graph)
  }

  /** Vectors, labels and the links of the lowest layer. */
  get bytes(): number {
    return this.#graph.getMaxElements() * (4 * this.dimension + 8 * this.options.m + 12)
  }

  async add(rows: readonly number[], vectors: readonly Float32Array[], options: AddOptions): Promise<void> {
    this.#makeRoom(this.#graph.getCurrentCount() + rows.length)
    const added: number[] = []
    const turns = new Turns()
    try {
      for (const [index, row] of rows.entries()) {
        this.#graph.addPoint(Array.from(vectors[index]!), row)
        added.push(row)
        if (turns.due) await turns.take(options.signal)
      }
    } catch (thrown) {
      await this.remove(added)
      throw thrown
    }
  }

  async remove(rows: readonly number[]): Promise<void> {
    for (const row of rows) this.#graph.markDelete(row)
  }

  async compact(keep: Uint32Array): Promise<void> {
    const old = this.#graph
    const graph = this.#newGraph(Math.max(1024, keep.length))
    const turns = new Turns()
    for (const [row, from] of keep.entries()) {
      graph.addPoint(old.getPoint(from), row)
      if (turns.due) await turns.take()
    }
    this.#graph = graph
  }

  search(
    queries: readonly Float32Array[],
    k: number,
    hidden: readonly (RowBits | undefined)[],
    ids: RowIds,
  ): RowHits[] {
    const limit = this.#graph.getCurrentCount()
    return queries.map((query, index) => {
      const point = Array.from(query)
      // The graph itself passes over what was deleted.
      const mask = hidden[index] === ids.empty ? undefined : hidden[index]
      // A call back into JavaScript for every node costs more than a few nodes too many.
      const filter = mask && mask.count - ids.empty.count > k + 64 ? (row: number) => !mask.has(row) : undefined
      const nearest = (count: number) => {
        this.#graph.setEf(Math.max(this.options.efSearch, count))
        const { neighbors, distances } = this.#graph.searchKnn(point, count, filter)
        return { rows: neighbors, scores: distances.map((distance) => Math.fround(1 - distance)) }
      }
      return collect(nearest, limit, Math.min(k, ids.size), filter ? undefined : mask, ids)
    })
  }

  async write(folder: string, fileName: (kind: string, extension: string) => string): Promise<EngineFile[]> {
    const name = fileName("graph", "hnsw")
    const path = join(folder, name)
    this.#graph.writeIndexSync(path)
    await checkWritten(path)
    return [await fileOf(folder, name)]
  }

  close(): void {
    this.#graph = this.#newGraph(1)
  }

  #newGraph(maxElements: number): Graph {
    const graph = new this.library.HierarchicalNSW("ip", this.dimension)
    const { m, efConstruction, seed } = this.options
    graph.initIndex({ maxElements, m, efConstruction, randomSeed: seed })
    return graph
  }

  #makeRoom(count: number): void {
    const room = this.#graph.getMaxElements()
    if (count > room) this.#graph.resizeIndex(Math.max(count, Math.ceil(1.5 * room)))
  }
}

async function loadLibrary(): Promise<Library> {
  const module = await loadOptional<Library & { default?: Library }>("hnswlib-node")
  return module.default ?? module
}

function complete(options: HnswOptions): Required<HnswOptions> {
  const complete = { m: 16, efConstruction: 200, efSearch: 200, seed: 100, ...options }
  for (const [name, value] of Object.entries(complete))
    if (!Number.isInteger(value) || value < (name === "seed" ? 0 : name === "m" ? 2 : 1) || value > 2 ** 31)
      throw new RankineError("argument", `${name} of an hnsw index must be a whole number in its range, got ${value}`)
  return complete
}

/**
 * hnswlib writes without looking whether it succeeded. The file ends with the links of each node above the lowest layer: it is whole
 * where following their lengths from the end of the lowest layer leads exactly to the end of the file.
 */
async function checkWritten(path: string): Promise<void> {
  const failed = () =>
    new RankineError("storage", "the graph could not be written whole: free space or choose another folder")
  const file = await open(path, "r").catch((): undefined => undefined)
  if (!file) throw failed()
  try {
    const head = Buffer.alloc(96)
    await file.read(head, 0, head.length, 0)
    const { size } = await file.stat()
    const nodes = Number(head.readBigUInt64LE(16))
    const begin = 96 + nodes * Number(head.readBigUInt64LE(24))
    if (begin > size) throw failed()
    const tail = Buffer.alloc(size - begin)
    await file.read(tail, 0, tail.length, begin)
    let at = 0
    for (let node = 0; node < nodes; node++) {
      if (at + 4 > tail.length) throw failed()
      at += 4 + tail.readUInt32LE(at)
    }
    if (at !== tail.length) throw failed()
  } finally {
    await file.close()
  }
}
