/** BM25 over an inverted index that grows and shrinks without being rebuilt. @module */
import { type Description, type Retriever, type RunOptions, resolveTopK } from "../../src/core/contracts.js"
import type { Document, DocumentStore, Query } from "../../src/core/document.js"
import { RankineError, throwIfAborted, toRankineError } from "../../src/core/errors.js"
import { compareHits, emptyRanking, type Hit, noUsage, type Ranking, type Warning } from "../../src/core/ranking.js"
import type { Analyzer } from "../../src/text/analyzer.js"
import { createAnalyzer } from "../../src/text/index.js"
import { explainHit } from "./explain.js"
import { type Hidden, HiddenDocuments } from "./hidden.js"
import { mergeSegments } from "./merge.js"
import type { Bm25Options } from "./options.js"
import { QueryReader, type ReadQuery } from "./query-reader.js"
import { defaultDelta } from "./scoring.js"
import { SegmentSearcher, type Strategy } from "./search.js"
import type { Segment } from "./segment.js"
import { SegmentBuilder } from "./segment-builder.js"
import { type Bm25Settings, settingsOf } from "./settings.js"
import { type FieldStatistics, fieldStatistics, lengthFactors } from "./statistics.js"
import { loadIndex, saveIndex } from "./storage.js"

/** How building reports and stops. */
export type BuildOptions = Pick<RunOptions, "signal" | "onProgress">

export interface Bm25SearchOptions extends RunOptions {
  /** `auto` chooses by cost; `exhaustive` and `pruned` give the same ranking and exist to compare them. */
  readonly strategy?: Strategy
}

export interface Bm25Stats {
  readonly documents: number
  readonly deleted: number
  readonly segments: number
  readonly terms: number
  readonly postings: number
  /** Bytes on disk or in memory that the postings take, without the documents: postings, dictionary, lengths and ids. */
  readonly bytes: number
}

/** Documents whose text is analysed between two looks at the clock, and milliseconds after which the event loop gets its turn. */
const LOOK_EVERY = 64
const TURN_MS = 25

/** Documents that are read from disk at the same time. */
const READ_AT_ONCE = 256

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
  readonly #fieldWeights: readonly number[]
  readonly #reader: QueryReader
  readonly #hidden = new HiddenDocuments()
  #segments: Segment[] = []
  #searchers: SegmentSearcher[] | undefined
  #statistics: FieldStatistics[] = []
  #generation = 0
  /** Additions and deletions take turns: each sees the index that the one before it left. */
  #writing: Promise<unknown> = Promise.resolve()

  /** An empty index. Throws `argument` for settings out of range. */
  constructor(options: Bm25Options = {}) {
    this.settings = settingsOf(options)
    this.analyzer = createAnalyzer(this.settings.analyzer)
    const fields = this.settings.fields
    this.#fieldNames = fields ? Object.keys(fields) : [undefined]
    this.#fieldWeights = fields ? Object.values(fields) : [1]
    this.#reader = new QueryReader(this.analyzer, this.settings, this.#fieldWeights)
    this.documents = { get: (ids, signal) => this.#getDocuments(ids, signal) }
    this.#renew()
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
    const index = new Bm25Index(settings)
    index.#segments = segments
    index.#renew()
    return index
  }

  /**
   * Writes the index into a directory. Files of an index that lies there are replaced in one step at the very end:
   * whatever happens before leaves the old one whole. Throws `storage` when the disk is full or not writable.
   */
  async save(directory: string): Promise<void> {
    await this.#exclusively(() => saveIndex(directory, this.settings, this.#segments))
  }

  /** Living documents. */
  get size(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.livingCount, 0)
  }

  get stats(): Bm25Stats {
    const sum = (of: (segment: Segment) => number) => this.#segments.reduce((total, segment) => total + of(segment), 0)
    return {
      documents: this.size,
      deleted: sum((segment) => segment.deletedCount),
      segments: this.#segments.length,
      terms: sum((segment) => segment.fields.reduce((terms, field) => terms + field.terms.size, 0)),
      postings: sum((segment) => segment.postingCount),
      bytes: sum(segmentBytes),
    }
  }

  /**
   * Adds documents and returns how many. All or nothing: a document that cannot be added (no id, no text, an id that is
   * in the index) throws `data` and leaves the index as it was. With `replace`, a document takes the place of the one with its id.
   */
  async add(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: BuildOptions & { readonly replace?: boolean } = {},
  ): Promise<number> {
    return this.#exclusively(async () => {
      const added = await this.#analyse(documents, options)
      const replaced: [Segment, number][] = []
      added.forEach((segment, position) => {
        for (let document = 0; document < segment.size; document++) {
          const id = segment.ids.get(document)
          const twin = added.slice(0, position).find((other) => other.ids.find(id) >= 0)
          if (twin) throw duplicate(id, "two of the documents have")
          const old = this.#find(id)
          if (!old) continue
          if (!options.replace) throw duplicate(id, "the index has a document with")
          replaced.push(old)
        }
      })
      for (const [segment, document] of replaced) segment.delete(document)
      this.#segments.push(...added)
      this.#tidy()
      this.#renew()
      return added.reduce((sum, segment) => sum + segment.size, 0)
    })
  }

  /** Deletes documents by id and returns how many were there. Unknown ids are not an error. */
  async delete(ids: Iterable<string>): Promise<number> {
    return this.#exclusively(async () => {
      let deleted = 0
      for (const id of ids) {
        const place = this.#find(id)
        if (place?.[0].delete(place[1])) deleted++
      }
      if (deleted === 0) return 0
      this.#tidy()
      this.#renew()
      return deleted
    })
  }

  /** Merges everything into as few segments as possible, without what was deleted. Searching is fastest then. */
  async optimize(): Promise<void> {
    await this.#exclusively(async () => {
      this.#segments = mergeSegments(this.#segments, true)
      this.#renew()
    })
  }

  /**
   * Ranks documents for queries; rankings come in the order of the queries.
   * Hits have scores above 0 and `scoreKind` is `bm25`. `topK` (default 1000) must be a whole number of at least 1.
   */
  async retrieve(queries: readonly Query[], options: Bm25SearchOptions = {}): Promise<Ranking[]> {
    const topK = resolveTopK(options)
    const filtered = () => options.filter && this.#hidden.ofFilter(options.filter, this.#segments, this.#generation)
    let hiddenByFilter = filtered()
    const rankings: Ranking[] = []
    let turn = performance.now()
    for (const query of queries) {
      throwIfAborted(options.signal)
      const started = performance.now()
      if (started - turn > TURN_MS) {
        options.onProgress?.({ stage: this.name, done: rankings.length, total: queries.length, unit: "queries" })
        await new Promise(setImmediate)
        // The index may have changed meanwhile: what is hidden belongs to the segments of now.
        hiddenByFilter = filtered()
        turn = performance.now()
      }
      try {
        rankings.push(this.#rank(query, topK, hiddenByFilter, options, started))
      } catch (thrown) {
        const error = toRankineError(thrown)
        if (options.onError !== "mark") throw error
        rankings.push({ ...emptyRanking(query, "bm25"), status: "failed", error })
      }
    }
    options.onProgress?.({ stage: this.name, done: queries.length, total: queries.length, unit: "queries" })
    return rankings
  }

  describe(): Description {
    const { variant, norm, k1, b, delta, analyzer, fields, querySide } = this.settings
    const optional = { ...(defaultDelta[variant] > 0 ? { delta } : {}), ...(fields ? { fields } : {}) }
    return { name: this.name, variant, norm, k1, b, ...optional, analyzer, querySide, documents: this.size }
  }

  /** Frees the memory and closes the files. The index must not be used afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusively(async () => {
      for (const segment of this.#segments) await segment.documents?.close()
      this.#segments = []
      this.#renew()
    })
  }

  #rank(
    query: Query,
    topK: number,
    hiddenByFilter: readonly Hidden[] | undefined,
    options: Bm25SearchOptions,
    started: number,
  ): Ranking {
    if (typeof query.text !== "string")
      throw new RankineError("argument", `query "${query.id}" has no text: give it a string`)
    const read = this.#reader.read(query.text, this.#generation, this.#segments, this.#statistics)
    const hits =
      read.clauses.length > 0 ? this.#search(query, read, topK, hiddenByFilter, options.strategy ?? "auto") : []
    const explained = options.explain
      ? hits.map((hit) => ({
          ...hit,
          explanation: explainHit(hit.id, read, this.#segments, this.settings, this.#statistics),
        }))
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

  #search(
    query: Query,
    read: ReadQuery,
    topK: number,
    hiddenByFilter: readonly Hidden[] | undefined,
    strategy: Strategy,
  ): Hit[] {
    let hits: Hit[] = []
    let floor = 0
    this.#searchers ??= this.#prepareSearchers()
    this.#searchers.forEach((searcher, index) => {
      const clauses = read.bySegment[index]!
      if (clauses.length === 0) return
      const { segment } = searcher
      const hidden = this.#hidden.of(segment, hiddenByFilter?.[index], query.excludedIds)
      const found = searcher.search(clauses, topK, floor, hidden, strategy)
      const { ids } = segment
      const first = hits.length === 0
      for (let i = 0; i < found.count; i++) hits.push({ id: ids.get(found.documents[i]!), score: found.scores[i]! })
      if (!first) {
        hits.sort(compareHits)
        if (hits.length > topK) hits = hits.slice(0, topK)
      }
      if (hits.length === topK) floor = hits[topK - 1]!.score
    })
    return hits
  }

  /** The documents' segments, not yet part of the index. */
  async #analyse(documents: Iterable<Document> | AsyncIterable<Document>, options: BuildOptions): Promise<Segment[]> {
    const segments: Segment[] = []
    const newBuilder = () => new SegmentBuilder(this.analyzer, this.#fieldNames, this.settings.storeDocuments)
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

  /** Where a living document is. */
  #find(id: string): [Segment, number] | undefined {
    for (const segment of this.#segments) {
      const document = segment.ids.find(id)
      if (document >= 0 && !segment.isDeleted(document)) return [segment, document]
    }
    return undefined
  }

  /** Keeps the number of segments logarithmic, and drops segments that are mostly deleted. */
  #tidy(): void {
    this.#segments = mergeSegments(this.#segments, false)
  }

  /** Whatever was derived from the old statistics is void. It is computed anew by the next search, so that many small changes stay cheap. */
  #renew(): void {
    this.#generation++
    for (const segment of this.#segments) segment.forgetDerived()
    this.#statistics = this.#fieldNames.map((_, field) => fieldStatistics(this.#segments, field))
    this.#searchers = undefined
  }

  #prepareSearchers(): SegmentSearcher[] {
    return this.#segments.map((segment) => {
      const factors = this.#statistics.map(({ averageLength }, field) =>
        lengthFactors(segment, field, this.settings, averageLength),
      )
      return new SegmentSearcher(segment, this.settings, factors)
    })
  }

  async #getDocuments(ids: readonly string[], signal: AbortSignal | undefined): Promise<(Document | undefined)[]> {
    const found: (Document | undefined)[] = []
    for (let from = 0; from < ids.length; from += READ_AT_ONCE) {
      throwIfAborted(signal)
      const some = ids.slice(from, from + READ_AT_ONCE).map(async (id) => {
        const place = this.#find(id)
        return place?.[0].documents?.get(place[1])
      })
      found.push(...(await Promise.all(some)))
    }
    return found
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(work)
    this.#writing = result.catch(() => {})
    return result
  }
}

const noWarnings: readonly Warning[] = []
const emptyQuery: readonly Warning[] = [{ code: "empty-query", count: 1 }]
const noKnownTerms: readonly Warning[] = [{ code: "no-known-terms", count: 1 }]

function duplicate(id: string, who: string): RankineError {
  return new RankineError("data", `${who} the id "${id}": ids must be unique; delete it first, or add with replace`, {
    details: { id },
  })
}

function segmentBytes(segment: Segment): number {
  const ids = segment.ids.parts()
  return segment.fields.reduce((sum, field) => {
    const { slots, starts, units } = field.terms.parts()
    const dictionary = slots.byteLength + starts.byteLength + units.byteLength
    return (
      sum + dictionary + field.starts.byteLength + field.lengths.byteLength + 4 * field.starts[field.starts.length - 1]!
    )
  }, ids.bytes.byteLength + ids.starts.byteLength)
}
