/** What the server does, apart from HTTP: dialects translate requests into these calls and outcomes into their own answers. @module */
import type { RankingStatus, ScoreKind, Usage, Warning } from "../src/core/index.js"

/** Who asks, and when the answer is of no more use. */
export interface Caller {
  /** Of the request; in its answer's headers and in every line of the log. */
  readonly requestId: string
  /** Whose turn it is in the queue: the name of the API key, else the address. */
  readonly client: string
  /** Fires when the client has left, the time is over, or the server stops. */
  readonly signal: AbortSignal
  /** In milliseconds since 1970. */
  readonly deadline?: number | undefined
}

export interface RerankCall {
  /** A name of the configuration; undefined for the first reranker. */
  readonly model?: string | undefined
  readonly query: string
  readonly documents: readonly { readonly title?: string | undefined; readonly text: string }[]
  readonly topN?: number | undefined
  /** Scores as the model gives them, where it has them: logits. Default false: what can be is mapped into [0, 1]. */
  readonly rawScores?: boolean | undefined
  /** Most tokens of a document; the rest is cut and counted. `argument` for less than the limit of a model that does not count. */
  readonly maxDocumentTokens?: number | undefined
  /** Most tokens of query and document together: `argument` for less than the model's own limit. */
  readonly maxPromptTokens?: number | undefined
  /** `false` fails with `argument` where anything had to be cut. Default true. */
  readonly truncate?: boolean | undefined
}

export interface RerankOutcome {
  readonly model: string
  /** The best first, equal scores by index; `topN` of them where asked. */
  readonly results: readonly { readonly index: number; readonly score: number }[]
  readonly scoreKind: ScoreKind
  readonly status: RankingStatus
  readonly warnings: readonly Warning[]
  readonly usage: Usage
  /** In seconds. */
  readonly timings: Timings
}

export interface EmbedCall {
  /** A name of the configuration; undefined for the first embedding model. */
  readonly model?: string | undefined
  readonly texts: readonly string[]
  /** Default `document`. */
  readonly side?: "query" | "document" | undefined
  /** `false` fails with `argument` where a text is longer than the model reads. Default true. */
  readonly truncate?: boolean | undefined
  /** `argument` for any but the model's own. */
  readonly dimension?: number | undefined
  /** Vectors of length 1, whatever the model's files say. */
  readonly normalize?: boolean | undefined
}

export interface EmbedOutcome {
  readonly model: string
  readonly vectors: readonly Float32Array[]
  readonly tokens: number
  /** Positions of the texts that were cut. */
  readonly truncated: readonly number[]
  readonly timings: Timings
}

/** In seconds: all of it, and what of it the rows waited for the model and were in it, where the model tells. */
export interface Timings {
  readonly total: number
  readonly queue?: number | undefined
  readonly inference?: number | undefined
}

/** A model that the server offers. */
export interface ServedModel {
  readonly name: string
  readonly task: "rerank" | "embed"
  /** Most tokens of a text or a pair, where there is a limit. */
  readonly maxLength?: number | undefined
  readonly dimension?: number | undefined
  readonly fingerprint?: string | undefined
  readonly scoreKind?: ScoreKind | undefined
  readonly precision?: string | undefined
  /** How an embedding model makes one vector of a text's tokens. */
  readonly pooling?: string | undefined
}

/** All that dialects may ask for. Every method throws a RankineError: `not-found` for a model that is not offered, `busy`, `budget`, `aborted`, `model`, `argument`. */
export interface Service {
  readonly models: readonly ServedModel[]
  /** In seconds since 1970: when the models were loaded. */
  readonly since: number
  rerank(call: RerankCall, caller: Caller): Promise<RerankOutcome>
  embed(call: EmbedCall, caller: Caller): Promise<EmbedOutcome>
  /** One short inference on every model: what a health check is worth. */
  check(caller: Caller): Promise<void>
}
