/** BM25 over an inverted index that grows and shrinks without being rebuilt. @module */
import { type Description, type Retriever, type RunOptions, resolveTopK } from "../../src/core/contracts.js"
import type { Document, DocumentStore, Query } from "../../src/core/document.js"
import { RankineError, throwIfAborted } from "../../src/core/errors.js"
import { noUsage, type Ranking, type Warning } from "../../src/core/ranking.js"
import type { Analyzer } from "../../src/text/analyzer.js"
import { createAnalyzer } from "../../src/text/index.js"
import {
  InvertedIndex,
  type InvertedSearchOptions,
  type InvertedStats,
  type Search,
  TURN_MS,
} from "../inverted/inverted-index.js"
import type { Segment } from "../inverted/segment.js"
import { explainHit } from "./explain.js"
import type { Bm25Options } from "./options.js"
import { QueryReader } from "./query-reader.js"
import { Bm25Scorer } from "./scorer.js"
import { defaultDelta } from "./scoring.js"
import { type Bm25Settings, settingsOf } from "./settings.js"
import { type FieldStatistics, fieldStatistics } from "./statistics.js"
import { loadIndex, saveIndex } from "./storage.js"
import { TextSegmentBuilder } from "./text-fields.js"

/** How building reports and stops. */
export type BuildOptions = Pick<RunOptions, "signal" | "onProgress">

export type Bm25SearchOptions = InvertedSearchOptions
export type Bm25Stats = InvertedStats

/** Documents whose text is analysed between two looks at the clock. */
const LOOK_EVERY = 64

/**
 * A BM25 index in memory. Build it from documents, or load it from a directory; add and delete at any time.
 *
 * Scores and ties are Lucene's to the last bit of float32 (variant `lucene`, norm `lucene`): rankings equal those of Lucene with
 * the same analyzer, equal scores ordered by id in UTF-8 byte order. Statistics count living documents only, so that an index
 * after deletions ranks as one built anew.
 *
 * ```ts
 * const index = await Bm25Index.build([{ id: "a", text: "steam engines" }, { id: "b", text: "heat pumps" }])
 * const [ranking] = await index.retrieve([{ id: "q", text: "engine" }])
 * ranking.hits[0].id // "a"
 * ```
 */
export class Bm25Index implements Retriever {
  readonly name = "bm25"
  readonly settings: Bm25Settings
  readonly analyzer: Analyzer
  readonly documents: DocumentStore
  readonly #fieldNames: readonly (string | undefined)[]
  readonly #reader: QueryReader
  readonly #index: InvertedIndex
  #statistics: readonly FieldStatistics[] = []
  /** The state of the index that the statistics are of. */
  #counted = -1

  /** An empty index. Throws `argument` for settings out of range. */
  constructor(options?: Bm25Options)
  /** @internal */
  constructor(options: Bm25Options, segments: readonly Segment[])
  constructor(options: Bm25Options = {}, segments: readonly Segment[] = []) {
    this.settings = settingsOf(options)
    this.analyzer = createAnalyzer(this.settings.analyzer)
    const fields = this.settings.fields
    this.#fieldNames = fields ? Object.keys(fields) : [undefined]
    this.#reader = new QueryReader(this.analyzer, this.settings, fields ? Object.values(fields) : [1])
    this.#index = new InvertedIndex(
      (segment) => new Bm25Scorer(segment, this.settings, this.#countedStatistics()),
      segments,
    )
    this.documents = this.#index.documents
  }

  /** Builds an index. Throws `data` for an empty collection, a document without id or text, or two documents with one id. */
  static async build(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: Bm25Options & BuildOptions = {},
  ): Promise<Bm25Index> {
    const index = new Bm25Index(options)
    const added = await index.add(documents, options)
    if (added === 0) throw new RankineError("data", "there are no documents to index: the collection is empty")
    return index
  }

  /** Loads an index that `save` wrote. Throws `not-found`, `index-version` or `index-corrupt`. */
  static async load(directory: string): Promise<Bm25Index> {
    const { settings, segments } = await loadIndex(directory)
    return new Bm25Index(settings, segments)
  }

  /**
   * Writes the index into a directory. Files of an index that lies there are replaced in one step at the very end:
   * whatever happens before leaves the old one whole. Throws `storage` when the disk is full or not writable.
   */
  async save(directory: string): Promise<void> {
    await this.#index.exclusively(() => saveIndex(directory, this.settings, this.#index.segments))
  }

  /** Living documents. */
  get size(): number {
    return this.#index.size
  }

  get stats(): Bm25Stats {
    return this.#index.stats
  }

  /**
   * Adds documents and returns how many. All or nothing: a document that cannot be added (no id, no text, an id that is
   * in the index) throws `data` and leaves the index as it was. With `replace`, a document takes the place of the one with its id.
   */
  async add(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: BuildOptions & { readonly replace?: boolean } = {},
  ): Promise<number> {
    return this.#index.add(() => this.#analyse(documents, options), options.replace)
  }

  /** Deletes documents by id and returns how many were there. Unknown ids are not an error. */
  async delete(ids: Iterable<string>): Promise<number> {
    return this.#index.delete(ids)
  }

  /** Merges everything into as few segments as possible, without what was deleted. Searching is fastest then. */
  async optimize(): Promise<void> {
    await this.#index.optimize()
  }

  /**
   * Ranks documents for queries; rankings come in the order of the queries.
   * Hits have scores above 0 and `scoreKind` is `bm25`. `topK` (default 1000) must be a whole number of at least 1.
   */
  async retrieve(queries: readonly Query[], options: Bm25SearchOptions = {}): Promise<Ranking[]> {
    const topK = resolveTopK(options)
    const progress = (done: number) =>
      options.onProgress?.({ stage: this.name, done, total: queries.length, unit: "queries" })
    const items = queries.map((query) => ({ query }))
    const rankings = await this.#index.rankEach(
      items,
      ({ query }, search) => this.#rank(query, search, topK, options.explain),
      "bm25",
      options,
      progress,
    )
    progress(queries.length)
    return rankings
  }

  describe(): Description {
    const { variant, norm, k1, b, delta, analyzer, fields, querySide } = this.settings
    const optional = { ...(defaultDelta[variant] > 0 ? { delta } : {}), ...(fields ? { fields } : {}) }
    return { name: this.name, variant, norm, k1, b, ...optional, analyzer, querySide, documents: this.size }
  }

  /** Frees the memory and closes the files. The index must not be used afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#index.close()
  }

  #rank(query: Query, search: Search, topK: number, explain: boolean | undefined): Ranking {
    const started = performance.now()
    if (typeof query.text !== "string")
      throw new RankineError("argument", `query "${query.id}" has no text: give it a string`)
    const { segments, generation } = this.#index
    const statistics = this.#countedStatistics()
    const read = this.#reader.read(query.text, generation, segments, statistics)
    const hits = read.clauses.length > 0 ? search(query, read.bySegment, topK) : []
    const explained = explain
      ? hits.map((hit) => ({ ...hit, explanation: explainHit(hit.id, read, segments, this.settings, statistics) }))
      : hits
    return {
      query,
      hits: explained,
      status: "ranked",
      final: true,
      scoreKind: "bm25",
      stages: [],
      warnings: read.length === 0 ? emptyQuery : read.clauses.length === 0 ? noKnownTerms : noWarnings,
      usage: { ...noUsage, seconds: (performance.now() - started) / 1000 },
    }
  }

  /** The statistics of the index as it is now. */
  #countedStatistics(): readonly FieldStatistics[] {
    const { generation, segments } = this.#index
    if (this.#counted !== generation) {
      this.#statistics = this.#fieldNames.map((_, field) => fieldStatistics(segments, field))
      this.#counted = generation
    }
    return this.#statistics
  }

  /** The documents' segments, not yet part of the index. */
  async #analyse(documents: Iterable<Document> | AsyncIterable<Document>, options: BuildOptions): Promise<Segment[]> {
    const segments: Segment[] = []
    const newBuilder = () => new TextSegmentBuilder(this.analyzer, this.#fieldNames, this.settings.storeDocuments)
    let builder = newBuilder()
    let done = 0
    let turn = performance.now()
    const report = () => options.onProgress?.({ stage: "index", done, unit: "documents" })
    const take = (document: Document): boolean => {
      builder.add(document, done++)
      if (builder.isFull) {
        segments.push(builder.finish())
        builder = newBuilder()
      }
      if (done % LOOK_EVERY !== 0 || performance.now() - turn < TURN_MS) return false
      turn = performance.now()
      return true
    }
    const breathe = async () => {
      throwIfAborted(options.signal)
      report()
      await new Promise(setImmediate)
      turn = performance.now()
    }
    throwIfAborted(options.signal)
    // An array is read without a promise for every document.
    if (Symbol.iterator in documents) {
      for (const document of documents) if (take(document)) await breathe()
    } else {
      for await (const document of documents) if (take(document)) await breathe()
    }
    if (builder.size > 0) segments.push(builder.finish())
    report()
    return segments
  }
}

const noWarnings: readonly Warning[] = []
const emptyQuery: readonly Warning[] = [{ code: "empty-query", count: 1 }]
const noKnownTerms: readonly Warning[] = [{ code: "no-known-terms", count: 1 }]
