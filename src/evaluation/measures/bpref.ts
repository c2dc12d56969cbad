import { countRelevant, type MeasureDefinition } from "./measure.js"

/**
 * How often judged relevant documents stand above judged non-relevant ones; unjudged documents do not count.
 * trec_eval's form: both counts of non-relevant documents are capped at the number R of relevant ones, and a
 * document with a negative grade was pooled but not judged.
 */
export const bpref: MeasureDefinition = {
  name: "Bpref",
  aliases: [],
  summary: "preference of judged relevant over judged non-relevant documents",
  source: "Buckley and Voorhees, Retrieval evaluation with incomplete information, SIGIR 2004; trec_eval bpref",
  cutoff: "none",
  defaults: { rel: 1 },
  higherIsBetter: true,
  compute(ranking, { rel }) {
    const relevant = countRelevant(ranking, rel)
    if (relevant === 0) return 0
    let nonRelevant = 0
    for (const grade of ranking.judgements.values()) if (grade >= 0 && grade < rel) nonRelevant++
    let above = 0
    let sum = 0
    for (const grade of ranking.grades) {
      if (grade === undefined || grade < 0) continue
      if (grade < rel) above++
      else sum += above === 0 ? 1 : 1 - Math.min(above, relevant) / Math.min(nonRelevant, relevant)
    }
    return sum / relevant
  },
}
