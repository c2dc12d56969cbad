import { type FusionMethod, sumOfParts } from "../method.js"

/**
 * Borda count: a list gives the first of N candidates N points, the next N - 1, and shares what is left equally among those
 * it does not hold. With weights, points are multiplied by the list's weight.
 * Aslam and Montague, "Models for metasearch", SIGIR 2001.
 */
export const borda: FusionMethod = {
  name: "borda",
  input: "ranks",
  weighted: true,
  parameters: [],
  normalised: false,
  scale: "ordinal",
  combine(input) {
    const parts = input.columns.map(({ ranks, length }, list) => {
      const weight = input.weights[list]!
      const shared = (input.count - length + 1) / 2
      return Float64Array.from(ranks, (rank) => weight * (rank === 0 ? shared : input.count - rank + 1))
    })
    return sumOfParts(parts, input.count)
  },
}
