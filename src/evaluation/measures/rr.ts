import type { MeasureDefinition } from "./measure.js"

/** One over the rank of the first relevant hit; 0 when there is none above the cut-off. */
export const reciprocalRank: MeasureDefinition = {
  name: "RR",
  aliases: ["MRR", "recip_rank", "ReciprocalRank"],
  summary: "one over the rank of the first relevant document",
  source: "Kantor and Voorhees, The TREC-5 confusion track, Information Retrieval 2, 2000; trec_eval recip_rank",
  cutoff: "optional",
  defaults: { rel: 1 },
  higherIsBetter: true,
  compute(ranking, { cutoff, rel }) {
    for (let i = 0; i < Math.min(cutoff, ranking.grades.length); i++) {
      const grade = ranking.grades[i]
      if (grade !== undefined && grade >= rel) return 1 / (i + 1)
    }
    return 0
  },
}
