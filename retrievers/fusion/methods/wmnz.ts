import { type FusionMethod, scaleParts, sumOfParts } from "../method.js"
import { presentParts } from "./combmnz.js"

/**
 * Weighted MNZ: the sum of the scores times the summed weights of the lists that hold the document.
 * Wu and Crestani, "Data fusion with estimated weights", CIKM 2002.
 */
export const wmnz: FusionMethod = {
  name: "wmnz",
  input: "scores",
  weighted: true,
  parameters: [],
  normalised: true,
  scale: "sum",
  combine(input) {
    const held = new Float64Array(input.count)
    input.columns.forEach(({ scores }, list) => {
      for (let d = 0; d < input.count; d++) if (!Number.isNaN(scores[d])) held[d]! += input.weights[list]!
    })
    return sumOfParts(
      scaleParts(presentParts(input.columns), (document) => held[document]!),
      input.count,
    )
  },
}
