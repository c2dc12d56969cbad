/** Documents and queries to vectors: in batches, by a model or given. @module */
import type { RunOptions } from "../../src/core/contracts.js"
import { type Document, documentText, type Query } from "../../src/core/document.js"
import { RankineError, throwIfAborted, toRankineError } from "../../src/core/errors.js"
import type { SparseEmbeddings, SparseEncoder, SparseVector } from "../../src/models/sparse-encoder.js"
import { checkDocument } from "../inverted/segment-builder.js"
import { checkVector } from "./vectors.js"

/** Gives the vectors of texts; `first` is the place of the first of them among all. */
export type VectorSource = (
  texts: readonly string[],
  first: number,
  signal: AbortSignal | undefined,
) => Promise<SparseEmbeddings>

const nothing: SparseVector = { ids: new Uint32Array(0), weights: new Float32Array(0) }

/** By a model; blank texts have no terms. Throws `argument` where there is no model. */
export function encodedBy(
  encoder: SparseEncoder | undefined,
  side: "query" | "document",
  vocabulary: number,
): VectorSource {
  return async (texts, _first, signal) => {
    if (!encoder)
      throw new RankineError(
        "argument",
        `this index has no encoder for ${side === "query" ? "queries" : "documents"}: load it with one, or give the vectors`,
      )
    // A model gives weights for blank texts too; they mean nothing.
    const places = texts.flatMap((text, place) => (isBlank(text) ? [] : [place]))
    const vectors: SparseVector[] = texts.map(() => nothing)
    if (places.length === 0) return { vectors, tokens: 0, truncated: [] }
    const embedded = await encoder.embed(
      places.map((place) => texts[place]!),
      side,
      signal ? { signal } : {},
    )
    requireOneEach(places.length, embedded.vectors.length, "model")
    embedded.vectors.forEach((vector, index) => {
      checkVector(vector, vocabulary, `a ${side} by ${encoder.name}`)
      vectors[places[index]!] = vector
    })
    const lengths = new Array<number>(texts.length).fill(0)
    const shares = embedded.lengths ?? evenly(embedded.tokens, places.length)
    places.forEach((place, index) => {
      lengths[place] = shares[index]!
    })
    return { ...embedded, vectors, lengths, truncated: embedded.truncated.map((index) => places[index]!) }
  }
}

/** A whole number in so many whole parts. */
function evenly(sum: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, i) => Math.floor((sum * (i + 1)) / parts) - Math.floor((sum * i) / parts))
}

/** Vectors that were made elsewhere, in the order of the texts. */
export function given(vectors: readonly SparseVector[], vocabulary: number): VectorSource {
  return async (texts, first) => {
    const some = vectors.slice(first, first + texts.length)
    requireOneEach(texts.length, some.length, "argument")
    some.forEach((vector, index) => {
      checkVector(vector, vocabulary, `number ${first + index + 1} of those given`)
    })
    return { vectors: some, tokens: 0, truncated: [] }
  }
}

export function requireOneEach(texts: number, vectors: number, code: "argument" | "model"): void {
  if (texts !== vectors)
    throw new RankineError(code, `${texts} texts and ${vectors} vectors: there must be one vector for each text`)
}

/** Some documents with their vectors. */
export interface EncodedDocuments {
  readonly documents: readonly Document[]
  readonly vectors: readonly SparseVector[]
  /** Ids of those that were longer than the model reads. */
  readonly truncated: readonly string[]
}

/** Documents in batches; a document without a usable id or text throws `data` before its batch is encoded. */
export async function* encodeDocuments(
  documents: Iterable<Document> | AsyncIterable<Document>,
  source: VectorSource,
  batchSize: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<EncodedDocuments> {
  let batch: Document[] = []
  let done = 0
  const flush = async (): Promise<EncodedDocuments> => {
    throwIfAborted(signal)
    const some = batch
    batch = []
    const { vectors, truncated } = await source(some.map(documentText), done, signal)
    done += some.length
    return { documents: some, vectors, truncated: truncated.map((position) => some[position]!.id) }
  }
  for await (const document of documents) {
    checkDocument(document, done + batch.length)
    batch.push(document)
    if (batch.length === batchSize) yield await flush()
  }
  if (batch.length > 0) yield await flush()
}

/** A query with its vector, or what went wrong, and what it cost. */
export interface EncodedQuery {
  readonly query: Query
  readonly vector?: SparseVector
  readonly error?: RankineError
  readonly tokens: number
  /** Those of the tokens that the model had not to read again. */
  readonly cached: number
  readonly truncated: boolean
  readonly seconds: number
}

export function isBlank(text: string): boolean {
  return text.trim() === ""
}

/**
 * Encodes queries together; where that fails under `mark`, one by one, so that only those at fault are marked.
 * Seconds, and tokens that an encoder does not count for each text, are shared evenly among those that were encoded together.
 */
export async function encodeQueries(
  queries: readonly Query[],
  first: number,
  source: VectorSource,
  options: RunOptions,
): Promise<EncodedQuery[]> {
  const started = performance.now()
  try {
    for (const { id, text } of queries)
      if (typeof text !== "string") throw new RankineError("argument", `query "${id}" has no text: give it a string`)
    const { vectors, lengths, truncated, cached } = await source(
      queries.map(({ text }) => text),
      first,
      options.signal,
    )
    const cut = new Set(truncated)
    const known = evenly(cached ?? 0, queries.length)
    const seconds = (performance.now() - started) / 1000 / queries.length
    return queries.map((query, index) => ({
      query,
      vector: vectors[index]!,
      tokens: lengths?.[index] ?? 0,
      cached: known[index]!,
      truncated: cut.has(index),
      seconds,
    }))
  } catch (thrown) {
    const error = toRankineError(thrown, "model")
    if (options.onError !== "mark" || error.code === "aborted") throw error
    if (queries.length === 1) return [{ query: queries[0]!, error, tokens: 0, cached: 0, truncated: false, seconds: 0 }]
    const results: EncodedQuery[] = []
    for (const [index, query] of queries.entries())
      results.push(...(await encodeQueries([query], first + index, source, options)))
    return results
  }
}
