/** What an index knows of one query term: its statistics, and its place in each segment. @module */
import type { Segment } from "../inverted/segment.js"
import { findTerm, type SegmentTerm } from "../inverted/segment-term.js"
import { inverseDocumentFrequency, type ScoringParameters } from "./scoring.js"
import type { FieldStatistics } from "./statistics.js"

/** One term in one field over all segments, for one state of the index. */
export interface FieldTerm {
  readonly documentFrequency: number
  readonly idf: number
  /** One entry per segment. */
  readonly segments: readonly (SegmentTerm | undefined)[]
}

/** A term as queries see it. `mark` and `count` are scratch space: they count the term within the query being read. */
export class TermState {
  mark = 0
  count = 0
  #generation = -1
  #fields: (FieldTerm | undefined)[] = []

  constructor(readonly text: string) {}

  /** The term in each field; undefined where no living document holds it. */
  fields(
    generation: number,
    segments: readonly Segment[],
    statistics: readonly FieldStatistics[],
    parameters: ScoringParameters,
  ): readonly (FieldTerm | undefined)[] {
    if (this.#generation !== generation) {
      this.#fields = statistics.map((field, index) => lookUp(this.text, index, segments, field, parameters))
      this.#generation = generation
    }
    return this.#fields
  }
}

function lookUp(
  text: string,
  field: number,
  segments: readonly Segment[],
  statistics: FieldStatistics,
  parameters: ScoringParameters,
): FieldTerm | undefined {
  const places = findTerm(text, field, segments)
  if (!places) return undefined
  let documentFrequency = 0
  for (const place of places) if (place) documentFrequency += place.segment.documentFrequency(field, place.term)
  if (documentFrequency === 0) return undefined
  const idf = inverseDocumentFrequency(parameters.variant, statistics.documents, documentFrequency)
  return { documentFrequency, idf, segments: places }
}
