import { type FusionInput, type FusionMethod, sumOfParts } from "../method.js"

/**
 * A score picked by its place among the document's scores, lowest first: `pick` gives one place or two, whose mean is taken.
 * What is picked is what contributes.
 */
export function picking(name: string, pick: (lists: number) => readonly number[]): FusionMethod {
  return {
    name,
    input: "scores",
    weighted: false,
    parameters: [],
    normalised: true,
    scale: "same",
    combine: (input) => sumOfParts(pickedParts(input, pick), input.count),
  }
}

function pickedParts(input: FusionInput, pick: (lists: number) => readonly number[]): Float64Array[] {
  const parts = input.columns.map(() => new Float64Array(input.count))
  for (let d = 0; d < input.count; d++) {
    const held = input.columns.flatMap(({ scores }, list) =>
      !Number.isNaN(scores[d]) ? [{ score: scores[d]!, list }] : [],
    )
    held.sort((left, right) => left.score - right.score)
    const places = pick(held.length)
    for (const place of places) parts[held[place]!.list]![d] = held[place]!.score / places.length
  }
  return parts
}

/** CombMED: the median of the scores over the lists that hold the document. Fox and Shaw, TREC-2, 1993. */
export const combMed = picking("combmed", (lists) => (lists % 2 === 1 ? [(lists - 1) / 2] : [lists / 2 - 1, lists / 2]))
