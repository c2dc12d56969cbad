import { countRelevant, countRelevantRanked, type MeasureDefinition } from "./measure.js"

/** Precision after as many hits as the query has relevant documents. */
export const rPrecision: MeasureDefinition = {
  name: "Rprec",
  aliases: ["R_prec", "RPrecision"],
  summary: "precision at R, where R is the query's number of relevant documents",
  source: "Buckley and Voorhees, Retrieval system evaluation, in TREC: Experiment and Evaluation, 2005",
  cutoff: "none",
  defaults: { rel: 1 },
  higherIsBetter: true,
  compute(ranking, { rel }) {
    const relevant = countRelevant(ranking, rel)
    return relevant === 0 ? 0 : countRelevantRanked(ranking, rel, relevant) / relevant
  },
}
