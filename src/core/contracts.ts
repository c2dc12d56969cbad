/** The contracts between the parts: everything takes and gives lists. @module */
import type { DocumentStore, Query } from "./document.js"
import { RankineError } from "./errors.js"
import type { Filter } from "./filter.js"
import type { OnProgress } from "./progress.js"
import type { Random } from "./random.js"
import type { Hit, Ranking } from "./ranking.js"

/** Limits per query; what runs out ends the work with status `partial`, all documents in place. */
export interface Budget {
  readonly maxCalls?: number
  readonly maxTokens?: number
  readonly maxSeconds?: number
}

/** In seconds: from asking until the first rows were in the model, and from then until the last were out. */
export interface QueueTimings {
  readonly queue: number
  readonly inference: number
}

export interface RunOptions {
  /** How many hits to return for each query; a retriever's default is 1000, a reranker returns what it was given. */
  readonly topK?: number
  readonly signal?: AbortSignal
  readonly seed?: number
  readonly budget?: Budget
  /** `throw` (the default) fails the call with the first query that fails; `mark` marks that query `failed` and goes on. */
  readonly onError?: "throw" | "mark"
  readonly onProgress?: OnProgress
  /** Who asks, for queues that several share: calls of the same client share one turn. Default: each call is a client of its own. */
  readonly client?: string
  /** When the answer is of no more use, in milliseconds since 1970: what a model has not begun by then is dropped, and the error is `budget`. */
  readonly deadline?: number
  /** Told of each part of a call that went through a model's queue; parts add up. */
  readonly onTimings?: (timings: QueueTimings) => void
  /** Only documents whose metadata fit are retrieved; applied before the top k is taken. */
  readonly filter?: Filter
  /** Keep the parts of every score in `Hit.explanation` and the order after every stage in `Ranking.stages`. */
  readonly explain?: boolean
}

/** What a part says of itself: a name and every parameter, as plain data. */
export interface Description {
  readonly name: string
  readonly [parameter: string]: unknown
}

/** Finds documents for queries. */
export interface Retriever {
  readonly name: string
  /** The texts behind the ids, where the retriever holds them. */
  readonly documents?: DocumentStore
  retrieve(queries: readonly Query[], options?: RunOptions): Promise<Ranking[]>
  describe?(): Description
}

/** Takes rankings and gives rankings: reorders, cuts, adds texts. No document is lost or duplicated unless that is its job. */
export interface Reranker {
  readonly name: string
  /** `text`: the hits must carry their documents. */
  readonly needs: "text" | "ids"
  rerank(rankings: readonly Ranking[], options?: RunOptions): Promise<Ranking[]>
  /** Better and better rankings; the last one of each query has `final: true`. */
  stream?(rankings: readonly Ranking[], options?: RunOptions): AsyncIterable<Ranking>
  describe?(): Description
}

/** Gives better and better rankings of each query; the last one has `final: true`. */
export interface Streams {
  stream(queries: readonly Query[], options?: RunOptions): AsyncIterable<Ranking>
}

/** Turns texts into vectors: dense, sparse or one per token. */
export interface Encoder<Vector> {
  encode(texts: readonly string[], side: "query" | "document", options?: RunOptions): Promise<Vector[]>
}

/** What a reranking algorithm works on: documents are named by their position among `hits`, which all have texts. */
export interface RerankTask {
  readonly query: Query
  readonly hits: readonly Hit[]
}

/** The best order that an algorithm knows: positions, the best first. Those left out follow below in the order that they came in. */
export interface Standing {
  readonly order: readonly number[]
  /** Of each position in `order`, where the method scores; else only the order counts. */
  readonly scores?: readonly number[]
}

/** Questions that do not depend on each other's answers, and what is known before they are answered. */
export interface Round<Question> {
  readonly questions: readonly Question[]
  readonly standing: () => Standing
}

/**
 * A reranking algorithm with no input or output of its own: it yields rounds of questions, receives the answers in the same order, and
 * returns the last standing. An answer is `undefined` where a budget ended before it was asked: the algorithm goes on as if it knew nothing
 * of that question, and its next standing is the result.
 */
export type RerankProgram<Question, Answer> = (
  task: RerankTask,
  random: Random,
) => Generator<Round<Question>, Standing, readonly (Answer | undefined)[]>

/** The default of `RunOptions.topK` for retrievers. */
export const DEFAULT_TOP_K = 1000

/** How many hits a retriever is to return. Throws `argument` unless `topK` is a whole number of at least 1. */
export function resolveTopK(options: RunOptions): number {
  const { topK = DEFAULT_TOP_K } = options
  if (!Number.isInteger(topK) || topK < 1)
    throw new RankineError("argument", `topK must be a whole number of at least 1, got ${topK}`)
  return topK
}
