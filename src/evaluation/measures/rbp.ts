import type { MeasureDefinition } from "./measure.js"

/** The expected gain of a reader who goes on to the next hit with probability p: (1 - p) · Σ relᵢ · p^(i-1). */
export const rankBiasedPrecision: MeasureDefinition = {
  name: "RBP",
  aliases: ["RankBiasedPrecision"],
  summary: "rank-biased precision: the gain of a reader with persistence p",
  source: "Moffat and Zobel, Rank-biased precision for measurement of retrieval effectiveness, TOIS 27(1), 2008",
  cutoff: "optional",
  defaults: { rel: 1, p: 0.8 },
  higherIsBetter: true,
  compute(ranking, { cutoff, rel, p }) {
    let weight = 1 - p
    let sum = 0
    for (let i = 0; i < Math.min(cutoff, ranking.grades.length); i++) {
      const grade = ranking.grades[i]
      if (grade !== undefined && grade >= rel) sum += weight
      weight *= p
    }
    return sum
  },
}
