import type { Gains, MeasureDefinition } from "./measure.js"

/** Negative grades gain nothing, as in trec_eval. */
function gainOf(grade: number | undefined, gains: Gains): number {
  if (grade === undefined || grade <= 0) return 0
  return gains === "linear" ? grade : 2 ** grade - 1
}

/**
 * Discounted cumulative gain over that of the ideal order of all judged documents, discount log2(rank + 1).
 * Linear gains are trec_eval's (and Järvelin and Kekäläinen's); exponential ones are those of Burges et al., ICML 2005.
 */
export const ndcg: MeasureDefinition = {
  name: "nDCG",
  aliases: ["ndcg_cut"],
  summary: "gain, discounted by rank, as a share of the ideal order's",
  source: "Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 20(4), 2002",
  cutoff: "optional",
  defaults: { gains: "linear" },
  higherIsBetter: true,
  compute(ranking, { cutoff, gains }) {
    const ideal = [...ranking.judgements.values()].filter((grade) => grade > 0).sort((left, right) => right - left)
    let best = 0
    for (let i = 0; i < Math.min(cutoff, ideal.length); i++) best += gainOf(ideal[i], gains) / Math.log2(i + 2)
    if (best === 0) return 0
    let sum = 0
    for (let i = 0; i < Math.min(cutoff, ranking.grades.length); i++)
      sum += gainOf(ranking.grades[i], gains) / Math.log2(i + 2)
    return sum / best
  },
}
