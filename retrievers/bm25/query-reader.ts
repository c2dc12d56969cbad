/** Turns a query's text into clauses. @module */
import type { Analyzer } from "../../src/text/analyzer.js"
import type { Clause } from "../inverted/search.js"
import type { Segment } from "../inverted/segment.js"
import { TermTable } from "../inverted/term-table.js"
import type { ScoringParameters } from "./scoring.js"
import { querySideBoost } from "./scoring.js"
import type { FieldStatistics } from "./statistics.js"
import { type FieldTerm, TermState } from "./term-state.js"

/** One term of the query in one field, for explanations. */
export interface ReadClause {
  readonly text: string
  readonly field: number
  readonly term: FieldTerm
  readonly count: number
  readonly weight: number
  readonly factor: number
}

export interface ReadQuery {
  /** Terms in the query, repetitions and unknown ones counted. */
  readonly length: number
  readonly clauses: readonly ReadClause[]
  /** The clauses that have postings in each segment. */
  readonly bySegment: readonly (readonly Clause[])[]
}

/** Distinct pieces that are remembered; beyond it the memory starts afresh. */
const MAX_PIECES = 500_000

/** Remembers what every piece of query text becomes, so that a known word costs one hash. */
export class QueryReader {
  readonly #analyzer: Analyzer
  readonly #parameters: ScoringParameters & { readonly querySide: boolean }
  readonly #fieldWeights: readonly number[]
  #pieces = new TermTable()
  #pieceTerms: (TermState | undefined)[] = []
  #terms = new Map<string, TermState>()
  #mark = 0
  readonly #found: TermState[] = []

  constructor(
    analyzer: Analyzer,
    parameters: ScoringParameters & { readonly querySide: boolean },
    fieldWeights: readonly number[],
  ) {
    this.#analyzer = analyzer
    this.#parameters = parameters
    this.#fieldWeights = fieldWeights
  }

  read(
    text: string,
    generation: number,
    segments: readonly Segment[],
    statistics: readonly FieldStatistics[],
  ): ReadQuery {
    const length = this.#countTerms(text)
    const clauses: ReadClause[] = []
    const bySegment: Clause[][] = segments.map(() => [])
    for (const state of this.#found) {
      const fields = state.fields(generation, segments, statistics, this.#parameters)
      for (let field = 0; field < fields.length; field++) {
        const term = fields[field]
        if (!term) continue
        const { weight, factor } = this.#weigh(term, state.count, length, field, statistics[field]!)
        if (!(weight * factor > 0)) continue
        clauses.push({ text: state.text, field, term, count: state.count, weight, factor })
        for (let i = 0; i < segments.length; i++) {
          const segmentTerm = term.segments[i]
          if (segmentTerm) bySegment[i]!.push({ term: segmentTerm, weight, factor })
        }
      }
    }
    return { length, clauses, bySegment }
  }

  /** Collects the distinct terms of the text in #found with their counts. */
  #countTerms(text: string): number {
    const analyzer = this.#analyzer
    const count = analyzer.segment(text)
    const offsets = analyzer.offsets
    const found = this.#found
    found.length = 0
    this.#mark++
    let length = 0
    for (let i = 0; i < count; i++) {
      const start = offsets[2 * i]!
      const end = offsets[2 * i + 1]!
      let piece = this.#pieces.find(text, start, end)
      if (piece < 0) piece = this.#newPiece(text, start, end)
      const state = this.#pieceTerms[piece]
      if (state === undefined) continue
      length++
      if (state.mark === this.#mark) state.count++
      else {
        state.mark = this.#mark
        state.count = 1
        found.push(state)
      }
    }
    return length
  }

  #newPiece(text: string, start: number, end: number): number {
    if (this.#pieces.size >= MAX_PIECES) {
      // States already counted for this query stay in #found; only the memory of pieces is given up.
      this.#pieces = new TermTable()
      this.#pieceTerms = []
      this.#terms = new Map(this.#found.map((state) => [state.text, state]))
    }
    const piece = this.#pieces.add(text, start, end)
    const term = this.#analyzer.normalize(text.slice(start, end))
    let state: TermState | undefined
    if (term !== undefined) {
      state = this.#terms.get(term)
      if (!state) this.#terms.set(term, (state = new TermState(term)))
    }
    this.#pieceTerms[piece] = state
    return piece
  }

  #weigh(
    term: FieldTerm,
    count: number,
    length: number,
    field: number,
    statistics: FieldStatistics,
  ): { weight: number; factor: number } {
    const fieldWeight = this.#fieldWeights[field]!
    if (this.#parameters.querySide) {
      const { k1, b } = this.#parameters
      const boost = querySideBoost(k1, b, term.idf, count, length, statistics.averageLength)
      return { weight: Math.fround(Math.fround(fieldWeight) * term.idf), factor: boost }
    }
    // A power of two multiplies a float32 without rounding, so counts that differ by one share their impacts.
    let odd = count
    let factor = 1
    while (odd % 2 === 0) {
      odd /= 2
      factor *= 2
    }
    return { weight: Math.fround(Math.fround(Math.fround(fieldWeight) * odd) * term.idf), factor }
  }
}
