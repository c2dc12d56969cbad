/** Retrieval by the vectors of tokens: every token of the query finds its best match among a document's tokens. @module */
import { type Description, type Retriever, type RunOptions, resolveTopK } from "../../src/core/contracts.js"
import { type Document, type DocumentStore, documentText, type Query } from "../../src/core/document.js"
import { RankineError, throwIfAborted, toRankineError } from "../../src/core/errors.js"
import { FilterCache } from "../../src/core/filter-cache.js"
import { emptyRanking, type Hit, noUsage, type Ranking, type Warning } from "../../src/core/ranking.js"
import type { MultiVector, MultiVectorModel } from "../../src/models/multi-vector-encoder.js"
import { DocumentShelf } from "../dense/document-shelf.js"
import { identityOf, type ModelIdentity, requireSameModel } from "../dense/model-identity.js"
import { RowBits } from "../dense/row-bits.js"
import { Turns } from "../dense/turns.js"
import { sampleTokens, trainCodec } from "./build.js"
import { type CentroidLists, centroidLists } from "./centroid-lists.js"
import { residualBits } from "./codec.js"
import { type EncodedDocuments, type EncodedQuery, encodeQueries, requireDocument, requireOneEach } from "./encoding.js"
import { countRows } from "./max-sim.js"
import {
  type LateInteractionSearch,
  type LateInteractionSettings,
  requireWhole,
  resolveSearch,
  resolveSettings,
} from "./options.js"
import { searchTokens, type TokenHit } from "./search.js"
import { type LateInteractionParts, loadLateInteraction, readModelIdentity, saveLateInteraction } from "./storage.js"
import { TokenStore } from "./token-store.js"

type BuildOptions = Pick<RunOptions, "signal" | "onProgress">

export interface LateInteractionOptions extends LateInteractionSettings {
  readonly encoder: MultiVectorModel
  /** Keep the documents, so that hits can be shown and filtered. Default true. */
  readonly storeDocuments?: boolean
  /** Documents that are handed to the encoder at once. Default 64. */
  readonly batchSize?: number
}

/** Vectors that were made elsewhere, and the model that made them. */
export interface GivenMultiVectors {
  readonly vectors: readonly MultiVector[]
  readonly model: ModelIdentity
}

export interface LateInteractionStats {
  readonly documents: number
  /** Vectors of all documents. */
  readonly tokens: number
  /** Documents whose text was longer than the model reads: only its beginning can be found. */
  readonly truncated: number
  /** Documents without any vector, which nothing finds. */
  readonly withoutVectors: number
  readonly centroids: number
  /** Memory of the vectors and centroids in bytes; on disk it is the same. */
  readonly bytes: number
  readonly bytesPerDocument: number
}

/** Queries that are encoded at once. */
const ENCODED_AT_ONCE = 64

/**
 * An index of documents by the vectors of their tokens, scored by MaxSim (scores of kind `dot`). Build it from documents and a late-interaction
 * encoder, or load it with the encoder it was built with; add and delete at any time. Strategy `exhaustive` scores every document; `pruned`
 * (the default) finds candidates by centroids first, and with few documents is the same.
 *
 * ```ts
 * const index = await LateInteractionIndex.build(documents, { encoder: await loadMultiVectorEncoder("colbertv2.0") })
 * const [ranking] = await index.retrieve([{ id: "q", text: "how do birds sleep?" }], { topK: 10 })
 * ```
 */
export class LateInteractionIndex implements Retriever {
  readonly name = "late-interaction"
  /** The model that made the vectors. */
  readonly model: ModelIdentity
  readonly documents?: DocumentStore
  readonly #encoder: MultiVectorModel
  readonly #batchSize: number
  readonly #parts: LateInteractionParts
  readonly #filters = new FilterCache<RowBits>()
  /** Rises with every change: what was worked out for an older one no longer holds. */
  #generation = 0
  #lists: { readonly generation: number; readonly lists: CentroidLists } | undefined
  #writing: Promise<unknown> = Promise.resolve()
  #searching: Promise<unknown> = Promise.resolve()

  private constructor(encoder: MultiVectorModel, parts: LateInteractionParts, batchSize = 64) {
    requireWhole("batchSize", batchSize)
    this.#encoder = encoder
    this.#parts = parts
    this.#batchSize = batchSize
    this.model = parts.model
    const shelf = parts.documents
    if (shelf)
      this.documents = {
        get: async (ids, signal) => {
          const found: (Document | undefined)[] = []
          for (const id of ids) {
            throwIfAborted(signal)
            found.push(await shelf.get(id))
          }
          return found
        },
      }
  }

  /**
   * Builds an index. Centroids are made from a sample of the documents, in two passes over a collection that is held in memory meanwhile.
   * Throws `data` for an empty collection, a document without id or text, two documents with one id, or vectors with NaN; `argument` for
   * options out of range. With `given`, nothing is encoded.
   */
  static async build(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: LateInteractionOptions & BuildOptions & { readonly given?: GivenMultiVectors },
  ): Promise<LateInteractionIndex> {
    const { encoder, storeDocuments = true, batchSize = 64, given, signal } = options
    requireWhole("batchSize", batchSize)
    const settings = resolveSettings(options)
    const search = resolveSearch(pick(options))
    if (given) requireSameModel(identityOf(encoder), given.model, "argument")
    const all: Document[] = []
    for await (const document of documents) {
      requireDocument(document, all.length + 1)
      all.push(document)
    }
    if (all.length === 0) throw new RankineError("data", "there are no documents to index: the collection is empty")
    if (given) requireOneEach(all.length, given.vectors.length, "argument")

    const { dimension, normalized: unit } = encoder
    const shape = { compression: settings.compression, dimension, unit }
    const truncated = new Set<string>()
    let encoded = 0
    const encode = async (places: readonly number[]): Promise<readonly MultiVector[]> => {
      throwIfAborted(signal)
      encoded += places.length
      const report = () =>
        options.onProgress?.({ stage: "late-interaction", done: encoded, total: all.length, unit: "documents" })
      if (given) return places.map((place) => checked(given.vectors[place], dimension, all[place].id))
      const texts = places.map((place) => documentText(all[place]))
      const embedded = await encoder.embed(texts, "document", signal ? { signal } : {})
      requireOneEach(places.length, embedded.vectors.length, "model")
      for (const position of embedded.truncated) truncated.add(all[places[position]].id)
      report()
      return embedded.vectors.map((vector, index) => checked(vector, dimension, all[places[index]].id))
    }
    // Residuals are measured from centroids, and pruning needs them; a plain exhaustive index does without.
    const needed = search.strategy === "pruned" || residualBits(settings.compression) !== undefined
    const sample = needed ? await sampleTokens(all.length, dimension, settings, batchSize, encode) : undefined
    const parts = sample
      ? await trainCodec(sample, (sample.tokens / sample.vectors.size) * all.length, shape, settings, signal)
      : { ...shape, centroids: undefined, buckets: undefined }
    const index = new LateInteractionIndex(
      encoder,
      {
        model: identityOf(encoder),
        store: new TokenStore(parts),
        search,
        documents: storeDocuments ? new DocumentShelf() : undefined,
        truncated: new Set<string>(),
      },
      batchSize,
    )
    const turns = new Turns()
    for (let first = 0; first < all.length; first += batchSize) {
      if (turns.due) await turns.take(signal)
      const places = Array.from({ length: Math.min(batchSize, all.length - first) }, (_, i) => first + i)
      const missing = places.filter((place) => !sample?.vectors.has(place))
      const fresh = missing.length > 0 ? await encode(missing) : []
      const vectors = new Map(missing.map((place, i) => [place, fresh[i]]))
      const batch = places.map((place) => ({
        document: all[place],
        vector: sample?.vectors.get(place) ?? vectors.get(place)!,
      }))
      await index.#store({ documents: batch, truncated: [] }, options)
    }
    for (const id of truncated) index.#parts.truncated.add(id)
    return index
  }

  /**
   * Loads an index that `save` wrote; what is given of the search replaces what the index was built with. Throws `not-found`,
   * `index-corrupt`, and `index-version` for an index of another version or made with another model than `encoder`.
   */
  static async load(
    directory: string,
    options: { readonly encoder: MultiVectorModel; readonly batchSize?: number } & LateInteractionSearch,
  ): Promise<LateInteractionIndex> {
    requireSameModel(await readModelIdentity(directory), options.encoder, "index-version")
    const parts = await loadLateInteraction(directory)
    const search = resolveSearch(parts.search, pick(options))
    return new LateInteractionIndex(options.encoder, { ...parts, search }, options.batchSize)
  }

  /** The model of a saved index: what `load` needs an encoder of. */
  static async modelOf(directory: string): Promise<ModelIdentity> {
    return readModelIdentity(directory)
  }

  /** Writes the index into a directory; one that lies there is replaced in one step at the very end. Searches wait meanwhile. */
  async save(directory: string): Promise<void> {
    await this.#exclusively(async () => {
      await this.#compact()
      await this.#alone(() => saveLateInteraction(directory, this.#parts))
    })
  }

  get size(): number {
    return this.#parts.store.ids.size
  }

  get stats(): LateInteractionStats {
    const { store, truncated } = this.#parts
    const documents = store.ids.size
    const bytes = store.bytes + (store.codec.parts.centroids?.byteLength ?? 0)
    return {
      documents,
      tokens: store.tokens,
      truncated: truncated.size,
      withoutVectors: this.#withoutVectors().length,
      centroids: store.codec.centroids?.count ?? 0,
      bytes,
      bytesPerDocument: documents === 0 ? 0 : bytes / documents,
    }
  }

  /** What indexing had to tolerate: documents that were cut, and documents without vectors. */
  get warnings(): Warning[] {
    const { ids } = this.#parts.store
    const all = Array.from(ids.livingRows(), (row) => ids.idOf(row)!)
    const truncated = all.filter((id) => this.#parts.truncated.has(id))
    const empty = this.#withoutVectors()
    const warnings: Warning[] = []
    if (truncated.length > 0) warnings.push({ code: "truncated", count: truncated.length, ids: truncated })
    if (empty.length > 0) warnings.push({ code: "empty-document", count: empty.length, ids: empty })
    return warnings
  }

  /**
   * Adds documents and returns how many; centroids stay as they are. All or nothing: a document that cannot be added throws `data` and
   * leaves the index as it was. With `replace`, a document takes the place of the one with its id. With `given`, nothing is encoded;
   * vectors of another model throw `argument`.
   */
  async add(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: BuildOptions & { readonly replace?: boolean; readonly given?: GivenMultiVectors } = {},
  ): Promise<number> {
    const { given, signal } = options
    if (given) requireSameModel(this.model, given.model, "argument")
    const all: Document[] = []
    for await (const document of documents) {
      requireDocument(document, all.length + 1)
      all.push(document)
    }
    if (given) requireOneEach(all.length, given.vectors.length, "argument")
    const vectors: MultiVector[] = given ? [...given.vectors] : []
    const truncated: string[] = []
    for (let first = 0; !given && first < all.length; first += this.#batchSize) {
      throwIfAborted(signal)
      const some = all.slice(first, first + this.#batchSize)
      const embedded = await this.#encoder.embed(some.map(documentText), "document", signal ? { signal } : {})
      requireOneEach(some.length, embedded.vectors.length, "model")
      vectors.push(...embedded.vectors)
      for (const position of embedded.truncated) truncated.push(some[position].id)
      options.onProgress?.({ stage: this.name, done: vectors.length, total: all.length, unit: "documents" })
    }
    const batch = all.map((document, i) => ({
      document,
      vector: checked(vectors[i], this.model.dimension, document.id),
    }))
    await this.#exclusively(() => this.#store({ documents: batch, truncated }, options))
    return all.length
  }

  /** Deletes documents by id and returns how many were there. Unknown ids are not an error. */
  async delete(ids: Iterable<string>): Promise<number> {
    const list = [...ids]
    return this.#exclusively(async () => {
      const deleted = list.filter((id) => this.#parts.store.delete(id)).length
      for (const id of list) this.#forget(id)
      this.#generation++
      await this.#compactIfWorthwhile()
      return deleted
    })
  }

  /**
   * Ranks documents for queries; rankings come in the order of the queries. A query without vectors gets no hits. Tokens are shared evenly
   * among the queries that were encoded together. With `explain`, a score has its parts: one for each of the query's vectors.
   */
  async retrieve(queries: readonly Query[], options: RunOptions & LateInteractionSearch = {}): Promise<Ranking[]> {
    const topK = resolveTopK(options)
    const search = resolveSearch(this.#parts.search, pick(options))
    if (options.filter && !this.#parts.documents)
      throw new RankineError(
        "argument",
        "a filter reads metadata, and this index does not store documents: build it with storeDocuments",
      )
    if (search.strategy === "pruned" && !this.#parts.store.codec.centroids)
      throw new RankineError("argument", "this index was built without centroids: search it with strategy exhaustive")
    const rankings: Ranking[] = []
    const turns = new Turns()
    for (let first = 0; first < queries.length; first += ENCODED_AT_ONCE) {
      throwIfAborted(options.signal)
      const encoded = await encodeQueries(this.#encoder, queries.slice(first, first + ENCODED_AT_ONCE), options)
      for (const one of encoded) {
        rankings.push(await this.#alone(() => this.#rank(one, topK, search, options, turns)))
        options.onProgress?.({ stage: this.name, done: rankings.length, total: queries.length, unit: "queries" })
      }
    }
    return rankings
  }

  describe(): Description {
    const { store, search, model } = this.#parts
    const { compression } = store.codec.parts
    const centroids = store.codec.centroids?.count ?? 0
    return { name: this.name, model, compression, centroids, ...search, documents: store.ids.size }
  }

  /** Closes the files. The encoder stays as it is. The index must not be used afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusively(async () => this.#parts.documents?.close())
  }

  async #rank(
    one: EncodedQuery,
    topK: number,
    search: ReturnType<typeof resolveSearch>,
    options: RunOptions,
    turns: Turns,
  ): Promise<Ranking> {
    const { query, vector } = one
    const started = performance.now()
    try {
      throwIfAborted(options.signal)
      let hits: TokenHit[] = []
      let { store } = this.#parts
      if (vector?.rows.some((value) => value !== 0)) {
        countRows(vector, this.model.dimension, `the vectors of query "${query.id}"`)
        const lists = search.strategy === "pruned" ? await this.#centroidLists(turns, options.signal) : undefined
        // After the last wait, so that the store, its lists and what is hidden are of one state.
        store = this.#parts.store
        const hidden = this.#hidden(query, options)
        const { rows } = vector
        const asked = { rows, k: topK, search, hidden, parts: options.explain ?? false, signal: options.signal }
        hits = await searchTokens(store, lists, asked, turns)
      }
      const seconds = (performance.now() - started) / 1000
      const found = hits.flatMap(({ row, score, best }): Hit[] => {
        const id = store.ids.idOf(row)
        return id === undefined ? [] : [{ id, score, ...(best ? { explanation: this.#explain(score, best) } : {}) }]
      })
      return this.#ranking(one, found, seconds)
    } catch (thrown) {
      const error = toRankineError(thrown)
      if (options.onError !== "mark" || error.code === "aborted") throw error
      return { ...emptyRanking(query, "dot"), status: "failed", error }
    }
  }

  #ranking(one: EncodedQuery, hits: readonly Hit[], seconds: number): Ranking {
    const { query, vector, truncated, tokens, error } = one
    const warnings: Warning[] = []
    if (typeof query.text === "string" && query.text.trim() === "") warnings.push({ code: "empty-query", count: 1 })
    else if (vector?.rows.every((value) => value === 0)) warnings.push({ code: "no-known-terms", count: 1 })
    if (truncated) warnings.push({ code: "truncated", count: 1 })
    const usage = { ...noUsage, calls: vector ? 1 : 0, promptTokens: tokens, truncated: truncated ? 1 : 0 }
    return {
      ...emptyRanking(query, "dot"),
      hits,
      ...(error ? { status: "failed" as const, error } : {}),
      warnings,
      usage: { ...usage, seconds: seconds + one.seconds },
    }
  }

  #explain(score: number, best: Float32Array): NonNullable<Hit["explanation"]> {
    return {
      value: score,
      description: `sum over the query's vectors of the largest product with a token of the document, by ${this.model.name}`,
      details: Array.from(best, (value, i) => ({ value, description: `vector ${i + 1} of the query` })),
    }
  }

  #hidden(query: Query, { filter }: RunOptions): RowBits | undefined {
    const { store, documents } = this.#parts
    const filtered =
      filter &&
      this.#filters.get(filter, this.#generation, (accepts) => {
        const bits = new RowBits(store.ids.rowCount)
        for (let row = 0; row < store.ids.rowCount; row++) {
          const id = store.ids.idOf(row)
          if (id === undefined) continue
          const metadata = documents!.metadata(id)
          if (!accepts(metadata === undefined ? { id } : { id, metadata })) bits.add(row)
        }
        return bits
      })
    const excluded = query.excludedIds?.flatMap((id) => store.ids.find(id) ?? []) ?? []
    if (excluded.length === 0) return filtered
    const bits = filtered?.copy() ?? new RowBits(store.ids.rowCount)
    for (const row of excluded) bits.add(row)
    return bits
  }

  async #centroidLists(turns: Turns, signal: AbortSignal | undefined): Promise<CentroidLists> {
    while (this.#lists?.generation !== this.#generation) {
      const generation = this.#generation
      this.#lists = { generation, lists: await centroidLists(this.#parts.store, turns, signal) }
    }
    return this.#lists.lists
  }

  async #store(
    { documents, truncated }: EncodedDocuments,
    { signal, replace }: BuildOptions & { readonly replace?: boolean },
  ): Promise<void> {
    const { store } = this.#parts
    const seen = new Set<string>()
    for (const { document } of documents) {
      const { id } = document
      if (seen.has(id)) throw new RankineError("data", `two of the documents have the id "${id}": give each id once`)
      if (!replace && store.ids.find(id) !== undefined)
        throw new RankineError("data", `the index has a document with the id "${id}": delete it first, or use replace`)
      seen.add(id)
    }
    const turns = new Turns()
    const packed = []
    for (const { vector } of documents) {
      packed.push(await store.codec.pack(vector.rows, turns, signal))
      if (turns.due) await turns.take(signal)
    }
    throwIfAborted(signal)
    store.add(
      documents.map(({ document }) => document.id),
      packed,
    )
    for (const { document } of documents) {
      this.#forget(document.id)
      this.#parts.documents?.put(document)
    }
    for (const id of truncated) this.#parts.truncated.add(id)
    this.#generation++
    await this.#compactIfWorthwhile()
  }

  #forget(id: string): void {
    this.#parts.documents?.delete(id)
    this.#parts.truncated.delete(id)
  }

  #withoutVectors(): string[] {
    const { ids, counts } = this.#parts.store
    return [...ids.livingRows()].filter((row) => counts[row] === 0).map((row) => ids.idOf(row)!)
  }

  async #compactIfWorthwhile(): Promise<void> {
    const { garbage, bytes } = this.#parts.store
    if (garbage > MOST_GARBAGE && garbage > bytes) await this.#compact()
  }

  /** A search that is under way keeps the old store, in which everything stays where it was. */
  async #compact(): Promise<void> {
    if (this.#parts.store.garbage === 0) return
    this.#parts.store = await this.#parts.store.copy(new Turns())
    this.#generation++
  }

  /** One writer at a time. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(work)
    this.#writing = result.catch(() => {})
    return result
  }

  /** One search at a time: they share the store's memory. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#searching.then(work)
    this.#searching = result.catch(() => {})
    return result
  }
}

/** Bytes of deleted documents that are not worth copying the others for. */
const MOST_GARBAGE = 2 ** 20

function checked(vector: MultiVector, dimension: number, id: string): MultiVector {
  countRows(vector, dimension, `document "${id}"`)
  return vector
}

function pick({ strategy, probes, candidates, threshold }: LateInteractionSearch): LateInteractionSearch {
  return {
    ...(strategy === undefined ? {} : { strategy }),
    ...(probes === undefined ? {} : { probes }),
    ...(candidates === undefined ? {} : { candidates }),
    ...(threshold === undefined ? {} : { threshold }),
  }
}
