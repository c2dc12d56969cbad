import type { MeasureDefinition } from "./measure.js"

/**
 * Documents among the first k that no query of the qrels judges, over k. Less is better.
 * An unanswered query counts as 0, as everywhere; the count of unanswered queries says so.
 */
export const hole: MeasureDefinition = {
  name: "hole",
  aliases: [],
  summary: "share of the first k that no query judges (less is better)",
  source: "Thakur et al., BEIR, NeurIPS Datasets and Benchmarks 2021, hole@k",
  cutoff: "required",
  defaults: {},
  higherIsBetter: false,
  compute(ranking, { cutoff }) {
    let count = 0
    for (let i = 0; i < Math.min(cutoff, ranking.ids.length); i++)
      if (!ranking.isJudgedAnywhere(ranking.ids[i]!)) count++
    return count / cutoff
  },
}
