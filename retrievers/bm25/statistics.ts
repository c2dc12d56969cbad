/** Totals of one field over all segments, and what follows from them for every document's score. @module */
import type { Segment } from "../inverted/segment.js"
import { lengthFactor, type ScoringParameters } from "./scoring.js"

export interface FieldStatistics {
  /** Living documents with at least one term in the field: Lucene's docCount. */
  readonly documents: number
  /** Mean number of terms of these. */
  readonly averageLength: number
}

export function fieldStatistics(segments: readonly Segment[], field: number): FieldStatistics {
  let documents = 0
  let terms = 0
  for (const segment of segments) {
    documents += segment.totals[field]!.documents
    terms += segment.totals[field]!.terms
  }
  return { documents, averageLength: documents > 0 ? terms / documents : 1 }
}

/** The length factor of every document of a segment. */
export function lengthFactors(
  segment: Segment,
  field: number,
  parameters: ScoringParameters,
  averageLength: number,
): Float32Array | Float64Array {
  const { lengths } = segment.fields[field]!
  const factors = parameters.variant === "lucene" ? new Float32Array(lengths.length) : new Float64Array(lengths.length)
  // Documents of the same length share a factor; there are far fewer lengths than documents.
  const known = new Map<number, number>()
  for (let document = 0; document < lengths.length; document++) {
    const length = lengths[document]!
    let factor = known.get(length)
    if (factor === undefined) known.set(length, (factor = lengthFactor(parameters, length, averageLength)))
    factors[document] = factor
  }
  return factors
}
