/** Turns the vector of a query into clauses. @module */
import type { SparseVector } from "../../src/models/sparse-encoder.js"
import type { Clause } from "../inverted/search.js"
import type { Segment } from "../inverted/segment.js"
import { findTerm, type SegmentTerm } from "../inverted/segment-term.js"
import { termText } from "./vector-fields.js"

type Places = readonly (SegmentTerm | undefined)[]

/** One term of the query that some document holds. */
export interface QueryTerm {
  readonly id: number
  readonly weight: number
  /** One entry per segment. */
  readonly places: Places
}

/** Remembers where each term lies, and with it its impacts, for one state of the index. */
export class QueryTerms {
  #generation = -1
  #places: (Places | undefined | null)[] = []

  read(vector: SparseVector, segments: readonly Segment[], generation: number): readonly QueryTerm[] {
    if (generation !== this.#generation) {
      this.#places = []
      this.#generation = generation
    }
    const terms: QueryTerm[] = []
    vector.ids.forEach((id, index) => {
      let places = this.#places[id]
      if (places === undefined) this.#places[id] = places = findTerm(termText(id), 0, segments) ?? null
      const weight = vector.weights[index]!
      if (places && weight > 0) terms.push({ id, weight, places })
    })
    return terms
  }
}

/** The clauses that have postings in each segment. */
export function clausesOf(terms: readonly QueryTerm[], segments: readonly Segment[]): Clause[][] {
  return segments.map((_, index) =>
    terms.flatMap(({ weight, places }) => {
      const term = places[index]
      return term ? [{ term, weight: 1, factor: weight }] : []
    }),
  )
}
