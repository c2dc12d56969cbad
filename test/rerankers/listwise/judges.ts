/** Answers by a hidden order, or by chance, in place of a model. */

import type {
  ListwiseAnswer,
  ListwiseQuestion,
  SelectAnswer,
  SelectQuestion,
} from "../../../rerankers/program/index.js"
import type { Random, RerankTask } from "../../../src/core/index.js"

export function taskOf(count: number): RerankTask {
  const hits = Array.from({ length: count }, (_, at) => ({
    id: `d${at}`,
    score: count - at,
    document: { id: `d${at}`, text: `text ${at}` },
  }))
  return { query: { id: "q", text: "owls" }, hits }
}

export function placesOf(documents: readonly number[]): number[] {
  return documents.map((_, place) => place)
}

/** `ranks[position]` is the true rank of a document. */
export function perfect(ranks: readonly number[]) {
  const sorted = (documents: readonly number[]) =>
    placesOf(documents).sort((a, b) => ranks[documents[a]!]! - ranks[documents[b]!]!)
  return {
    order: ({ documents }: ListwiseQuestion): ListwiseAnswer => ({ order: sorted(documents) }),
    select: ({ documents, count }: SelectQuestion): SelectAnswer => ({ selected: sorted(documents).slice(0, count) }),
  }
}

/** Any valid answer, or none at all. */
export function byChance(random: Random) {
  return {
    order: ({ documents }: ListwiseQuestion): ListwiseAnswer | undefined =>
      random.integer(5) === 0 ? undefined : { order: random.shuffle(placesOf(documents)) },
    select: ({ documents, count }: SelectQuestion): SelectAnswer | undefined =>
      random.integer(5) === 0
        ? undefined
        : { selected: random.shuffle(placesOf(documents)).slice(0, random.integer(count + 1)) },
  }
}

/** The documents by true rank. */
export function trueOrder(ranks: readonly number[]): number[] {
  return ranks.map((_, position) => position).sort((a, b) => ranks[a]! - ranks[b]!)
}
