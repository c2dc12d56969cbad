/** The impacts of postings that are weights: what they stand for, whatever the query. @module */
import type { Scorer, SegmentTerm } from "../inverted/segment-term.js"

/**
 * Dequantises. The weight in the query is a clause's factor, so that a term has one set of impacts; a power of two as step makes
 * weight × impact exact in float64, and a sum of a few hundred such products too: the order in which terms are added does not matter.
 */
export class ImpactScorer implements Scorer {
  constructor(private readonly step: number) {}

  fill({ segment, field, term, postings }: SegmentTerm, weight: number, values: Float32Array): number {
    const unit = weight * this.step
    let largest = 0
    for (let i = 0; i < postings.length; i++) {
      const posting = postings[i]!
      let units = posting & 255
      if (units === 255) units = segment.frequency(field, term, posting)
      values[i] = unit * units
      if (units > largest) largest = units
    }
    return Math.fround(unit * largest)
  }
}
