/** What turns texts into vectors, and says what it did to them. @module */
import type { Encoder, RunOptions } from "../core/contracts.js"

/** Vectors of texts, and what was cut. */
export interface Embeddings {
  /** One vector for each text, in their order. */
  readonly vectors: Float32Array[]
  /** Tokens read by the model, special ones included, padding not. */
  readonly tokens: number
  /** Positions of the texts that were longer than the model reads. */
  readonly truncated: readonly number[]
}

/** An encoder into one vector for each text. Its identity is what an index stores to refuse another model's vectors. */
export interface EmbeddingModel extends Encoder<Float32Array> {
  readonly name: string
  readonly dimension: number
  /** How token vectors become one: `mean`, `cls`, ... */
  readonly pooling: string
  /** Vectors have length 1. */
  readonly normalized: boolean
  /** Of the weights: the same for the same model. */
  readonly checksum: string
  embed(texts: readonly string[], side: "query" | "document", options?: RunOptions): Promise<Embeddings>
}
