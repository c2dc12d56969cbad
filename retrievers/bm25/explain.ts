/** Where a hit's score comes from: one part per query term and field. @module */
import type { Explanation } from "../../src/core/ranking.js"
import type { Segment } from "../inverted/segment.js"
import type { ReadQuery } from "./query-reader.js"
import { impact, lengthFactor, type ScoringParameters } from "./scoring.js"
import type { FieldStatistics } from "./statistics.js"

/** The parts of the score of the document with this id. Their sum, rounded to float32, is the score. */
export function explainHit(
  id: string,
  query: ReadQuery,
  segments: readonly Segment[],
  parameters: ScoringParameters & { readonly fields?: Readonly<Record<string, number>> },
  statistics: readonly FieldStatistics[],
): Explanation {
  const fieldNames = parameters.fields && Object.keys(parameters.fields)
  const place = segments.findIndex((segment) => {
    const document = segment.ids.find(id)
    return document >= 0 && !segment.isDeleted(document)
  })
  const segment = segments[place]!
  const document = segment.ids.find(id)
  const details: Explanation[] = []
  let sum = 0
  for (const { text, field, term, count, weight, factor } of query.clauses) {
    const segmentTerm = term.segments[place]
    if (!segmentTerm) continue
    const posting = segment.posting(field, segmentTerm.term, document)
    if (posting === undefined) continue
    const tf = segment.frequency(field, segmentTerm.term, posting)
    const length = segment.fields[field]!.lengths[document]!
    const average = statistics[field]!.averageLength
    const value = factor * impact(parameters, weight, tf, lengthFactor(parameters, length, average))
    sum += value
    details.push({
      value,
      description: fieldNames ? `${fieldNames[field]}:${text}` : text,
      details: [
        {
          value: term.idf,
          description: `idf, ${term.documentFrequency} of ${statistics[field]!.documents} documents hold it`,
        },
        { value: tf, description: "occurrences in the document" },
        { value: count, description: "occurrences in the query" },
        {
          value: length,
          description: `terms in the ${fieldNames ? `field ${fieldNames[field]}` : "document"}, ${average.toFixed(1)} on average`,
        },
      ],
    })
  }
  details.sort((left, right) => right.value - left.value)
  return { value: Math.fround(sum), description: `bm25 (${parameters.variant}), sum of`, details }
}
