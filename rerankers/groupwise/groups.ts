import { type Random, RankineError, type RerankProgram } from "../../src/core/index.js"
import type { GroupwiseAnswer, GroupwiseQuestion } from "../program/questions.js"
import { ScoreBoard } from "./score-board.js"

export interface GroupOptions {
  /** Documents of a group. Default 20. */
  readonly groupSize?: number
  /** Times that every document is scored, each time in another group. Default 1. */
  readonly repeats?: number
  /**
   * `together` (the default) asks all groups of all repeats at once; `apart` one repeat after the other, so that a stream gives a better
   * ranking after each.
   */
  readonly asked?: "together" | "apart"
  /** Weights of the groups' scores and of the first stage's, these min-max normalised; default: the groups' alone. */
  readonly fusion?: { readonly groups: number; readonly firstStage: number }
  /** What a group counts whose answer cannot be read: nothing (`unknown`, the default), or 0 for all its documents, as the paper's script. */
  readonly unreadable?: "unknown" | "zero"
}

/** The weights of the paper's script. */
export const paperFusion = { groups: 0.6, firstStage: 0.4 } as const

/** Throws `argument` for numbers out of range. */
export function checkGroups(
  options: GroupOptions,
): Required<Omit<GroupOptions, "fusion">> & Pick<GroupOptions, "fusion"> {
  const { groupSize = 20, repeats = 1, asked = "together", unreadable = "unknown", fusion } = options
  for (const [name, value] of Object.entries({ groupSize, repeats }))
    if (!Number.isInteger(value) || value < 1)
      throw new RankineError("argument", `${name} must be a whole number of at least 1, got ${value}`)
  if (asked !== "together" && asked !== "apart")
    throw new RankineError("argument", `asked must be "together" or "apart", got ${String(asked)}`)
  if (unreadable !== "unknown" && unreadable !== "zero")
    throw new RankineError("argument", `unreadable must be "unknown" or "zero", got ${String(unreadable)}`)
  if (fusion)
    for (const [name, value] of Object.entries(fusion))
      if (!(value >= 0 && Number.isFinite(value)))
        throw new RankineError("argument", `fusion.${name} must be a number of at least 0, got ${value}`)
  return { groupSize, repeats, asked, unreadable, ...(fusion ? { fusion } : {}) }
}

/**
 * Scores documents in disjoint groups, all groups at once: the documents are shuffled, cut into groups, each group is scored by one question,
 * and the scores of the repeats are averaged. ceil(N / groupSize) * repeats questions.
 *
 * A document that an answer omits has the mean of its other scores; one that has none stays below those that have, in first-stage order.
 *
 * GroupRank (arXiv 2511.11653). Random groups are better than groups of neighbours in rank, which hide from each other how good they are.
 */
export function groupProgram(options: GroupOptions = {}): RerankProgram<GroupwiseQuestion, GroupwiseAnswer> {
  const { groupSize, repeats, asked, fusion, unreadable } = checkGroups(options)
  return function* (task, random) {
    const { hits } = task
    const board = new ScoreBoard(hits.length)
    const first = fusion && minMax(hits.map(({ score }) => score))
    const standing = () =>
      board.standing(fusion && ((mean, position) => fusion.groups * mean + fusion.firstStage * first![position]!))
    const rounds = Array.from({ length: repeats }, () => groupsOf(hits.length, groupSize, random))
    for (const groups of asked === "together" ? [rounds.flat()] : rounds) {
      const questions = groups.map((documents): GroupwiseQuestion => ({ documents }))
      const answers = yield { questions, standing }
      answers.forEach((answer, index) => {
        if (!answer) return
        const { documents } = questions[index]!
        const lost = unreadable === "zero" && answer.scores.every((score) => score === undefined)
        documents.forEach((document, at) => {
          const score = lost ? 0 : answer.scores[at]
          if (score !== undefined && Number.isFinite(score)) board.add(document, score)
        })
      })
    }
    return standing()
  }
}

/** Disjoint groups of a shuffle, as even as they can be: no document is to be alone because it came last. */
function groupsOf(count: number, size: number, random: Random): number[][] {
  const order = random.shuffle(Array.from({ length: count }, (_, position) => position))
  const groups = Math.ceil(count / size)
  return Array.from({ length: groups }, (_, group) =>
    order.slice(Math.floor((group * count) / groups), Math.floor(((group + 1) * count) / groups)),
  )
}

/** Scores in [0, 1]; equal ones become 1, those that are no numbers 0. */
function minMax(scores: readonly number[]): number[] {
  const known = scores.filter(Number.isFinite)
  const lowest = Math.min(...known)
  const range = Math.max(...known) - lowest
  return scores.map((score) => (Number.isFinite(score) ? (range > 0 ? (score - lowest) / range : 1) : 0))
}
