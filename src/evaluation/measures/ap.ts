import { countRelevant, type MeasureDefinition } from "./measure.js"

/** Precision at each relevant hit, summed and divided by the number of all relevant documents, with a cut-off too. */
export const averagePrecision: MeasureDefinition = {
  name: "AP",
  aliases: ["MAP", "map_cut", "AveragePrecision"],
  summary: "mean of the precision at every relevant document",
  source: "Harman, Evaluation issues in information retrieval, IPM 28(4), 1992; trec_eval map, map_cut",
  cutoff: "optional",
  defaults: { rel: 1 },
  higherIsBetter: true,
  compute(ranking, { cutoff, rel }) {
    const relevant = countRelevant(ranking, rel)
    if (relevant === 0) return 0
    let found = 0
    let sum = 0
    for (let i = 0; i < Math.min(cutoff, ranking.grades.length); i++) {
      const grade = ranking.grades[i]
      if (grade !== undefined && grade >= rel) sum += ++found / (i + 1)
    }
    return sum / relevant
  },
}
