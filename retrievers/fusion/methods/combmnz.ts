import { type Column, type FusionMethod, listCounts, scaleParts, sumOfParts } from "../method.js"

/** The score where the list holds the document, 0 elsewhere. */
export function presentParts(columns: readonly Column[]): Float64Array[] {
  return columns.map(({ scores }) => scores.map((score) => (Number.isNaN(score) ? 0 : score)))
}

/** CombMNZ: the sum of the scores times the number of lists that hold the document. Fox and Shaw, TREC-2, 1993. */
export const combMnz: FusionMethod = {
  name: "combmnz",
  input: "scores",
  weighted: false,
  parameters: [],
  normalised: true,
  scale: "sum",
  combine(input) {
    const counts = listCounts(input)
    return sumOfParts(
      scaleParts(presentParts(input.columns), (document) => counts[document]!),
      input.count,
    )
  },
}
