/** The indexes of a server: those in its data folder, which change, and those that were built before, which do not. @module */
import { randomBytes } from "node:crypto"
import { readdir, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { RankineError, type Retriever, toRankineError } from "../../src/core/index.js"
import { openSavedPipeline, type PartSpec, parsePipeline } from "../../src/pipelines/index.js"
import { makeFolder, storageError, syncFolder } from "./durable.js"
import { lockFolder } from "./folder-lock.js"
import type { Change } from "./journal.js"
import { Members } from "./members.js"
import { StoredIndex } from "./stored-index.js"

const NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/
/** Folders that are not indexes yet, or no longer. */
const PASSING = /^\.(new|dropped)-[0-9a-f]{12}$/

/** What is told of an index. */
export interface IndexFacts {
  readonly name: string
  /** `failed`: it could not be opened, and `error` says why; the others work. */
  readonly status: "ready" | "failed"
  /** Whether documents can be added and deleted. */
  readonly writable: boolean
  readonly error?: string
  readonly documents?: number
  /** On disk. */
  readonly bytes?: number
  readonly created?: string
  /** In the form of pipelines. */
  readonly retriever?: unknown
}

/** Something to search in, open until `release` is called; without a retriever there are no documents. */
export interface Held {
  readonly retriever: Retriever | undefined
  readonly release: () => void
}

type Entry =
  | { readonly kind: "stored"; readonly index: StoredIndex }
  | { readonly kind: "built"; readonly retriever: Retriever }
  | { readonly kind: "failed"; readonly writable: boolean; readonly error: RankineError }

export interface IndexStoreOptions {
  /** The folder of indexes that change; none without it. */
  readonly data?: string | undefined
  /** By name: folders that `rankine index` wrote. */
  readonly built?: Readonly<Record<string, string>> | undefined
  /** Told of each index that cannot be opened. */
  onFailure?(name: string, error: RankineError): void
}

export class IndexStore implements AsyncDisposable {
  readonly #folder: string | undefined
  readonly #entries = new Map<string, Entry>()
  /** Creations and drops of a name take turns. */
  readonly #turns = new Map<string, Promise<unknown>>()
  #lock: AsyncDisposable | undefined

  private constructor(folder: string | undefined) {
    this.#folder = folder
  }

  /**
   * Opens all indexes, one after the other. One that is damaged is listed as failed and does not keep the others from working.
   *
   * @throws RankineError `storage` where the folder cannot be used or another process has it, `configuration` for names that do not fit
   */
  static async open({ data, built = {}, onFailure }: IndexStoreOptions): Promise<IndexStore> {
    const store = new IndexStore(data)
    const failed = (name: string, thrown: unknown, writable: boolean) => {
      const error = toRankineError(thrown)
      store.#entries.set(name, { kind: "failed", writable, error })
      onFailure?.(name, error)
    }
    try {
      if (data !== undefined) {
        await makeFolder(data)
        store.#lock = await lockFolder(data)
        for (const entry of await readdir(data, { withFileTypes: true }).catch((cause) => {
          throw storageError(data, cause)
        })) {
          if (PASSING.test(entry.name)) await rm(join(data, entry.name), { recursive: true, force: true })
          if (!entry.isDirectory() || !NAME.test(entry.name)) continue
          try {
            const index = await StoredIndex.open(entry.name, join(data, entry.name))
            store.#entries.set(entry.name, { kind: "stored", index })
          } catch (thrown) {
            failed(entry.name, thrown, true)
          }
        }
      }
      for (const [name, folder] of Object.entries(built)) {
        if (store.#entries.has(checkName(name)))
          throw new RankineError(
            "configuration",
            `the data folder has an index "${name}" already: name this one otherwise`,
          )
        try {
          store.#entries.set(name, { kind: "built", retriever: await openSavedPipeline(folder) })
        } catch (thrown) {
          failed(name, thrown, false)
        }
      }
    } catch (thrown) {
      await store[Symbol.asyncDispose]()
      throw thrown
    }
    return store
  }

  /** Whether indexes can be made. */
  get isWritable(): boolean {
    return this.#folder !== undefined
  }

  list(): IndexFacts[] {
    return [...this.#entries.keys()].sort().map((name) => this.describe(name))
  }

  /** Throws `not-found`. */
  describe(name: string): IndexFacts {
    const entry = this.#entries.get(name)
    if (!entry) throw this.#unknown(name)
    if (entry.kind === "failed") return { name, status: "failed", writable: entry.writable, error: entry.error.message }
    if (entry.kind === "built") {
      const { retriever } = (entry.retriever.describe?.() ?? {}) as { retriever?: unknown }
      return { name, status: "ready", writable: false, ...(retriever === undefined ? {} : { retriever }) }
    }
    const { size, bytes, created, form } = entry.index
    return { name, status: "ready", writable: true, documents: size, bytes, created, retriever: form }
  }

  /**
   * Makes an index, unless there is one of this name and retriever.
   *
   * @param retriever as in a pipeline; or the short name of a pipeline without stages, such as `hybrid`
   * @returns whether it is new
   * @throws RankineError `argument` for a name that does not fit, or where there is another index of this name (`details.conflict`);
   *   `configuration` for a retriever that does not fit, `not-found` for its model, `storage`
   */
  async create(name: string, retriever: unknown = "bm25"): Promise<boolean> {
    const form = retrieverForm(retriever)
    return this.#inTurn(checkName(name), async () => {
      const known = this.#entries.get(name)
      if (known?.kind === "stored" && JSON.stringify(known.index.form) === JSON.stringify(form)) return false
      if (known)
        throw new RankineError(
          "argument",
          `there is an index "${name}" already, made in another way: drop it first, or use another name`,
          { details: { conflict: true } },
        )
      await this.#make(name, form)
      return true
    })
  }

  /** Removes an index with all its documents. Searches under way end in it. Throws `not-found`, `argument` for one that is read only. */
  async drop(name: string): Promise<void> {
    await this.#inTurn(name, async () => {
      const entry = this.#entries.get(name)
      if (!entry) throw this.#unknown(name)
      if (entry.kind === "built" || (entry.kind === "failed" && !entry.writable)) throw readOnly(name)
      const gone = join(this.#folder!, `.dropped-${randomBytes(6).toString("hex")}`)
      this.#entries.delete(name)
      try {
        if (entry.kind === "stored") await entry.index.close()
      } finally {
        await rename(join(this.#folder!, name), gone).catch((cause) => {
          throw storageError(gone, cause)
        })
        await syncFolder(this.#folder!)
        await rm(gone, { recursive: true, force: true })
      }
    })
  }

  /**
   * Changes the documents of an index; adding to one that is not there makes it, with BM25.
   *
   * @returns how many documents were written, or were there to delete
   */
  async change(name: string, change: Change): Promise<number> {
    if (change.kind !== "delete" && !this.#entries.has(name))
      await this.create(name).catch((thrown) => {
        // Somebody else made it meanwhile, in another way.
        if (!this.#entries.has(name)) throw thrown
      })
    const entry = this.#entry(name)
    if (entry.kind === "built") throw readOnly(name)
    return entry.index.change(change)
  }

  /** Throws `not-found`, and what opening the index threw. */
  hold(name: string): Held {
    const entry = this.#entry(name)
    return entry.kind === "stored" ? entry.index.hold() : { retriever: entry.retriever, release: () => {} }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#turns.values())
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    const closed = await Promise.allSettled(entries.map((entry) => entry.kind === "stored" && entry.index.close()))
    await this.#lock?.[Symbol.asyncDispose]()
    const failure = closed.find(({ status }) => status === "rejected") as PromiseRejectedResult | undefined
    if (failure) throw failure.reason
  }

  async #make(name: string, form: PartSpec): Promise<void> {
    const folder = this.#folder
    if (folder === undefined)
      throw new RankineError(
        "not-found",
        "this server keeps no indexes: start it with a data folder (--data, or data in its configuration)",
      )
    // Whether all parts can be had is found out now, not when documents come.
    const trial = await Members.build(form, [{ id: "trial", text: "a trial of all parts" }])
    trial.retire()
    const fresh = join(folder, `.new-${randomBytes(6).toString("hex")}`)
    try {
      await makeFolder(fresh)
      await StoredIndex.create(fresh, form)
      await rename(fresh, join(folder, name))
      await syncFolder(folder)
    } catch (cause) {
      await rm(fresh, { recursive: true, force: true }).catch(() => {})
      throw storageError(folder, cause)
    }
    this.#entries.set(name, { kind: "stored", index: await StoredIndex.open(name, join(folder, name)) })
  }

  #entry(name: string): Exclude<Entry, { kind: "failed" }> {
    const entry = this.#entries.get(name)
    if (!entry) throw this.#unknown(name)
    if (entry.kind === "failed") throw entry.error
    return entry
  }

  #unknown(name: string): RankineError {
    const known = [...this.#entries.keys()].sort().slice(0, 20).join(", ")
    return new RankineError(
      "not-found",
      `there is no index "${name.slice(0, 100)}": ${known ? `use ${known}` : "put documents into one first"}`,
    )
  }

  async #inTurn<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const result = (this.#turns.get(name) ?? Promise.resolve()).then(work)
    const turn = result.catch(() => {})
    this.#turns.set(name, turn)
    try {
      return await result
    } finally {
      if (this.#turns.get(name) === turn) this.#turns.delete(name)
    }
  }
}

/** The retriever in full. A pipeline with stages is refused: those are chosen with each search. */
function retrieverForm(given: unknown): PartSpec {
  const isPipeline = typeof given === "string" || (typeof given === "object" && given !== null && "retriever" in given)
  const { retriever, stages } = parsePipeline(isPipeline ? given : { retriever: given })
  if (stages.length > 0)
    throw new RankineError(
      "configuration",
      "an index has a retriever only: leave stages out, and put them into a pipeline of the server",
    )
  return retriever
}

function checkName(name: string): string {
  if (NAME.test(name)) return name
  throw new RankineError(
    "argument",
    `"${name.slice(0, 100)}" cannot name an index: use up to 64 of a-z, 0-9, hyphen and underscore, a letter or digit first`,
  )
}

function readOnly(name: string): RankineError {
  return new RankineError(
    "argument",
    `the index ${name} was built before and does not change: index its documents anew`,
  )
}
