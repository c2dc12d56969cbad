import { countRelevant, countRelevantRanked, type MeasureDefinition } from "./measure.js"

/** Relevant hits among the first k, over all relevant documents of the query. */
export const recall: MeasureDefinition = {
  name: "R",
  aliases: ["Recall"],
  summary: "share of all relevant documents found among the first k",
  source: "van Rijsbergen, Information Retrieval, 1979; trec_eval recall",
  cutoff: "required",
  defaults: { rel: 1 },
  higherIsBetter: true,
  compute(ranking, { cutoff, rel }) {
    const relevant = countRelevant(ranking, rel)
    return relevant === 0 ? 0 : countRelevantRanked(ranking, rel, cutoff) / relevant
  },
}
