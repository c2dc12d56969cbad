/** What turns texts into vectors, and says what it did to them. @module */
import type { Encoder, RunOptions } from "../core/contracts.js"

/** Vectors of texts, and what was cut. */
export interface Embeddings {
  /** One vector for each text, in their order. */
  readonly vectors: Float32Array[]
  /** Tokens of the texts as the model reads them, special ones included, padding not. */
  readonly tokens: number
  /** Those of each text. */
  readonly lengths?: readonly number[]
  /** Positions of the texts that were longer than the model reads. */
  readonly truncated: readonly number[]
  /** How many of the tokens were not read now, since their vectors were known. Default 0. */
  readonly cached?: number
}

/**
 * An encoder into one vector for each text. Its identity, everything here but the name, is what an index stores to refuse vectors of another
 * model or setting.
 */
export interface EmbeddingModel extends Encoder<Float32Array> {
  readonly name: string
  readonly dimension: number
  /** How token vectors become one: `mean`, `cls`, ... */
  readonly pooling: string
  /** Vectors have length 1. */
  readonly normalized: boolean
  /** Most tokens of a text; `undefined` without limit. */
  readonly maxLength: number | undefined
  /** What is put before a text. */
  readonly prompts: { readonly query: string; readonly document: string }
  /** In which numbers it computes: `fp32`, `int8`, ... */
  readonly precision: string
  /** Of the weights: the same for the same model. */
  readonly checksum: string
  /** Tokens of a text alone, without special ones. */
  countTokens?(text: string): number
  /** The same for the same weights, words and settings: vectors of equal fingerprints may be kept and compared. Where it runs does not count. */
  readonly fingerprint: string
  /** Languages that the model was trained for, where the registry knows them: texts in others are counted. */
  readonly languages?: readonly string[] | undefined
  embed(texts: readonly string[], side: "query" | "document", options?: RunOptions): Promise<Embeddings>
}
