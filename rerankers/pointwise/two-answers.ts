/** One score from how likely two answers are. @module */
import type { Read } from "../prompts/index.js"
import type { PointwiseAnswer } from "./score-each.js"

/** An endpoint that does not name an answer says that it is less likely than all it named: the logarithm that is taken for it. */
const UNNAMED = -30

/** exp(a) / (exp(a) + exp(b)); in float64, in which it does not become 1 before the difference is above 36. */
export function probabilityOf(logs: readonly number[]): Read<PointwiseAnswer> {
  const { answer, ...rest } = differenceOf(logs)
  return { answer: answer === undefined ? undefined : 1 / (1 + Math.exp(-answer)), ...rest }
}

/** a - b. Undefined where neither is known; marked as repaired where one is not. */
export function differenceOf([relevant, other]: readonly number[]): Read<PointwiseAnswer> {
  const [a, b] = [relevant!, other!].map((log) => (log === Number.NEGATIVE_INFINITY ? UNNAMED : log)) as [
    number,
    number,
  ]
  const unknown = [relevant, other].filter((log) => log === Number.NEGATIVE_INFINITY).length
  if (unknown === 2) return { answer: undefined, malformed: true }
  return { answer: a - b, ...(unknown > 0 ? { malformed: true } : {}) }
}
