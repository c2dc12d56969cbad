/** The shortest use: one line from a folder and a question to a ranking. @module */
import { stat } from "node:fs/promises"
import type { FolderCollection } from "../datasets/folder.js"
import type { Bm25Index } from "../retrievers/bm25/index.js"
import { type Document, hydrate, pipeline, type Ranking, type RunOptions, toRankineError } from "./core/index.js"

export interface SearchOptions extends Omit<RunOptions, "topK" | "onError"> {
  /** A folder, files, or documents in memory. */
  readonly in: string | readonly string[] | readonly Document[]
  /** Default 10. */
  readonly topK?: number
}

/**
 * Searches a folder of Markdown, text or JSONL files, or documents in memory, with BM25, and returns the ranking with the documents' texts.
 *
 * The index lives in memory and is used again while no file of the folder changes (or while it is the same array of documents).
 * For large collections build an index once and load it: `rankine index`, or `Bm25Index`.
 * Throws `not-found` when there is nothing to read, `data` for malformed files, `argument` for a topK below 1.
 *
 * ```ts
 * const { hits } = await search("how do I install it?", { in: "docs" })
 * console.log(hits[0].id, hits[0].document.title)
 * ```
 */
export async function search(query: string, options: SearchOptions): Promise<Ranking> {
  const { in: source, topK = 10, ...run } = options
  const index = await indexOf(source, run)
  const [ranking] = await pipeline(index, hydrate(index.documents)).retrieve([{ id: "query", text: query }], {
    ...run,
    topK,
  })
  return ranking!
}

interface Remembered {
  /** What the index was built from: files with their times of change, or the documents themselves. */
  readonly state: readonly unknown[]
  readonly index: Promise<Bm25Index>
}

/** What a Map and a WeakMap have in common. */
interface Memory<Key> {
  get(key: Key): Remembered | undefined
  set(key: Key, remembered: Remembered): unknown
  delete(key: Key): boolean
}

/** The folders searched last, and arrays for as long as somebody holds them. */
const folders = new Map<string, Remembered>()
const arrays = new WeakMap<object, Remembered>()
const REMEMBERED_FOLDERS = 8

type Run = Pick<RunOptions, "signal" | "onProgress">

async function indexOf(source: SearchOptions["in"], run: Run): Promise<Bm25Index> {
  const { index } = isDocuments(source)
    ? remember(arrays, source, [...source], () => build(source, run))
    : await rememberFolder(source, run)
  try {
    return await index
  } catch (thrown) {
    // Somebody else began this index, and gave up waiting for it.
    if (toRankineError(thrown).code === "aborted" && !run.signal?.aborted) return indexOf(source, run)
    throw thrown
  }
}

async function rememberFolder(source: string | readonly string[], run: Run): Promise<Remembered> {
  const reading = run.signal ? { signal: run.signal } : {}
  const { openFolder } = await import("../datasets/folder.js")
  const folder = await openFolder(source, reading)
  const remembered = remember(folders, JSON.stringify(source), await stateOf(folder), () =>
    build(folder.documents(reading), run),
  )
  if (folders.size > REMEMBERED_FOLDERS) folders.delete(folders.keys().next().value!)
  return remembered
}

function remember<Key>(
  memory: Memory<Key>,
  key: Key,
  state: readonly unknown[],
  begin: () => Promise<Bm25Index>,
): Remembered {
  const known = memory.get(key)
  const same = known?.state.length === state.length && known.state.every((part, place) => part === state[place])
  const remembered = same ? known : { state, index: begin() }
  // Deleting first makes it the youngest entry of the map.
  memory.delete(key)
  memory.set(key, remembered)
  if (remembered !== known)
    remembered.index.catch(() => {
      if (memory.get(key) === remembered) memory.delete(key)
    })
  return remembered
}

function isDocuments(source: SearchOptions["in"]): source is readonly Document[] {
  return typeof source !== "string" && typeof source[0] === "object"
}

/** Paths, sizes and times of change: what tells that a file is not the one that was indexed. */
async function stateOf(folder: FolderCollection): Promise<string[]> {
  return Promise.all(
    folder.files.map(async ({ path }) => {
      const { size, mtimeMs } = await stat(path)
      return `${path}\0${size}\0${mtimeMs}`
    }),
  )
}

async function build(documents: Iterable<Document> | AsyncIterable<Document>, run: Run): Promise<Bm25Index> {
  const { Bm25Index } = await import("../retrievers/bm25/index.js")
  const { signal, onProgress } = run
  return Bm25Index.build(documents, { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) })
}
