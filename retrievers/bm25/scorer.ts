/** The impacts of one segment's postings by BM25. @module */
import type { Segment } from "../inverted/segment.js"
import type { Scorer, SegmentTerm } from "../inverted/segment-term.js"
import { impact, type ScoringParameters } from "./scoring.js"
import { type FieldStatistics, lengthFactors } from "./statistics.js"

export class Bm25Scorer implements Scorer {
  readonly #parameters: ScoringParameters
  /** By field: the length factor of every document. */
  readonly #factors: readonly (Float32Array | Float64Array)[]

  constructor(segment: Segment, parameters: ScoringParameters, statistics: readonly FieldStatistics[]) {
    this.#parameters = parameters
    this.#factors = statistics.map(({ averageLength }, field) =>
      lengthFactors(segment, field, parameters, averageLength),
    )
  }

  fill({ segment, field, term, postings }: SegmentTerm, weight: number, values: Float32Array): number {
    const parameters = this.#parameters
    const factors = this.#factors[field]!
    let largest = 0
    for (let i = 0; i < postings.length; i++) {
      const posting = postings[i]!
      let tf = posting & 255
      if (tf === 255) tf = segment.frequency(field, term, posting)
      const value = impact(parameters, weight, tf, factors[posting >>> 8]!)
      values[i] = value
      if (value > largest) largest = value
    }
    return largest
  }
}
