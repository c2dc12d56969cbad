import type { RerankProgram } from "../../src/core/index.js"
import { RankineError } from "../../src/core/index.js"
import type { SelectAnswer, SelectQuestion } from "../program/questions.js"
import { dealGroups, type TourRankStage, tourRankStages } from "./tour-rank-stages.js"

export interface TourRankSettings {
  /** Tournaments, each with groups shuffled anew. Default 1; the paper's best row has 10. */
  readonly tournaments?: number
  /** Most documents that are shown at once. Default 20. */
  readonly groupSize?: number
  /** Stages to hold instead of those that `tourRankStages` finds for the length of the list. */
  readonly stages?: readonly TourRankStage[]
}

function checkStages(stages: readonly TourRankStage[]): void {
  stages.forEach(({ groups, keep }, at) => {
    if (!Number.isInteger(groups) || groups < 1 || !Number.isInteger(keep) || keep < 1)
      throw new RankineError("argument", `stage ${at + 1}: groups and keep must be whole numbers of at least 1`)
    if (at > 0 && keep >= stages[at - 1]!.keep)
      throw new RankineError("argument", `stage ${at + 1}: keep (${keep}) must be less than the stage before keeps`)
  })
}

/**
 * TourRank: several tournaments side by side. In each stage the documents that are left are dealt into groups by incoming rank, shuffled inside
 * a group, and the model chooses which go on; each choice is a point. Points of all tournaments are summed; equal points keep the incoming
 * order. A group that has no more documents than may go on passes whole, without points and without a question. Where a model chooses fewer
 * than asked, fewer go on. All groups of a stage, of all tournaments, are one round.
 *
 * Source: Chen et al., "TourRank", WWW 2025.
 * @throws RankineError `argument` for settings that make no sense
 */
export function tourRankProgram(settings: TourRankSettings = {}): RerankProgram<SelectQuestion, SelectAnswer> {
  const { tournaments = 1, groupSize = 20, stages } = settings
  if (!Number.isInteger(tournaments) || tournaments < 1)
    throw new RankineError("argument", `tournaments must be a whole number of at least 1, got ${tournaments}`)
  if (stages) checkStages(stages)
  else tourRankStages(0, groupSize)
  return function* (task, random) {
    const count = task.hits.length
    const points = new Array<number>(count).fill(0)
    const standing = () => {
      const order = points.map((_, position) => position).sort((left, right) => points[right]! - points[left]!)
      return { order, scores: order.map((position) => points[position]!) }
    }
    const left = Array.from({ length: tournaments }, () => points.map((_, position) => position))
    for (const stage of stages ?? tourRankStages(count, groupSize)) {
      const asked: { tournament: number; question: SelectQuestion }[] = []
      const going = left.map((documents, tournament) => {
        const passed = new Set<number>()
        for (const group of dealGroups(documents, stage)) {
          if (group.documents.length > group.count)
            asked.push({ tournament, question: { documents: random.shuffle(group.documents), count: group.count } })
          else for (const document of group.documents) passed.add(document)
        }
        return passed
      })
      if (asked.length === 0) continue
      const answers = yield { questions: asked.map(({ question }) => question), standing }
      asked.forEach(({ tournament, question }, at) => {
        for (const place of answers[at]?.selected ?? []) {
          const document = question.documents[place]!
          points[document]!++
          going[tournament]!.add(document)
        }
      })
      // In the incoming order again: the next stage deals by it.
      for (let at = 0; at < tournaments; at++) left[at] = [...going[at]!].sort((a, b) => a - b)
    }
    return standing()
  }
}
