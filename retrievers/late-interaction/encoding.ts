/** Checks of what goes into an index, and queries on their way to it. @module */
import type { RunOptions } from "../../src/core/contracts.js"
import type { Document, Query } from "../../src/core/document.js"
import { RankineError, toRankineError } from "../../src/core/errors.js"
import type { MultiVector, MultiVectorModel } from "../../src/models/multi-vector-encoder.js"

export interface EncodedDocuments {
  readonly documents: readonly { readonly document: Document; readonly vector: MultiVector }[]
  /** Ids of those that were cut. */
  readonly truncated: readonly string[]
}

/** A query with its vectors and what it cost. */
export interface EncodedQuery {
  readonly query: Query
  readonly vector?: MultiVector
  readonly tokens: number
  readonly truncated: boolean
  readonly error?: RankineError
  readonly seconds: number
}

/** Throws `data`. */
export function requireDocument(document: Document, number: number): void {
  if (typeof document.id !== "string" || document.id === "")
    throw new RankineError("data", `document ${number} has no id: give every document a text as id`)
  if (typeof document.text !== "string")
    throw new RankineError("data", `document "${document.id}" has no text: give it a string`)
}

export function requireOneEach(documents: number, vectors: number, code: "argument" | "model"): void {
  if (documents !== vectors)
    throw new RankineError(code, `${documents} documents and vectors of ${vectors}: there must be one for each`)
}

/** Encodes queries together; where that fails under `mark`, one by one, so that only those at fault are marked. */
export async function encodeQueries(
  encoder: MultiVectorModel,
  queries: readonly Query[],
  options: RunOptions,
): Promise<EncodedQuery[]> {
  const started = performance.now()
  try {
    for (const { id, text } of queries)
      if (typeof text !== "string") throw new RankineError("argument", `query "${id}" has no text: give it a string`)
    const texts = queries.map(({ text }) => text)
    const { signal } = options
    const { vectors, tokens, truncated } = await encoder.embed(texts, "query", signal ? { signal } : {})
    requireOneEach(queries.length, vectors.length, "model")
    const cut = new Set(truncated)
    const seconds = (performance.now() - started) / 1000 / queries.length
    const share = Math.floor(tokens / queries.length)
    return queries.map((query, index) => ({
      query,
      vector: vectors[index],
      tokens: index === 0 ? tokens - share * (queries.length - 1) : share,
      truncated: cut.has(index),
      seconds,
    }))
  } catch (thrown) {
    const error = toRankineError(thrown, "model")
    if (options.onError !== "mark" || error.code === "aborted") throw error
    if (queries.length === 1) return [{ query: queries[0], tokens: 0, truncated: false, error, seconds: 0 }]
    const results: EncodedQuery[] = []
    for (const query of queries) results.push(...(await encodeQueries(encoder, [query], options)))
    return results
  }
}
