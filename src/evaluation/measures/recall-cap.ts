import { countRelevant, countRelevantRanked, type MeasureDefinition } from "./measure.js"

/** Recall whose denominator is at most k, so that a query with more than k relevant documents can reach 1. */
export const recallCap: MeasureDefinition = {
  name: "R_cap",
  aliases: ["Recall_cap", "RCap"],
  summary: "recall at k over the smaller of k and the number of relevant documents",
  source: "Thakur et al., BEIR, NeurIPS Datasets and Benchmarks 2021, recall_cap (used for TREC-COVID)",
  cutoff: "required",
  defaults: { rel: 1 },
  higherIsBetter: true,
  compute(ranking, { cutoff, rel }) {
    const relevant = Math.min(countRelevant(ranking, rel), cutoff)
    return relevant === 0 ? 0 : countRelevantRanked(ranking, rel, cutoff) / relevant
  },
}
