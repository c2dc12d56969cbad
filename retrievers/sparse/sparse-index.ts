/** Learned sparse retrieval: weights of vocabulary terms in an inverted index. @module */
import { type Description, type Retriever, type RunOptions, resolveTopK } from "../../src/core/contracts.js"
import type { Document, DocumentStore, Query } from "../../src/core/document.js"
import { RankineError, throwIfAborted } from "../../src/core/errors.js"
import { emptyRanking, noUsage, type Ranking, type Warning } from "../../src/core/ranking.js"
import type { SparseEncoder } from "../../src/models/sparse-encoder.js"
import {
  InvertedIndex,
  type InvertedSearchOptions,
  type InvertedStats,
  type Search,
} from "../inverted/inverted-index.js"
import type { Segment } from "../inverted/segment.js"
import {
  type EncodedQuery,
  encodeDocuments,
  encodedBy,
  encodeQueries,
  given,
  isBlank,
  requireOneEach,
  type VectorSource,
} from "./encode.js"
import { explainHit } from "./explain.js"
import { identityOf, requireSameModel, type SparseModelIdentity } from "./model-identity.js"
import {
  type GivenSparseVectors,
  type SparseOptions,
  type SparseQueryOptions,
  type SparseSettings,
  settingsOf,
} from "./options.js"
import { clausesOf, QueryTerms } from "./query-terms.js"
import { ImpactScorer } from "./scorer.js"
import { loadSparse, readModelIdentity, type SparseParts, saveSparse } from "./sparse-storage.js"
import { VectorSegmentBuilder } from "./vector-fields.js"
import { keepHeaviest } from "./vectors.js"

/** How adding reports and stops. With `given`, nothing is encoded; vectors of another model throw `argument`. */
export interface SparseAddOptions extends Pick<RunOptions, "signal" | "onProgress"> {
  readonly given?: GivenSparseVectors
}

export interface SparseSearchOptions extends InvertedSearchOptions {
  /** The vectors of the queries, where they were made elsewhere. */
  readonly given?: GivenSparseVectors
}

export interface SparseStats extends InvertedStats {
  /** Documents whose text was longer than the model reads: only its beginning can be found. */
  readonly truncated: number
}

/** Queries that are encoded at once. */
const ENCODED_AT_ONCE = 64
/** Documents that are encoded at once: enough for the encoder to sort them by length. */
const BATCH = 512

/**
 * An index of documents by the term weights that a model gives them (SPLADE and its kin). Build it from documents and an encoder, or load it
 * with the encoder it was built with; add and delete at any time. The score is the dot product of the query's float32 weights with the
 * documents' weights rounded to whole steps, rounded to float32 once; equal scores by id in UTF-8 byte order.
 *
 * ```ts
 * const encoder = await loadSparseEncoder("splade-tiny", { maxLength: 256 })
 * const index = await SparseIndex.build(documents, { encoder })
 * const [ranking] = await index.retrieve([{ id: "q", text: "how do birds sleep?" }], { topK: 10 })
 * ```
 *
 * @see Formal et al., SPLADE v2, 2021; Mallia et al., Learning passage impacts for inverted indexes, SIGIR 2021
 */
export class SparseIndex implements Retriever {
  readonly name = "sparse"
  /** The model that made the vectors. */
  readonly model: SparseModelIdentity
  readonly settings: SparseSettings
  readonly documents: DocumentStore
  readonly #index: InvertedIndex
  readonly #encoder: SparseEncoder | undefined
  readonly #queryEncoder: SparseEncoder | undefined
  readonly #batchSize: number
  readonly #terms = new QueryTerms()
  readonly #truncated: Set<string>

  /** An empty index. Throws `argument` for options out of range, and where there is neither an encoder nor a model. */
  constructor(options: SparseOptions)
  /** @internal */
  constructor(options: SparseOptions, parts: SparseParts)
  constructor(options: SparseOptions, parts?: SparseParts) {
    const { encoder, queryEncoder = encoder, batchSize = BATCH } = options
    const model = parts?.model ?? options.model ?? encoder
    if (!model)
      throw new RankineError("argument", "a sparse index needs an encoder, or the model of vectors that are given")
    if (encoder) requireSameModel(model, encoder, parts ? "index-version" : "argument")
    if (queryEncoder && queryEncoder.vocabulary !== model.vocabulary)
      throw new RankineError(
        "argument",
        `${queryEncoder.name} knows ${queryEncoder.vocabulary} terms and the index ${model.vocabulary}: queries need the same vocabulary`,
      )
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new RankineError("argument", `batchSize must be a whole number of at least 1, got ${batchSize}`)
    this.model = identityOf(model)
    const { queryThreshold, queryTopTerms } = options
    const forQueries = {
      ...(queryThreshold === undefined ? {} : { queryThreshold }),
      ...(queryTopTerms === undefined ? {} : { queryTopTerms }),
    }
    this.settings = settingsOf(parts ? { ...parts.settings, ...forQueries } : options)
    this.#encoder = encoder
    this.#queryEncoder = queryEncoder
    this.#batchSize = batchSize
    this.#truncated = new Set(parts?.truncated)
    const scorer = new ImpactScorer(this.settings.step)
    this.#index = new InvertedIndex(() => scorer, parts?.segments)
    this.documents = this.#index.documents
  }

  /**
   * Builds an index. Throws `data` for an empty collection, a document without id or text, two documents with one id, or a malformed vector;
   * `argument` for options out of range.
   */
  static async build(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: SparseOptions & SparseAddOptions,
  ): Promise<SparseIndex> {
    const index = new SparseIndex(options)
    const added = await index.add(documents, options)
    if (added === 0) throw new RankineError("data", "there are no documents to index: the collection is empty")
    return index
  }

  /**
   * Loads an index that `save` wrote. Throws `not-found`, `index-corrupt`, and `index-version` for an index of another version or made
   * with another model than `encoder`.
   */
  static async load(directory: string, options: SparseQueryOptions = {}): Promise<SparseIndex> {
    // Looked at first: reading a large index only to refuse it takes long.
    if (options.encoder) requireSameModel(await readModelIdentity(directory), options.encoder, "index-version")
    return new SparseIndex(options, await loadSparse(directory))
  }

  /** The model of a saved index: what `load` needs an encoder of. */
  static async modelOf(directory: string): Promise<SparseModelIdentity> {
    return readModelIdentity(directory)
  }

  /** Writes the index into a directory; one that lies there is replaced in one step at the very end. */
  async save(directory: string): Promise<void> {
    const { model, settings } = this
    await this.#index.exclusively(() =>
      saveSparse(directory, { model, settings, segments: this.#index.segments, truncated: this.#truncated }),
    )
  }

  /** Living documents. */
  get size(): number {
    return this.#index.size
  }

  get stats(): SparseStats {
    return { ...this.#index.stats, truncated: this.#truncated.size }
  }

  /** What indexing had to tolerate: documents that were cut, and documents without a term. */
  get warnings(): Warning[] {
    const warnings: Warning[] = []
    if (this.#truncated.size > 0)
      warnings.push({ code: "truncated", count: this.#truncated.size, ids: [...this.#truncated] })
    const empty = this.#index.segments.flatMap(emptyIds)
    if (empty.length > 0) warnings.push({ code: "empty-document", count: empty.length, ids: empty })
    return warnings
  }

  /**
   * Adds documents and returns how many. All or nothing: a document that cannot be added throws `data` and leaves the index as it was.
   * With `replace`, a document takes the place of the one with its id.
   */
  async add(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: SparseAddOptions & { readonly replace?: boolean } = {},
  ): Promise<number> {
    const { vocabulary } = this.model
    const source = options.given ? this.#given(options.given) : encodedBy(this.#encoder, "document", vocabulary)
    const segments: Segment[] = []
    const truncated: string[] = []
    let builder = new VectorSegmentBuilder(this.settings, vocabulary)
    let done = 0
    throwIfAborted(options.signal)
    for await (const batch of encodeDocuments(documents, source, this.#batchSize, options.signal)) {
      batch.documents.forEach((document, index) => {
        builder.add(document, done++, batch.vectors[index]!)
      })
      truncated.push(...batch.truncated)
      if (builder.isFull) {
        segments.push(builder.finish())
        builder = new VectorSegmentBuilder(this.settings, vocabulary)
      }
      options.onProgress?.({ stage: "index", done, unit: "documents" })
      await new Promise(setImmediate)
    }
    if (options.given) requireOneEach(done, options.given.vectors.length, "argument")
    if (builder.size > 0) segments.push(builder.finish())
    return this.#index.add(
      async () => segments,
      options.replace,
      () => {
        for (const { ids } of segments) for (let i = 0; i < ids.size; i++) this.#truncated.delete(ids.get(i))
        for (const id of truncated) this.#truncated.add(id)
      },
    )
  }

  /** Deletes documents by id and returns how many were there. Unknown ids are not an error. */
  async delete(ids: Iterable<string>): Promise<number> {
    const list = [...ids]
    const deleted = await this.#index.delete(list)
    for (const id of list) if (!this.#index.find(id)) this.#truncated.delete(id)
    return deleted
  }

  /** Merges everything into as few segments as possible, without what was deleted. Searching is fastest then. */
  async optimize(): Promise<void> {
    await this.#index.optimize()
  }

  /**
   * Ranks documents for queries; rankings come in the order of the queries. Hits share a term with the query and have scores above 0;
   * `scoreKind` is `dot`. Seconds are shared evenly among the queries that were encoded together.
   */
  async retrieve(queries: readonly Query[], options: SparseSearchOptions = {}): Promise<Ranking[]> {
    const topK = resolveTopK(options)
    if (options.given) requireOneEach(queries.length, options.given.vectors.length, "argument")
    const source = options.given
      ? this.#given(options.given)
      : encodedBy(this.#queryEncoder, "query", this.model.vocabulary)
    const rankings: Ranking[] = []
    for (let first = 0; first < queries.length; first += ENCODED_AT_ONCE) {
      throwIfAborted(options.signal)
      const encoded = await encodeQueries(queries.slice(first, first + ENCODED_AT_ONCE), first, source, options)
      const progress = (done: number) =>
        options.onProgress?.({ stage: this.name, done: first + done, total: queries.length, unit: "queries" })
      rankings.push(
        ...(await this.#index.rankEach(
          encoded,
          (one, search) => this.#rank(one, search, topK, options.explain),
          "dot",
          options,
          progress,
        )),
      )
      progress(encoded.length)
    }
    return rankings
  }

  describe(): Description {
    const { storeDocuments: _, ...settings } = this.settings
    return { name: this.name, model: this.model, ...settings, documents: this.size }
  }

  /** Frees the memory and closes the files. The encoders stay as they are. The index must not be used afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#index.close()
  }

  #given({ vectors, model }: GivenSparseVectors): VectorSource {
    requireSameModel(this.model, model, "argument")
    return given(vectors, this.model.vocabulary)
  }

  #rank(one: EncodedQuery, search: Search, topK: number, explain: boolean | undefined): Ranking {
    const { query, vector, error, tokens, cached, truncated } = one
    const started = performance.now()
    if (!vector) return { ...emptyRanking(query, "dot"), status: "failed", ...(error ? { error } : {}) }
    const { segments, generation } = this.#index
    const { queryThreshold, queryTopTerms, step } = this.settings
    const terms = this.#terms.read(keepHeaviest(vector, queryThreshold, queryTopTerms), segments, generation)
    const hits = terms.length > 0 ? search(query, clausesOf(terms, segments), topK) : []
    const termOf = (id: number) => (this.#encoder ?? this.#queryEncoder)?.termOf(id)
    const explained = explain
      ? hits.map((hit) => {
          const place = this.#index.find(hit.id)!
          return { ...hit, explanation: explainHit(place, segments.indexOf(place[0]), terms, step, termOf) }
        })
      : hits
    const warnings: Warning[] = []
    if (vector.ids.length === 0 && isBlank(query.text)) warnings.push({ code: "empty-query", count: 1 })
    else if (terms.length === 0) warnings.push({ code: "no-known-terms", count: 1 })
    if (truncated) warnings.push({ code: "truncated", count: 1 })
    const seconds = one.seconds + (performance.now() - started) / 1000
    const cost = { calls: tokens > 0 ? 1 : 0, promptTokens: tokens, cachedTokens: cached, truncated: truncated ? 1 : 0 }
    const usage = { ...noUsage, ...cost, seconds }
    return { ...emptyRanking(query, "dot"), hits: explained, warnings, usage }
  }
}

/** Living documents of a segment that hold no term. */
function emptyIds(segment: Segment): string[] {
  const ids: string[] = []
  if (segment.totals[0]!.documents === segment.livingCount) return ids
  segment.fields[0]!.lengths.forEach((length, document) => {
    if (length === 0 && !segment.isDeleted(document)) ids.push(segment.ids.get(document))
  })
  return ids
}
