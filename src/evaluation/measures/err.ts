import { RankineError } from "../../core/errors.js"
import type { MeasureDefinition } from "./measure.js"

/**
 * The expected reciprocal rank at which a reader is satisfied, each hit satisfying with (2^grade - 1) / 2^max.
 * `max` is 4 by default, as in TREC's gdeval; a grade above it is an error, since the probability would exceed 1.
 */
export const expectedReciprocalRank: MeasureDefinition = {
  name: "ERR",
  aliases: ["ExpectedReciprocalRank"],
  summary: "expected reciprocal rank of a reader who stops when satisfied",
  source: "Chapelle, Metzler, Zhang and Grinspan, Expected reciprocal rank for graded relevance, CIKM 2009; gdeval",
  cutoff: "optional",
  defaults: { max: 4 },
  higherIsBetter: true,
  compute(ranking, { cutoff, max }) {
    for (const grade of ranking.judgements.values())
      if (grade > max)
        throw new RankineError(
          "argument",
          `ERR takes grades up to max=${max}, the judgements have ${grade}: ask for ERR(max=${Math.ceil(grade)})`,
        )
    let notYet = 1
    let sum = 0
    for (let i = 0; i < Math.min(cutoff, ranking.grades.length); i++) {
      const grade = ranking.grades[i]
      if (grade === undefined || grade <= 0) continue
      const satisfied = (2 ** grade - 1) / 2 ** max
      sum += (satisfied * notYet) / (i + 1)
      notYet *= 1 - satisfied
    }
    return sum
  },
}
