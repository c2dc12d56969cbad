import { type FusionMethod, rankParts, sumOfParts } from "../method.js"

/**
 * Rank-biased centroid: the sum of (1 - phi) phi^(rank - 1), the chance that a reader of persistence phi stops there.
 * Bailey, Moffat, Scholer, Thomas, "Retrieval consistency in the presence of query variations", SIGIR 2017.
 */
export const rbc: FusionMethod = {
  name: "rbc",
  input: "ranks",
  weighted: true,
  parameters: ["phi"],
  normalised: false,
  scale: "ordinal",
  combine(input) {
    const { phi } = input.parameters
    return sumOfParts(
      rankParts(input, (rank) => (1 - phi) * phi ** (rank - 1)),
      input.count,
    )
  },
}
