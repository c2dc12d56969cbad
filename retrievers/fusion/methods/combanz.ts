import { type FusionMethod, listCounts, scaleParts, sumOfParts } from "../method.js"
import { presentParts } from "./combmnz.js"

/** CombANZ: the mean of the scores over the lists that hold the document. Fox and Shaw, TREC-2, 1993. */
export const combAnz: FusionMethod = {
  name: "combanz",
  input: "scores",
  weighted: false,
  parameters: [],
  normalised: true,
  scale: "same",
  combine(input) {
    const counts = listCounts(input)
    return sumOfParts(
      scaleParts(presentParts(input.columns), (document) => 1 / counts[document]!),
      input.count,
    )
  },
}
