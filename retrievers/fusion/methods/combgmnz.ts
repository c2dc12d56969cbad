import { type FusionMethod, listCounts, scaleParts, sumOfParts } from "../method.js"
import { presentParts } from "./combmnz.js"

/** CombGMNZ: as CombMNZ, with the number of lists to the power gamma. Lee, "Analyses of multiple evidence combination", SIGIR 1997. */
export const combGmnz: FusionMethod = {
  name: "combgmnz",
  input: "scores",
  weighted: false,
  parameters: ["gamma"],
  normalised: true,
  scale: "sum",
  combine(input) {
    const counts = listCounts(input)
    const { gamma } = input.parameters
    return sumOfParts(
      scaleParts(presentParts(input.columns), (document) => counts[document]! ** gamma),
      input.count,
    )
  },
}
