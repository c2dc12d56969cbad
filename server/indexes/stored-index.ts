/** An index that takes documents one request at a time and is whole after any crash. @module */
import { readdir, readFile, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { type Document, RankineError, type Retriever, toRankineError } from "../../src/core/index.js"
import type { PartSpec } from "../../src/pipelines/index.js"
import { storageError, writeDurably } from "./durable.js"
import { type Change, Journal } from "./journal.js"
import { Members, type Places } from "./members.js"

const STATE = "index.json"
const JOURNAL = "journal.bin"
const FORMAT = 1
/** A journal is folded into the saved index when it is longer than this and than a quarter of it, so that what is written stays in proportion. */
const FOLD_BYTES = 2 * 2 ** 20
/** Changes that are written, and waited for, together. */
const TOGETHER_BYTES = 16 * 2 ** 20

/** What a folder says of its index. */
interface State {
  readonly format: number
  /** A retriever, as in a pipeline, in full. */
  readonly retriever: PartSpec
  readonly created: string
  /** Where its retrievers lie; none where it had no documents when this was written. */
  readonly places?: Places
}

interface Waiting {
  readonly change: Change
  readonly resolve: (affected: number) => void
  readonly reject: (error: RankineError) => void
}

/**
 * One writer at a time; searches go on meanwhile, in what there was or with what is being added. A change is acknowledged once the journal
 * holds it on disk; it may be found a moment before.
 */
export class StoredIndex {
  readonly name: string
  readonly created: string
  readonly form: PartSpec
  readonly #directory: string
  #places: Places | undefined
  #members: Members | undefined
  #journal: Journal
  #savedBytes = 0
  #waiting: Waiting[] = []
  #writing: Promise<void> = Promise.resolve()
  #busy = false
  #closed = false
  #broken: RankineError | undefined

  private constructor(name: string, directory: string, state: State, journal: Journal) {
    this.name = name
    this.#directory = directory
    this.created = state.created
    this.form = state.retriever
    this.#places = state.places
    this.#journal = journal
  }

  /** Writes the folder of an empty index; `open` reads it. */
  static async create(directory: string, form: PartSpec): Promise<void> {
    const state: State = { format: FORMAT, retriever: form, created: new Date().toISOString() }
    await writeDurably(join(directory, STATE), JSON.stringify(state))
  }

  /**
   * Opens an index, with what its journal holds.
   *
   * @throws RankineError `index-corrupt`, `index-version`, `not-found` for a model that is gone, `storage`
   */
  static async open(name: string, directory: string): Promise<StoredIndex> {
    const state = await readState(directory)
    const { journal, changes } = await Journal.open(join(directory, JOURNAL))
    const index = new StoredIndex(name, directory, state, journal)
    try {
      await index.#restore(changes)
    } catch (thrown) {
      await journal.close()
      throw thrown
    }
    return index
  }

  /** Living documents. */
  get size(): number {
    return this.#members?.size ?? 0
  }

  /** Bytes on disk, by the last look. */
  get bytes(): number {
    return this.#savedBytes + this.#journal.bytes
  }

  /**
   * Makes a change.
   *
   * @returns how many documents were written, or were there to delete
   * @throws RankineError `data` for documents that cannot be indexed, `storage`; nothing of the change is kept then
   */
  change(change: Change): Promise<number> {
    if (this.#closed) return Promise.reject(new RankineError("not-found", `the index ${this.name} was closed`))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject })
      if (this.#busy) return
      this.#busy = true
      this.#writing = this.#drain()
    })
  }

  /** Works with the retriever, which stays open meanwhile; it is undefined where there are no documents. */
  async use<Result>(work: (retriever: Retriever | undefined) => Promise<Result>): Promise<Result> {
    return this.#members ? this.#members.use(work) : work(undefined)
  }

  /** As `use`, until the function that comes with the retriever is called. */
  hold(): { readonly retriever: Retriever | undefined; readonly release: () => void } {
    const members = this.#members
    return { retriever: members?.retriever, release: members?.hold() ?? (() => {}) }
  }

  /** Ends what is being written, folds the journal and lets go of files and memory. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#writing
    try {
      if (this.#journal.bytes > 0 && !this.#broken) await this.#fold()
    } finally {
      await this.#journal.close()
      this.#members?.retire()
    }
  }

  async #drain(): Promise<void> {
    // Requests that came at the same time are in the list by then.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) await this.#writeSome()
    this.#busy = false
  }

  async #writeSome(): Promise<void> {
    const done: { readonly waiting: Waiting; readonly affected: number }[] = []
    let bytes = 0
    let torn = false
    while (this.#waiting.length > 0 && bytes < TOGETHER_BYTES && !torn) {
      const waiting = this.#waiting.shift()!
      if (this.#broken) {
        waiting.reject(this.#broken)
        continue
      }
      try {
        done.push({ waiting, affected: await this.#apply(waiting.change, () => (torn = true)) })
        bytes += roughSize(waiting.change)
      } catch (thrown) {
        waiting.reject(toRankineError(thrown))
      }
    }
    try {
      await this.#journal.append(done.map(({ waiting }) => waiting.change))
      for (const { waiting, affected } of done) waiting.resolve(affected)
    } catch (thrown) {
      // Memory is ahead of what is on disk.
      await this.#reload()
      const error = toRankineError(thrown)
      for (const { waiting } of done) waiting.reject(error)
      return
    }
    if (torn) await this.#reload()
    else if (this.#isLong()) await this.#fold().catch(() => {}) // The journal still holds everything; the next change tries again.
  }

  async #apply(change: Change, torn: () => void): Promise<number> {
    if (change.kind === "delete") return (await this.#members?.delete(change.ids)) ?? 0
    const { documents } = change
    requireDistinct(documents)
    if (change.kind === "add" && documents.length === 0) return 0
    if (change.kind === "add" && this.#members) {
      await this.#members.add(documents, torn)
      return documents.length
    }
    const next = documents.length > 0 ? await Members.build(this.form, documents) : undefined
    this.#members?.retire()
    this.#members = next
    return documents.length
  }

  #isLong(): boolean {
    return this.#journal.bytes > Math.max(FOLD_BYTES, this.#savedBytes / 4)
  }

  /** Saves the retrievers, then empties the journal. A crash in between only makes changes be done twice. */
  async #fold(): Promise<void> {
    const places = await this.#members?.save(this.#directory)
    const state: State = {
      format: FORMAT,
      retriever: this.form,
      created: this.created,
      ...(places ? { places } : {}),
    }
    if (JSON.stringify(places) !== JSON.stringify(this.#places))
      await writeDurably(join(this.#directory, STATE), JSON.stringify(state))
    this.#places = places
    await this.#journal.clear()
    await this.#sweep()
    this.#savedBytes = await folderBytes(this.#directory)
  }

  /** Removes folders of retrievers that are not named any more. */
  async #sweep(): Promise<void> {
    const named = new Set(this.#places?.map(({ folder }) => folder))
    for (const entry of await readdir(this.#directory, { withFileTypes: true }))
      if (entry.isDirectory() && !named.has(entry.name))
        await rm(join(this.#directory, entry.name), { recursive: true, force: true })
  }

  /** Back to what is on disk. */
  async #reload(): Promise<void> {
    try {
      await this.#journal.close()
      const { journal, changes } = await Journal.open(join(this.#directory, JOURNAL))
      this.#journal = journal
      await this.#restore(changes)
    } catch (thrown) {
      const cause = toRankineError(thrown)
      this.#broken = new RankineError(cause.code, `the index ${this.name} takes no more changes: ${cause.message}`, {
        cause,
      })
    }
  }

  async #restore(changes: readonly Change[]): Promise<void> {
    const last = changes.findLastIndex(({ kind }) => kind === "replace")
    const before = this.#members
    this.#members = last < 0 && this.#places ? await Members.load(this.form, this.#places, this.#directory) : undefined
    before?.retire()
    for (const change of changes.slice(Math.max(0, last))) await this.#apply(change, () => {})
    this.#savedBytes = await folderBytes(this.#directory)
  }
}

async function readState(directory: string): Promise<State> {
  const path = join(directory, STATE)
  let state: State
  try {
    state = JSON.parse(await readFile(path, "utf8")) as State
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== undefined) throw storageError(path, cause)
    throw new RankineError("index-corrupt", `${path} is damaged: restore the index from a copy, or drop it`, { cause })
  }
  if (state.format !== FORMAT)
    throw new RankineError(
      "index-version",
      `${path} was written by another version of Rankine (format ${state.format}, this one reads ${FORMAT})`,
    )
  return state
}

function requireDistinct(documents: readonly Document[]): void {
  const seen = new Set<string>()
  for (const { id } of documents) {
    if (seen.has(id)) throw new RankineError("data", `two of the documents have the id "${id}": ids must be unique`)
    seen.add(id)
  }
}

function roughSize(change: Change): number {
  if (change.kind === "delete") return change.ids.length
  return change.documents.reduce((sum, { text }) => sum + text.length, 0)
}

async function folderBytes(directory: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name === JOURNAL) continue
    bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0
  }
  return bytes
}
