/** Where a hit's score comes from: one part per term that query and document share. @module */
import type { Explanation } from "../../src/core/ranking.js"
import type { Segment } from "../inverted/segment.js"
import type { QueryTerm } from "./query-terms.js"

/** The parts of the score of a document. Their sum, rounded to float32, is the score. */
export function explainHit(
  [segment, document]: readonly [Segment, number],
  place: number,
  terms: readonly QueryTerm[],
  step: number,
  termOf: (id: number) => string | undefined,
): Explanation {
  const details: Explanation[] = []
  let sum = 0
  for (const { id, weight, places } of terms) {
    const term = places[place]
    const posting = term && segment.posting(0, term.term, document)
    if (posting === undefined) continue
    const stored = segment.frequency(0, term!.term, posting) * step
    sum += weight * stored
    details.push({
      value: weight * stored,
      description: termOf(id) ?? `term ${id}`,
      details: [
        { value: weight, description: "weight in the query" },
        { value: stored, description: `weight in the document, in steps of ${step}` },
      ],
    })
  }
  details.sort((left, right) => right.value - left.value)
  return {
    value: Math.fround(sum),
    description: "dot product, sum of weight in the query × weight in the document",
    details,
  }
}
