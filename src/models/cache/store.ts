/** Records in one LMDB file that several processes may share, bounded by generations. @module */
import { nextTurn } from "../turns.js"
import type { Database, Lmdb } from "./lmdb.js"

/** The oldest of these makes room for a new one: what was not asked for since it was young is forgotten, an eighth of everything at a time. */
export const GENERATIONS = 8
/** Writing holds the event loop for one transaction of at most so many records and bytes. */
const SLICE_RECORDS = 64
const SLICE_BYTES = 2 ** 17
/** In the names of the databases: another layout of records begins an own set. */
const LAYOUT = 1

const CURRENT = Buffer.from("current")

export interface Record {
  readonly key: Buffer
  readonly bytes: Buffer
}

/** All calls are synchronous and short; what they throw is the caller's to count. */
export class RecordStore {
  readonly #root: Database
  readonly #meta: Database
  readonly #generations: readonly Database[]
  readonly #sliceBytes: number
  #closed = false

  constructor(
    lmdb: Lmdb,
    folder: string,
    private readonly maxBytes: number,
  ) {
    this.#sliceBytes = Math.min(SLICE_BYTES, maxBytes / GENERATIONS / 4)
    const binary = { encoding: "binary", keyEncoding: "binary" } as const
    this.#root = lmdb.open({ path: folder, noSubdir: false, maxDbs: GENERATIONS + 4, cache: false, ...binary })
    this.#meta = this.#root.openDB({ name: `layout-${LAYOUT}`, cache: false, ...binary })
    this.#generations = Array.from({ length: GENERATIONS }, (_, index) =>
      this.#root.openDB({ name: `layout-${LAYOUT}-generation-${index}`, cache: false, ...binary }),
    )
  }

  /** The record, and how many generations ago it was written. */
  get(key: Buffer): { readonly bytes: Buffer; readonly age: number } | undefined {
    if (this.#closed) return undefined
    const current = this.#current()
    for (let age = 0; age < GENERATIONS; age++) {
      const bytes = this.#generations[(current + GENERATIONS - age) % GENERATIONS]!.getBinary(key)
      if (bytes) return { bytes, age }
    }
    return undefined
  }

  /** Writes records, with a turn of the event loop after each slice, and calls `failed` with what went wrong and for how many. */
  async put(records: readonly Record[], failed: (thrown: unknown, count: number) => void): Promise<void> {
    for (let from = 0; from < records.length; ) {
      let to = from
      for (let bytes = 0; to < records.length && to - from < SLICE_RECORDS && bytes < this.#sliceBytes; to++)
        bytes += records[to]!.bytes.length
      const slice = records.slice(from, to)
      if (this.#closed) return
      try {
        this.#root.transactionSync(() => {
          const generation = this.#generations[this.#roomyGeneration()]!
          for (const { key, bytes } of slice) generation.putSync(key, bytes)
        })
      } catch (thrown) {
        failed(thrown, slice.length)
      }
      from = to
      await nextTurn()
    }
  }

  /** Forgets everything, one generation for each turn of the event loop. */
  async clear(): Promise<void> {
    for (const generation of this.#generations) {
      if (this.#closed) return
      this.#root.transactionSync(() => generation.clearSync())
      await nextTurn()
    }
  }

  /** Bytes and records of all generations. */
  size(): { readonly bytes: number; readonly records: number } {
    let bytes = 0
    let records = 0
    if (!this.#closed)
      for (const generation of this.#generations) {
        bytes += bytesOf(generation)
        records += generation.getStats().entryCount
      }
    return { bytes, records }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#root.close()
  }

  #current(): number {
    return (this.#meta.getBinary(CURRENT)?.[0] ?? 0) % GENERATIONS
  }

  /** Within a transaction, so that processes agree: where the newest generation is full, the oldest becomes the newest. */
  #roomyGeneration(): number {
    const current = this.#current()
    if (bytesOf(this.#generations[current]!) < this.maxBytes / GENERATIONS) return current
    const next = (current + 1) % GENERATIONS
    this.#generations[next]!.clearSync()
    this.#meta.putSync(CURRENT, Buffer.of(next))
    return next
  }
}

function bytesOf(database: Database): number {
  const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages } = database.getStats()
  return pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages)
}
