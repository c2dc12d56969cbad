import { type FusionMethod, sumOfParts } from "../method.js"
import { weightedParts } from "./weighted-sum.js"

/** CombSUM: the sum of the scores. Fox and Shaw, "Combination of multiple searches", TREC-2, 1993. */
export const combSum: FusionMethod = {
  name: "combsum",
  input: "scores",
  weighted: false,
  parameters: [],
  normalised: true,
  scale: "sum",
  combine: (input) => sumOfParts(weightedParts(input), input.count),
}
