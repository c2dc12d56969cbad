import { countRelevantRanked, type MeasureDefinition } from "./measure.js"

/** Relevant hits among the first k, over k: a ranking with fewer than k hits is not spared. */
export const precision: MeasureDefinition = {
  name: "P",
  aliases: ["Precision", "Prec"],
  summary: "share of relevant documents among the first k",
  source: "van Rijsbergen, Information Retrieval, 1979; trec_eval P",
  cutoff: "required",
  defaults: { rel: 1 },
  higherIsBetter: true,
  compute: (ranking, { cutoff, rel }) => countRelevantRanked(ranking, rel, cutoff) / cutoff,
}
