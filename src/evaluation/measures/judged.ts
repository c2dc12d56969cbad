import type { MeasureDefinition } from "./measure.js"

/** Hits with a judgement of this query, over the hits there are above the cut-off (ir_measures' convention). */
export const judged: MeasureDefinition = {
  name: "Judged",
  aliases: [],
  summary: "share of the first k hits that are judged for the query",
  source: "ir_measures Judged@k",
  cutoff: "optional",
  defaults: {},
  higherIsBetter: true,
  compute(ranking, { cutoff }) {
    const depth = Math.min(cutoff, ranking.grades.length)
    if (depth === 0) return 0
    let count = 0
    for (let i = 0; i < depth; i++) if (ranking.grades[i] !== undefined) count++
    return count / depth
  },
}
