import { countRelevantRanked, type MeasureDefinition } from "./measure.js"

/** Whether anything relevant is among the first k. */
export const success: MeasureDefinition = {
  name: "Success",
  aliases: ["Hit", "HitRate", "Accuracy"],
  summary: "1 when a relevant document is among the first k, else 0",
  source: "trec_eval success; accuracy at k in BEIR and in open-domain question answering",
  cutoff: "required",
  defaults: { rel: 1 },
  higherIsBetter: true,
  compute: (ranking, { cutoff, rel }) => (countRelevantRanked(ranking, rel, cutoff) > 0 ? 1 : 0),
}
