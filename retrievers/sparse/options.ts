/** What a sparse index can be told. @module */
import { RankineError } from "../../src/core/errors.js"
import type { SparseEncoder, SparseVector } from "../../src/models/sparse-encoder.js"
import type { SparseModelIdentity } from "./model-identity.js"

/** How vectors become postings and clauses; stored with an index. */
export interface SparseSettings {
  /** Terms of a document of this weight and less are dropped. */
  readonly threshold: number
  /** Terms of a query of this weight and less are dropped. */
  readonly queryThreshold: number
  /** The most terms of a document, the heaviest. Without it, all. */
  readonly topTerms?: number
  /** The most terms of a query, the heaviest. Without it, all. */
  readonly queryTopTerms?: number
  /**
   * What one unit of a stored weight stands for, a power of two. Weights are stored as whole units in eight bits, larger ones aside, so that
   * nothing is clipped. Weights of a query are not rounded.
   */
  readonly step: number
  /** Keep the documents, so that hits can be shown and filtered. */
  readonly storeDocuments: boolean
}

/** What can be chosen without building the index again. */
export interface SparseQueryOptions extends Partial<Pick<SparseSettings, "queryThreshold" | "queryTopTerms">> {
  /** Encodes documents and queries; without it, vectors must be given. */
  readonly encoder?: SparseEncoder
  /** Encodes queries instead of `encoder`, into the same vocabulary: the same model with another `maxLength`, or a cheaper one. */
  readonly queryEncoder?: SparseEncoder
  /** Documents that are handed to the encoder at once. Default 512. */
  readonly batchSize?: number
}

export interface SparseOptions extends Partial<SparseSettings>, SparseQueryOptions {
  /** The model of vectors that are made elsewhere; needed where there is no encoder. */
  readonly model?: SparseModelIdentity
}

/** Vectors that were made elsewhere, one for each document or query, and the model that made them. */
export interface GivenSparseVectors {
  readonly vectors: readonly SparseVector[]
  readonly model: SparseModelIdentity
}

/** The settings that options ask for. Throws `argument` for what is out of range. */
export function settingsOf(options: Partial<SparseSettings>): SparseSettings {
  const { threshold = 0.1, queryThreshold = 0, topTerms, queryTopTerms, step = 1 / 64, storeDocuments = true } = options
  const wrong = (what: string) => new RankineError("argument", what)
  for (const [name, value] of Object.entries({ threshold, queryThreshold }))
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY))
      throw wrong(`${name} must be a number of at least 0, got ${value}`)
  for (const [name, value] of Object.entries({ topTerms, queryTopTerms }))
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw wrong(`${name} must be a whole number of at least 1, got ${value}`)
  if (!(step >= 2 ** -16 && step <= 2 ** 16 && Number.isInteger(Math.log2(step))))
    throw wrong(`step must be a power of two, such as 1 / 64, got ${step}`)
  return {
    threshold,
    queryThreshold,
    ...(topTerms === undefined ? {} : { topTerms }),
    ...(queryTopTerms === undefined ? {} : { queryTopTerms }),
    step,
    storeDocuments,
  }
}
