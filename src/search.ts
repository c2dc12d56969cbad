/** The shortest use: one line from a folder and a question to a ranking. @module */
import { stat } from "node:fs/promises"
import type { FolderCollection } from "../datasets/folder.js"
import {
  type Document,
  hydrate,
  pipeline,
  type Ranking,
  type Retriever,
  type RunOptions,
  toRankineError,
} from "./core/index.js"

export interface SearchOptions extends Omit<RunOptions, "topK" | "onError"> {
  /** A folder, files, or documents in memory. */
  readonly in: string | readonly string[] | readonly Document[]
  /** Default 10. */
  readonly topK?: number
  /**
   * A pipeline by its short name or as plain data, such as `default`: by words and by meaning, with the models that the package carries.
   * By default BM25, which indexes a folder in a moment.
   */
  readonly pipeline?: string | Readonly<Record<string, unknown>>
}

/**
 * Searches a folder of Markdown, text or JSONL files, or documents in memory, and returns the ranking with the documents' texts.
 *
 * The index lives in memory and is used again while no file of the folder changes (or while it is the same array of documents).
 * For large collections build an index once and load it: `rankine index`, or `Bm25Index`.
 * Throws `not-found` when there is nothing to read, `configuration` for a pipeline that does not fit its schema, `data` for malformed files, `argument` for a topK below 1.
 *
 * ```ts
 * const { hits } = await search("how do I install it?", { in: "docs" })
 * console.log(hits[0].id, hits[0].document.title)
 * ```
 */
export async function search(query: string, options: SearchOptions): Promise<Ranking> {
  const { in: source, topK = 10, pipeline: spec = "bm25", ...run } = options
  const index = await indexOf(source, spec, run)
  const stages = index.documents ? [hydrate(index.documents)] : []
  const [ranking] = await pipeline(index, ...stages).retrieve([{ id: "query", text: query }], {
    ...run,
    topK,
  })
  return ranking!
}

interface Remembered {
  /** What the index was built from: files with their times of change, or the documents themselves. */
  readonly state: readonly unknown[]
  readonly index: Promise<Retriever>
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

type Spec = NonNullable<SearchOptions["pipeline"]>

async function indexOf(source: SearchOptions["in"], spec: Spec, run: Run): Promise<Retriever> {
  const { index } = isDocuments(source)
    ? remember(arrays, source, [JSON.stringify(spec), ...source], () => build(() => source, spec, run))
    : await rememberFolder(source, spec, run)
  try {
    return await index
  } catch (thrown) {
    // Somebody else began this index, and gave up waiting for it.
    if (toRankineError(thrown).code === "aborted" && !run.signal?.aborted) return indexOf(source, spec, run)
    throw thrown
  }
}

async function rememberFolder(source: string | readonly string[], spec: Spec, run: Run): Promise<Remembered> {
  const reading = run.signal ? { signal: run.signal } : {}
  const { openFolder } = await import("../datasets/folder.js")
  const folder = await openFolder(source, reading)
  const remembered = remember(folders, JSON.stringify([source, spec]), await stateOf(folder), () =>
    build(() => folder.documents(reading), spec, run),
  )
  if (folders.size > REMEMBERED_FOLDERS) folders.delete(folders.keys().next().value!)
  return remembered
}

function remember<Key>(
  memory: Memory<Key>,
  key: Key,
  state: readonly unknown[],
  begin: () => Promise<Retriever>,
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

async function build(
  documents: () => Iterable<Document> | AsyncIterable<Document>,
  spec: Spec,
  run: Run,
): Promise<Retriever> {
  const { signal, onProgress } = run
  const building = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) }
  if (spec === "bm25") {
    // What most ask for does without the code of all other parts.
    const { Bm25Index } = await import("../retrievers/bm25/index.js")
    return Bm25Index.build(documents(), building)
  }
  const { buildPipeline } = await import("./pipelines/index.js")
  return buildPipeline(spec, { documents, ...building })
}
