import { type FusionMethod, rankParts, sumOfParts } from "../method.js"

/**
 * Reciprocal rank fusion: the sum of weight / (k + rank) over the lists that hold the document.
 * Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009.
 */
export const rrf: FusionMethod = {
  name: "rrf",
  input: "ranks",
  weighted: true,
  parameters: ["k"],
  normalised: false,
  scale: "ordinal",
  combine(input) {
    const { k } = input.parameters
    return sumOfParts(
      rankParts(input, (rank) => 1 / (k + rank)),
      input.count,
    )
  },
}
