import { type FusionMethod, sumOfParts } from "../method.js"

/**
 * Distribution-based score fusion: scores mapped from mean ± 3 standard deviations to 0..1 and added, as Qdrant does
 * (sample deviation; a list whose scores are all equal gives each 0.5). Haystack takes the population deviation and the
 * highest score instead of the sum.
 * Mazzeschi, "Distribution-based score fusion (DBSF), a new approach to vector search ranking", 2023.
 */
export const dbsf: FusionMethod = {
  name: "dbsf",
  input: "scores",
  weighted: true,
  parameters: [],
  normalised: false,
  scale: "sum",
  combine(input) {
    const parts = input.columns.map(({ scores, length }, list) => {
      const weight = input.weights[list]!
      let total = 0
      for (const score of scores) if (!Number.isNaN(score)) total += score
      const mean = total / length
      let squares = 0
      for (const score of scores) if (!Number.isNaN(score)) squares += (score - mean) ** 2
      const deviation = length > 1 ? Math.sqrt(squares / (length - 1)) : 0
      return scores.map((score) => {
        if (Number.isNaN(score)) return 0
        return weight * (deviation > 0 ? (score - mean) / (6 * deviation) + 0.5 : 0.5)
      })
    })
    return sumOfParts(parts, input.count)
  },
}
