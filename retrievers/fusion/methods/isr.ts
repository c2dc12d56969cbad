import { type FusionInput, type FusionMethod, listCounts, rankParts, scaleParts, sumOfParts } from "../method.js"

/**
 * Inverse square rank: the sum of 1 / rank², times a factor of the number of lists n that hold the document.
 * Mourão, Martins, Magalhães, "Multimodal medical information retrieval with unsupervised rank fusion",
 * Computerized Medical Imaging and Graphics 39, 2015.
 */
const inverseSquareRank = (
  name: string,
  factor: (lists: number, input: FusionInput) => number,
  parameters: FusionMethod["parameters"] = [],
): FusionMethod => ({
  name,
  input: "ranks",
  weighted: false,
  parameters,
  normalised: false,
  scale: "ordinal",
  combine(input) {
    const counts = listCounts(input)
    const parts = rankParts(input, (rank) => 1 / rank ** 2)
    return sumOfParts(
      scaleParts(parts, (document) => factor(counts[document]!, input)),
      input.count,
    )
  },
})

/** ISR: factor n. */
export const isr = inverseSquareRank("isr", (lists) => lists)

/** log-ISR: factor ln(n), so that a document of a single list scores 0; logN-ISR mends that. */
export const logIsr = inverseSquareRank("log-isr", (lists) => Math.log(lists))

/** logN-ISR: factor ln(n + sigma). */
export const logNIsr = inverseSquareRank("logn-isr", (lists, input) => Math.log(lists + input.parameters.sigma), [
  "sigma",
])
