/** A cache of what models answered, on disk and shared between processes. @module */
import { mkdir, open as openFile, realpath } from "node:fs/promises"
import { join, resolve } from "node:path"
import { cacheRoot } from "../../core/cache-root.js"
import { RankineError } from "../../core/errors.js"
import { loadOptional } from "../../core/optional.js"
import type { Lmdb } from "./lmdb.js"
import { type Codec, decodeRecord, encodeRecord, type Known } from "./record.js"
import { GENERATIONS, RecordStore, type Record as StoredRecord } from "./store.js"

export interface CacheOptions {
  /**
   * About how large it may grow. Default 2 GiB. Where it is full, the eighth that was written longest ago is dropped; what is asked for before
   * that is written anew. The first to open a folder in a process decides for that process.
   */
  readonly maxBytes?: number
}

/** Since the cache was opened by this caller's process. */
export interface CacheStats {
  /** Answers that were read from the cache. */
  readonly hits: number
  /** Answers that a model had to give. */
  readonly misses: number
  /** Answers that were asked for twice at once, and given once. */
  readonly shared: number
  readonly stored: number
  /** Reads and writes that failed, and records that were damaged. The model answered instead. */
  readonly failures: number
  /** What failed last. */
  readonly lastFailure: string | undefined
}

/** An open cache; hand it to `cacheEmbeddings`, `cacheSparse` and `cacheScores`. */
export interface ModelCache extends AsyncDisposable {
  readonly directory: string
  readonly stats: CacheStats
  /** Bytes and records on disk, those of other processes included. */
  size(): { readonly bytes: number; readonly records: number }
  /** Forgets everything, for all processes. Throws `storage` where that fails. */
  clear(): Promise<void>
  /** The file is closed with the last handle. Models that use a closed cache answer without it. */
  [Symbol.asyncDispose](): Promise<void>
  /** @internal */
  readonly records: CacheRecords
}

/** The default folder: `cache` in RANKINE_CACHE, else in `~/.cache/rankine`. */
export function defaultCacheDir(): string {
  return join(cacheRoot(), "cache")
}

/** The two pages that an LMDB file begins with, and what each begins with after its header. */
const META_PAGES = 2 * 4096
const MAGIC_AT = 24
const MAGIC = 0xbeefc0de
const MAGIC_VERSION = 2

/** LMDB must not open a file twice in a process. */
const open = new Map<string, { readonly records: CacheRecords; handles: number }>()

/**
 * Opens the cache of a folder, and makes the folder where it is not there.
 *
 * A process that is killed while it writes loses what it was writing, and nothing else. Files on network drives do not support this.
 *
 * ```ts
 * await using cache = await openCache()
 * const model = cacheEmbeddings(await loadEmbedder("all-MiniLM-L6-v2"), cache)
 * ```
 * @throws RankineError `dependency` without lmdb, `storage` where the folder cannot be used, `argument` for options out of range
 */
export async function openCache(directory = defaultCacheDir(), options: CacheOptions = {}): Promise<ModelCache> {
  const { maxBytes = 2 ** 31 } = options
  if (!(maxBytes >= 2 ** 20))
    throw new RankineError("argument", `maxBytes must be at least ${2 ** 20}, got ${maxBytes}`)
  const lmdb = await loadOptional<Lmdb>("lmdb")
  const folder = resolve(directory)
  const refuse = (cause: unknown) =>
    new RankineError(
      "storage",
      `the cache in ${folder} cannot be opened: ${cause instanceof Error ? cause.message : cause}. Delete the folder, or name another (RANKINE_CACHE)`,
      { cause },
    )
  let path: string
  try {
    await mkdir(folder, { recursive: true })
    path = await realpath(folder)
    await refuseForeign(join(path, "data.mdb"))
  } catch (cause) {
    throw refuse(cause)
  }
  let entry = open.get(path)
  if (!entry) {
    try {
      entry = { records: new CacheRecords(new RecordStore(lmdb, path, maxBytes)), handles: 0 }
    } catch (cause) {
      throw refuse(cause)
    }
    open.set(path, entry)
  }
  entry.handles++
  return new Handle(path, entry)
}

/** LMDB ends the process instead of throwing where the file is none of its own. */
async function refuseForeign(path: string): Promise<void> {
  const file = await openFile(path).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== "ENOENT") throw thrown
  })
  if (!file) return
  try {
    const head = Buffer.alloc(META_PAGES)
    const { bytesRead } = await file.read(head, 0, META_PAGES, 0)
    const own = head.readUInt32LE(MAGIC_AT) === MAGIC && head.readUInt32LE(MAGIC_AT + 4) === MAGIC_VERSION
    if (bytesRead > 0 && (bytesRead < META_PAGES || !own)) throw new Error(`${path} is no LMDB file of this version`)
  } finally {
    await file.close()
  }
}

class Handle implements ModelCache {
  #closed = false

  constructor(
    readonly directory: string,
    private readonly entry: { readonly records: CacheRecords; handles: number },
  ) {}

  get records(): CacheRecords {
    return this.entry.records
  }

  get stats(): CacheStats {
    return { ...this.records.counts }
  }

  size(): { readonly bytes: number; readonly records: number } {
    return this.records.store.size()
  }

  async clear(): Promise<void> {
    try {
      await this.records.store.clear()
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : cause
      throw new RankineError("storage", `the cache in ${this.directory} cannot be cleared: ${reason}`, { cause })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (--this.entry.handles > 0) return
    open.delete(this.directory)
    await this.records.store.close()
  }
}

/** The records of one file as values, with a count of all that happens; nothing here throws. */
export class CacheRecords {
  readonly counts = {
    hits: 0,
    misses: 0,
    shared: 0,
    stored: 0,
    failures: 0,
    lastFailure: undefined as string | undefined,
  }
  /** What models are computing now, by key. */
  readonly pending = new Map<string, Promise<Known<unknown>>>()

  constructor(readonly store: RecordStore) {}

  /** `renew`: it is old, and will be dropped soon unless it is written again. */
  get<Value>(key: Buffer, codec: Codec<Value>): { readonly known: Known<Value>; readonly renew: boolean } | undefined {
    try {
      const found = this.store.get(key)
      if (!found) return undefined
      const known = decodeRecord(key, found.bytes, codec)
      if (!known) throw new Error("a record is damaged")
      this.counts.hits++
      return { known, renew: found.age >= GENERATIONS / 2 }
    } catch (thrown) {
      this.#failed(thrown, 1)
      return undefined
    }
  }

  async put<Value>(
    entries: readonly (readonly [key: Buffer, known: Known<Value>])[],
    codec: Codec<Value>,
  ): Promise<void> {
    const records: StoredRecord[] = entries.map(([key, known]) => ({ key, bytes: encodeRecord(key, known, codec) }))
    let lost = 0
    await this.store.put(records, (thrown, count) => {
      lost += count
      this.#failed(thrown, count)
    })
    this.counts.stored += records.length - lost
  }

  #failed(thrown: unknown, count: number): void {
    this.counts.failures += count
    this.counts.lastFailure = thrown instanceof Error ? thrown.message : String(thrown)
  }
}
