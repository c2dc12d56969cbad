import { RankineError, type RerankProgram, type RerankTask, type Standing } from "../../src/core/index.js"
import type { PairwiseAnswer, PairwiseQuestion, PointwiseQuestion } from "../program/questions.js"

export type EchoQuestion = PointwiseQuestion | PairwiseQuestion
/** A score in [0, 1] of one document, or who of two is preferred; undefined where nothing can be read. */
export type EchoAnswer = number | undefined | PairwiseAnswer

export interface EchoSettings {
  /** B: tokens of one query that both stages may take together. Default 4000. */
  readonly tokens?: number
  /** Share of them for the first stage. Default 0.5. */
  readonly share?: number
  /** Most documents of the first stage. Default 50. */
  readonly candidates?: number
  /** Passes that the second stage's part is cut for: more of them over fewer documents. Default 1. */
  readonly passes?: number
}

/** Throws `argument` for numbers out of range. */
export function checkEcho({
  tokens = 4000,
  share = 0.5,
  candidates = 50,
  passes = 1,
}: EchoSettings): Required<EchoSettings> {
  for (const [name, value] of Object.entries({ tokens, candidates, passes }))
    if (!Number.isInteger(value) || value < 1)
      throw new RankineError("argument", `${name} must be a whole number of at least 1, got ${value}`)
  if (!(share >= 0 && share <= 1))
    throw new RankineError("argument", `share must be a number from 0 to 1, got ${share}`)
  return { tokens, share, candidates, passes }
}

/**
 * Two stages under one budget of tokens. First, documents are judged alone, from the top, as far as the first share goes: those that are
 * relevant, or about which nothing can be read, come before the others. Then neighbours are compared from below and change places where the
 * lower one is preferred, so that the best of them rises to the top. The pass begins as far down as the rest of the budget reaches, so that it
 * ends at the top. What the first stage did not reach stays below, in the order in which it came in.
 *
 * EchoRank (Rashid et al., "EcoRank: budget-constrained text re-ranking using large language models", ACL 2024).
 *
 * @param cost most tokens that a question may take
 */
export function echoProgram(
  cost: (task: RerankTask, question: EchoQuestion) => number,
  settings: EchoSettings = {},
): RerankProgram<EchoQuestion, EchoAnswer> {
  const { tokens, share, candidates, passes } = checkEcho(settings)
  return function* (task) {
    const { hits } = task
    const most = Math.min(candidates, hits.length)
    let left = tokens * share
    let judged = 0
    while (judged < most && (left -= cost(task, { document: judged })) >= 0) judged++
    // Nothing was spent on the document that did not fit.
    const saved = judged < most ? left + cost(task, { document: judged }) : left
    let order: number[] = []
    const standing = (): Standing => ({ order })
    if (judged > 0) {
      const questions = Array.from({ length: judged }, (_, document) => ({ document }))
      const answers = (yield { questions, standing }) as readonly (number | undefined)[]
      const relevant = questions.map((_, at) => answers[at] === undefined || answers[at] >= 0.5)
      order = [true, false].flatMap((wanted) => questions.flatMap((_, at) => (relevant[at] === wanted ? [at] : [])))
    } else order = Array.from({ length: most }, (_, position) => position)
    let rest = tokens * (1 - share) + saved
    const depth = reach(task, order, rest / passes, cost)
    for (let pass = 0; pass < passes; pass++) {
      let moved = false
      // After each pass the first place is settled.
      for (let at = depth - 1; at > pass; at--) {
        const question = { first: order[at - 1]!, second: order[at]! }
        rest -= cost(task, question)
        if (rest < 0) return standing()
        const [answer] = (yield { questions: [question], standing }) as readonly (PairwiseAnswer | undefined)[]
        // Only who is preferred moves: where nothing is read, or both are alike, the higher one stays.
        if (answer?.preference !== undefined && answer.preference < 0.5) {
          order = order.with(at - 1, question.second).with(at, question.first)
          moved = true
        }
      }
      if (!moved) break
    }
    return standing()
  }
}

/** How many of the first documents a pass can compare: whichever of them rises, its comparisons are paid for. */
function reach(
  task: RerankTask,
  order: readonly number[],
  budget: number,
  cost: (task: RerankTask, question: EchoQuestion) => number,
): number {
  let depth = Math.min(1, order.length)
  while (depth < order.length && dearestPass(task, order.slice(0, depth + 1), cost) <= budget) depth++
  return depth
}

/** What a pass over these costs at most: at each place the dearest of those below may be the one that has risen so far. */
function dearestPass(
  task: RerankTask,
  order: readonly number[],
  cost: (task: RerankTask, question: EchoQuestion) => number,
): number {
  let total = 0
  let dearest = order.at(-1)!
  for (const above of order.slice(0, -1).reverse()) {
    total += cost(task, { first: above, second: dearest })
    if (cost(task, { document: above }) > cost(task, { document: dearest })) dearest = above
  }
  return total
}
