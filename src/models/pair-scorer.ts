/** What says how well a document answers a query: cross-encoders and models that are asked about one pair at a time. @module */
import type { RunOptions } from "../core/contracts.js"
import type { ScoreKind } from "../core/ranking.js"

export interface TextPair {
  readonly query: string
  readonly document: string
}

/** Scores of pairs, and what was cut. */
export interface PairScores {
  /** One for each pair, in their order. Higher is better. */
  readonly scores: readonly number[]
  /** Tokens of the pairs as the model reads them, special ones included, padding not. */
  readonly tokens: number
  /** Those of each pair. */
  readonly lengths?: readonly number[]
  /** Positions of the pairs whose document was cut. */
  readonly truncated: readonly number[]
  /** How many of the tokens were not read now, since their scores were known. Default 0. */
  readonly cached?: number
  /** For each pair the window of the document that gave the score, as UTF-16 offsets [start, end), where documents are read in windows. */
  readonly spans?: readonly (readonly [start: number, end: number] | undefined)[]
}

/** A model that scores pairs of query and document, each by itself. */
export interface PairScorer {
  readonly name: string
  readonly scoreKind: ScoreKind
  /** The same for the same weights and settings: scores of equal fingerprints may be kept and compared. */
  readonly fingerprint: string
  /** Most tokens of a pair, special ones included. */
  readonly maxLength: number
  /** Tokens of a text alone, without special ones. */
  countTokens?(text: string): number
  /** Languages that the model was trained for, where the registry knows them: texts in others are counted. */
  readonly languages?: readonly string[] | undefined
  /**
   * Scores any number of pairs, in batches by length. Only documents are cut to fit. Throws `argument` for what is no text, `model` where
   * the model fails or gives NaN, `aborted` once the signal has fired.
   */
  score(pairs: readonly TextPair[], options?: RunOptions): Promise<PairScores>
}
