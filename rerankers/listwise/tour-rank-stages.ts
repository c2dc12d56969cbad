import { RankineError } from "../../src/core/index.js"

/** One stage of a tournament: so many groups, of which so many documents in all go on. */
export interface TourRankStage {
  readonly groups: number
  readonly keep: number
}

/**
 * How many stay after each stage: 50, 20, 10, 5, 2 of a hundred, as in the paper. Longer lists are halved first: 100, 200, 400...
 * Shorter ones begin at the first number that is smaller than they are.
 */
function ladder(count: number): number[] {
  const rungs = [2, 5, 10, 20, 50]
  for (let rung = 100; rung < count; rung *= 2) rungs.push(rung)
  const below = rungs.filter((rung) => rung < count).reverse()
  return below.length > 0 || count < 2 ? below : [1]
}

/**
 * Groups for a stage: the fewest that hold at most `groupSize` documents each and share both the documents and the places evenly (five
 * groups of ten choose four each for 50 to 20), looked for up to twice the fewest possible; where there are none, the fewest possible,
 * whose sizes and choices then differ by one.
 */
function groupsOf(count: number, keep: number, groupSize: number): number {
  const fewest = Math.ceil(count / groupSize)
  for (let groups = fewest; groups <= 2 * fewest; groups++)
    if (count % groups === 0 && keep % groups === 0) return groups
  return fewest
}

/**
 * The stages of a tournament of `count` documents. A hundred give the paper's: 100 to 50 in five groups of twenty, 50 to 20 in five groups
 * of ten, 20 to 10, 10 to 5, 5 to 2.
 *
 * @throws RankineError `argument` for a group size below 2
 */
export function tourRankStages(count: number, groupSize = 20): TourRankStage[] {
  if (!Number.isInteger(groupSize) || groupSize < 2)
    throw new RankineError("argument", `groupSize must be a whole number of at least 2, got ${groupSize}`)
  let remaining = count
  return ladder(count).map((keep) => {
    const stage = { groups: groupsOf(remaining, keep, groupSize), keep }
    remaining = keep
    return stage
  })
}

/** Documents dealt out one by one in the order given, so that every group has its share of the good ones; and how many of each go on. */
export function dealGroups(
  documents: readonly number[],
  { groups, keep }: TourRankStage,
): { documents: number[]; count: number }[] {
  const dealt = Array.from({ length: Math.min(groups, documents.length) }, (_, group) => ({
    documents: documents.filter((_, place) => place % groups === group),
    count: Math.ceil((keep - group) / groups),
  }))
  return dealt.filter(({ count }) => count > 0)
}
