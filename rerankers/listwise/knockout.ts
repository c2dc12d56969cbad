import type { RerankProgram } from "../../src/core/index.js"
import { RankineError } from "../../src/core/index.js"
import type { ListwiseAnswer, ListwiseQuestion } from "../program/questions.js"

export interface KnockoutSettings {
  /** Documents that are shown at once. Default 5. */
  readonly groupSize?: number
  /** How many of a group go on. Default 2; 1 asks less. */
  readonly keep?: number
  /** How many of the best are to be found; the others keep their incoming order below. Default 10. */
  readonly top?: number
}

function chunks(documents: readonly number[], size: number): number[][] {
  const result: number[][] = []
  for (let start = 0; start < documents.length; start += size) result.push(documents.slice(start, start + size))
  return result
}

/**
 * The tournament of ListT5: groups of five, of which the best two go on, until one is left; it is taken out, and the tournament repeats without
 * it. Answers are kept for each set of documents, and the first groups stay as they are when a winner leaves, so that a repetition asks only
 * along the winner's way. Groups of one level that are not known yet are one round. Groups of no more than `keep` documents pass unasked.
 *
 * Source: Yoon et al., "ListT5: listwise reranking with fusion-in-decoder", ACL 2024.
 * @throws RankineError `argument` for settings that make no sense
 */
export function knockout(settings: KnockoutSettings = {}): RerankProgram<ListwiseQuestion, ListwiseAnswer> {
  const { groupSize = 5, keep = 2, top = 10 } = settings
  if (!Number.isInteger(groupSize) || groupSize < 2)
    throw new RankineError("argument", `groupSize must be a whole number of at least 2, got ${groupSize}`)
  if (!Number.isInteger(keep) || keep < 1 || keep >= groupSize)
    throw new RankineError("argument", `keep must be a whole number from 1 to ${groupSize - 1}, got ${keep}`)
  if (!Number.isInteger(top) || top < 1)
    throw new RankineError("argument", `top must be a whole number of at least 1, got ${top}`)
  return function* (task) {
    const winners: number[] = []
    const known = new Map<string, readonly number[]>()
    const keyOf = (group: readonly number[]) => [...group].sort((a, b) => a - b).join()
    const standing = () => {
      const won = new Set(winners)
      return {
        order: [...winners, ...task.hits.map((_, position) => position).filter((position) => !won.has(position))],
      }
    }
    let leaves = chunks([...task.hits.keys()], groupSize)
    while (winners.length < Math.min(top, task.hits.length)) {
      let groups = leaves
      for (;;) {
        // Two are one too many only where one is to be the winner.
        const last = groups.length === 1
        const asked = groups.filter((group) => group.length > (last ? 1 : keep) && !known.has(keyOf(group)))
        if (asked.length > 0) {
          const answers = yield { questions: asked.map((documents) => ({ documents })), standing }
          asked.forEach((documents, at) => {
            const order = answers[at]?.order ?? [...documents.keys()]
            known.set(
              keyOf(documents),
              order.map((place) => documents[place]!),
            )
          })
        }
        const ordered = groups.map((group) => known.get(keyOf(group)) ?? group)
        if (last) {
          winners.push(ordered[0]![0]!)
          break
        }
        groups = chunks(
          ordered.flatMap((group) => group.slice(0, keep)),
          groupSize,
        )
      }
      const winner = winners.at(-1)
      leaves = leaves.map((leaf) => leaf.filter((position) => position !== winner)).filter((leaf) => leaf.length > 0)
    }
    return standing()
  }
}
