/** The contract of text analysis. @module */

/** Plain data that names an analyzer; it is stored with an index and rebuilds the same analyzer. */
export interface AnalyzerSpec {
  readonly name: string
  readonly [option: string]: unknown
}

/** One term with the place in the text it came from: UTF-16 offsets [start, end). */
export interface Token {
  readonly term: string
  readonly start: number
  readonly end: number
}

/**
 * Turns text into terms in two steps, so that an index can remember what each surface form becomes:
 * `segment` finds the pieces, `normalize` maps a piece to its term and depends on nothing but the piece.
 */
export interface Analyzer {
  readonly spec: AnalyzerSpec
  /**
   * Writes the pieces of `text` into `this.offsets` as start, end, start, end, … (UTF-16) and returns how many pieces there are.
   * `offsets` is one buffer, used again by the next call, and replaced when it must grow.
   */
  segment(text: string): number
  readonly offsets: Uint32Array
  /** The term of a piece, or undefined for a piece that is dropped (a stop word). */
  normalize(piece: string): string | undefined
  /** The terms of a text in order, with repetitions. */
  terms(text: string): string[]
  /** The terms with their places, for highlighting. */
  tokens(text: string): Token[]
}
