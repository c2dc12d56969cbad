/** Retrieval by the nearness of vectors that a model makes of queries and documents. @module */
import { type Description, type Retriever, type RunOptions, resolveTopK } from "../../src/core/contracts.js"
import { type Document, type DocumentStore, documentText, type Query } from "../../src/core/document.js"
import { RankineError, throwIfAborted, toRankineError } from "../../src/core/errors.js"
import { FilterCache } from "../../src/core/filter-cache.js"
import { emptyRanking, type Hit, noUsage, type Ranking, type Warning } from "../../src/core/ranking.js"
import type { EmbeddingModel } from "../../src/models/embedding-model.js"
import { warnLanguage } from "../../src/models/registry/languages.js"
import { type DenseParts, loadDense, readModelIdentity, saveDense } from "./dense-storage.js"
import { DocumentShelf } from "./document-shelf.js"
import { identityOf, type ModelIdentity, requireSameModel } from "./model-identity.js"
import type { RowBits } from "./row-bits.js"
import { Turns } from "./turns.js"
import { VectorIndex, type VectorIndexOptions } from "./vector-index.js"
import { isZero } from "./vectors.js"

export type BuildOptions = Pick<RunOptions, "signal" | "onProgress">

export interface DenseOptions extends VectorIndexOptions {
  readonly encoder: EmbeddingModel
  /** Keep the documents, so that hits can be shown and filtered. Default true. */
  readonly storeDocuments?: boolean
  /** Documents that are handed to the encoder at once. Default 256. */
  readonly batchSize?: number
}

/** Vectors that were made elsewhere, and the model that made them. */
export interface GivenVectors {
  readonly vectors: readonly Float32Array[]
  readonly model: ModelIdentity
}

export interface DenseStats {
  readonly documents: number
  /** Documents whose text was longer than the model reads: only its beginning can be found. */
  readonly truncated: number
  /** Documents whose vector is zero, such as empty ones: their score is 0 for every query. */
  readonly zeroVectors: number
  /** Memory of the vectors in bytes, where it is known. */
  readonly bytes: number | undefined
}

/** Queries that are encoded at once. */
const ENCODED_AT_ONCE = 64

/** A query with its vector, what it cost, and its place. */
interface EncodedQuery {
  readonly query: Query
  readonly vector?: Float32Array
  readonly tokens: number
  readonly truncated: boolean
  readonly error?: RankineError
  readonly seconds: number
}

/**
 * An index of documents by their vectors. Build it from documents and an encoder, or load it with the encoder it was built with; add and
 * delete at any time. With index `flat` (the default) the ranking is exact: float32 scores, equal ones by id in UTF-8 byte order.
 *
 * ```ts
 * const index = await DenseIndex.build(documents, { encoder: await loadStaticEmbedder("potion-base-4M") })
 * const [ranking] = await index.retrieve([{ id: "q", text: "how do birds sleep?" }], { topK: 10 })
 * ```
 */
export class DenseIndex implements Retriever {
  readonly name = "dense"
  /** The model that made the vectors. */
  readonly model: ModelIdentity
  readonly documents?: DocumentStore
  readonly #encoder: EmbeddingModel
  readonly #batchSize: number
  readonly #parts: DenseParts
  readonly #filters = new FilterCache<RowBits>()
  #writing: Promise<unknown> = Promise.resolve()

  private constructor(encoder: EmbeddingModel, parts: DenseParts, batchSize = 256) {
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new RankineError("argument", `batchSize must be a whole number above 0, got ${batchSize}`)
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
   * Builds an index. Throws `data` for an empty collection, a document without id or text, two documents with one id, or a vector with NaN;
   * `argument` for options out of range; `dependency` where the package of `hnsw` or `usearch` is not installed.
   */
  static async build(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: DenseOptions & BuildOptions,
  ): Promise<DenseIndex> {
    const { encoder, storeDocuments = true, batchSize, signal: _, onProgress: __, ...rest } = options
    const vectors = await VectorIndex.create(encoder.dimension, rest)
    const shelf = storeDocuments ? new DocumentShelf() : undefined
    const parts = {
      model: identityOf(encoder),
      vectors,
      documents: shelf,
      truncated: new Set<string>(),
      zero: new Set<string>(),
    }
    const index = new DenseIndex(encoder, parts, batchSize)
    let added = 0
    for await (const batch of index.#encode(documents, options)) {
      await index.#store(batch, options)
      added += batch.documents.length
    }
    if (added === 0) throw new RankineError("data", "there are no documents to index: the collection is empty")
    return index
  }

  /**
   * Loads an index that `save` wrote. Throws `not-found`, `index-corrupt`, and `index-version` for an index of another version or made
   * with another model than `encoder`.
   */
  static async load(
    directory: string,
    options: { readonly encoder: EmbeddingModel; readonly batchSize?: number },
  ): Promise<DenseIndex> {
    requireSameModel(await readModelIdentity(directory), options.encoder, "index-version")
    return new DenseIndex(options.encoder, await loadDense(directory), options.batchSize)
  }

  /** The model of a saved index: what `load` needs an encoder of. */
  static async modelOf(directory: string): Promise<ModelIdentity> {
    return readModelIdentity(directory)
  }

  /** Writes the index into a directory; one that lies there is replaced in one step at the very end. */
  async save(directory: string): Promise<void> {
    await this.#exclusively(() => saveDense(directory, this.#parts))
  }

  get size(): number {
    return this.#parts.vectors.size
  }

  get stats(): DenseStats {
    const { vectors, truncated, zero } = this.#parts
    return { documents: vectors.size, truncated: truncated.size, zeroVectors: zero.size, bytes: vectors.bytes }
  }

  /** What indexing had to tolerate: documents that were cut, and documents without a direction. */
  get warnings(): Warning[] {
    const { truncated, zero } = this.#parts
    const warnings: Warning[] = []
    if (truncated.size > 0) warnings.push({ code: "truncated", count: truncated.size, ids: [...truncated] })
    if (zero.size > 0) warnings.push({ code: "empty-document", count: zero.size, ids: [...zero] })
    return warnings
  }

  /**
   * Adds documents and returns how many. All or nothing: a document that cannot be added throws `data` and leaves the index as it was.
   * With `replace`, a document takes the place of the one with its id. With `given`, nothing is encoded; vectors of another model throw `argument`.
   */
  async add(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: BuildOptions & { readonly replace?: boolean; readonly given?: GivenVectors } = {},
  ): Promise<number> {
    if (options.given) requireSameModel(this.model, options.given.model, "argument")
    const all: EncodedDocuments = { documents: [], vectors: [], truncated: [] }
    for await (const batch of this.#encode(documents, options)) {
      all.documents.push(...batch.documents)
      all.vectors.push(...batch.vectors)
      all.truncated.push(...batch.truncated)
    }
    await this.#exclusively(() => this.#store(all, options))
    return all.documents.length
  }

  /** Deletes documents by id and returns how many were there. Unknown ids are not an error. */
  async delete(ids: Iterable<string>): Promise<number> {
    const list = [...ids]
    return this.#exclusively(async () => {
      const deleted = await this.#parts.vectors.delete(list)
      for (const id of list) this.#forget(id)
      return deleted
    })
  }

  /**
   * Ranks documents for queries; rankings come in the order of the queries. `scoreKind` is the metric: `cosine` or `dot`. A query of
   * which the model knows no word gets no hits. Tokens are shared evenly among the queries that were encoded together.
   */
  async retrieve(queries: readonly Query[], options: RunOptions = {}): Promise<Ranking[]> {
    const topK = resolveTopK(options)
    if (options.filter && !this.#parts.documents)
      throw new RankineError(
        "argument",
        "a filter reads metadata, and this index does not store documents: build it with storeDocuments",
      )
    const rankings: Ranking[] = []
    const turns = new Turns()
    for (let first = 0; first < queries.length; first += ENCODED_AT_ONCE) {
      throwIfAborted(options.signal)
      const encoded = await this.#encodeQueries(queries.slice(first, first + ENCODED_AT_ONCE), options)
      const step = this.#parts.vectors.queriesAtOnce
      for (let at = 0; at < encoded.length; at += step) {
        throwIfAborted(options.signal)
        rankings.push(...this.#rank(encoded.slice(at, at + step), topK, options))
        if (!turns.due) continue
        options.onProgress?.({ stage: this.name, done: rankings.length, total: queries.length, unit: "queries" })
        await turns.take(options.signal)
      }
    }
    if (queries.length > 0)
      options.onProgress?.({ stage: this.name, done: queries.length, total: queries.length, unit: "queries" })
    return rankings
  }

  describe(): Description {
    const { kind, metric, options, size } = this.#parts.vectors
    return { name: this.name, model: this.model, index: kind, metric, ...options, documents: size }
  }

  /** Frees the memory and closes the files. The encoder stays as it is. The index must not be used afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exclusively(async () => {
      await this.#parts.documents?.close()
      await this.#parts.vectors[Symbol.asyncDispose]()
    })
  }

  async *#encode(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: BuildOptions & { readonly given?: GivenVectors },
  ): AsyncGenerator<EncodedDocuments> {
    let batch: Document[] = []
    let done = 0
    const turns = new Turns()
    const flush = async (): Promise<EncodedDocuments> => {
      throwIfAborted(options.signal)
      // An encoder and an index that are fast never give way by themselves.
      if (turns.due) await turns.take(options.signal)
      const some = batch
      batch = []
      const embedded = options.given
        ? { vectors: options.given.vectors.slice(done, done + some.length), truncated: [] }
        : await this.#encoder.embed(
            some.map(documentText),
            "document",
            options.signal ? { signal: options.signal } : {},
          )
      if (embedded.vectors.length !== some.length)
        throw new RankineError(
          options.given ? "argument" : "model",
          `${some.length} documents and ${embedded.vectors.length} vectors: there must be one vector for each document`,
        )
      done += some.length
      options.onProgress?.({ stage: this.name, done, unit: "documents" })
      const truncated = embedded.truncated.map((position) => some[position]!.id)
      return { documents: some, vectors: [...embedded.vectors], truncated }
    }
    let number = 0
    for await (const document of documents) {
      number++
      if (typeof document.id !== "string" || document.id === "")
        throw new RankineError("data", `document ${number} has no id: give every document a text as id`)
      if (typeof document.text !== "string")
        throw new RankineError("data", `document "${document.id}" has no text: give it a string`)
      batch.push(document)
      if (batch.length === this.#batchSize) yield await flush()
    }
    if (batch.length > 0) yield await flush()
    if (options.given && options.given.vectors.length !== done)
      throw new RankineError(
        "argument",
        `${done} documents and ${options.given.vectors.length} vectors: give one for each`,
      )
  }

  async #store(
    { documents, vectors, truncated }: EncodedDocuments,
    options: BuildOptions & { readonly replace?: boolean },
  ): Promise<void> {
    const { signal, replace } = options
    await this.#parts.vectors.add(
      documents.map(({ id }) => id),
      vectors,
      { ...(signal ? { signal } : {}), ...(replace ? { replace } : {}) },
    )
    documents.forEach((document, index) => {
      this.#forget(document.id)
      this.#parts.documents?.put(document)
      if (isZero(vectors[index]!)) this.#parts.zero.add(document.id)
    })
    for (const id of truncated) this.#parts.truncated.add(id)
  }

  #forget(id: string): void {
    this.#parts.documents?.delete(id)
    this.#parts.truncated.delete(id)
    this.#parts.zero.delete(id)
  }

  /** Encodes queries together; where that fails under `mark`, one by one, so that only those at fault are marked. */
  async #encodeQueries(queries: readonly Query[], options: RunOptions): Promise<EncodedQuery[]> {
    const started = performance.now()
    try {
      for (const { id, text } of queries)
        if (typeof text !== "string") throw new RankineError("argument", `query "${id}" has no text: give it a string`)
      const texts = queries.map(({ text }) => text)
      const { signal } = options
      const { vectors, tokens, truncated } = await this.#encoder.embed(texts, "query", signal ? { signal } : {})
      const cut = new Set(truncated)
      const seconds = (performance.now() - started) / 1000 / queries.length
      const share = Math.floor(tokens / queries.length)
      return queries.map((query, index) => ({
        query,
        vector: vectors[index]!,
        tokens: index === 0 ? tokens - share * (queries.length - 1) : share,
        truncated: cut.has(index),
        seconds,
      }))
    } catch (thrown) {
      const error = toRankineError(thrown, "model")
      if (options.onError !== "mark" || error.code === "aborted") throw error
      if (queries.length === 1) return [{ query: queries[0]!, tokens: 0, truncated: false, error, seconds: 0 }]
      const results: EncodedQuery[] = []
      for (const query of queries) results.push(...(await this.#encodeQueries([query], options)))
      return results
    }
  }

  #rank(encoded: readonly EncodedQuery[], topK: number, options: RunOptions): Ranking[] {
    const { vectors, documents } = this.#parts
    const started = performance.now()
    try {
      const asked = encoded.filter(({ vector }) => vector && !isZero(vector))
      const hidden =
        options.filter &&
        this.#filters.get(options.filter, vectors.generation, (accepts) =>
          vectors.rowsWhere((id) => {
            const metadata = documents!.metadata(id)
            return accepts(metadata === undefined ? { id } : { id, metadata })
          }),
        )
      const found = vectors.search(
        asked.map(({ vector }) => vector!),
        topK,
        { ...(hidden ? { hidden } : {}), excludedIds: asked.map(({ query }) => query.excludedIds) },
      )
      const hitsOf = new Map(asked.map((one, index) => [one, found[index]!]))
      const seconds = (performance.now() - started) / 1000 / encoded.length
      return encoded.map((one) => this.#ranking(one, hitsOf.get(one) ?? [], seconds, options))
    } catch (thrown) {
      const error = toRankineError(thrown)
      if (options.onError !== "mark") throw error
      if (encoded.length > 1) return encoded.flatMap((one) => this.#rank([one], topK, options))
      return [{ ...emptyRanking(encoded[0]!.query, vectors.metric), status: "failed", error }]
    }
  }

  #ranking(one: EncodedQuery, found: readonly Hit[], seconds: number, options: RunOptions): Ranking {
    const { query, vector, truncated, tokens, error } = one
    const { metric } = this.#parts.vectors
    const explain = (score: number) => ({ value: score, description: `${metric} of the vectors by ${this.model.name}` })
    const warnings: Warning[] = []
    if (typeof query.text === "string" && query.text.trim() === "") warnings.push({ code: "empty-query", count: 1 })
    else if (vector && isZero(vector)) warnings.push({ code: "no-known-terms", count: 1 })
    if (truncated) warnings.push({ code: "truncated", count: 1 })
    if (typeof query.text === "string") warnings.push(...warnLanguage([query.text], this.#encoder.languages))
    const usage = { ...noUsage, calls: vector ? 1 : 0, promptTokens: tokens, truncated: truncated ? 1 : 0 }
    return {
      ...emptyRanking(query, metric),
      hits: options.explain ? found.map((hit) => ({ ...hit, explanation: explain(hit.score) })) : found,
      ...(error ? { status: "failed" as const, error } : {}),
      warnings,
      usage: { ...usage, seconds: seconds + one.seconds },
    }
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(work)
    this.#writing = result.catch(() => {})
    return result
  }
}

interface EncodedDocuments {
  readonly documents: Document[]
  readonly vectors: Float32Array[]
  readonly truncated: string[]
}
