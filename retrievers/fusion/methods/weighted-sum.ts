import { type Column, type FusionInput, type FusionMethod, sumOfParts } from "../method.js"

/**
 * The sum of weight × score. A document that a list does not hold counts 0 there, or the list's lowest score where that is negative,
 * so that it never gains on a document that the list did retrieve.
 */
export function weightedParts(input: FusionInput): Float64Array[] {
  return input.columns.map((column, list) => {
    const weight = input.weights[list]!
    const absent = absentScore(column)
    return column.scores.map((score) => weight * (!Number.isNaN(score) ? score : absent))
  })
}

function absentScore({ scores }: Column): number {
  let lowest = 0
  for (const score of scores) if (score < lowest) lowest = score
  return lowest
}

/** Weighted sum of normalised scores, also called convex combination (Bruch, Gai, Ingber, ACM TOIS 42(1), 2023). */
export const wsum: FusionMethod = {
  name: "wsum",
  input: "scores",
  weighted: true,
  parameters: [],
  normalised: true,
  scale: "sum",
  combine: (input) => sumOfParts(weightedParts(input), input.count),
}
