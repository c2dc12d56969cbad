/** Medians, spreads, and the one nDCG by which every engine is judged. @module */

/** Median with minimum and maximum, or undefined for no values. */
export function spread(values) {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, minimum: sorted[0], maximum: sorted.at(-1) }
}

/** Ratios of two engines round by round: rounds that lie side by side in time share the machine's drift. */
export function ratios(ours, theirs) {
  const rounds = Math.min(ours.length, theirs.length)
  return spread(Array.from({ length: rounds }, (_, i) => ours[i] / theirs[i]))
}

const discounted = (grades) => grades.reduce((sum, grade, rank) => sum + grade / Math.log2(rank + 2), 0)

/**
 * Mean nDCG at `depth` over all judged queries (trec_eval's: gain is the grade, an unanswered query counts 0).
 * A document with the id of its query is left out, as BEIR does.
 */
export function meanNdcg(rankings, qrels, depth = 10) {
  let sum = 0
  for (const [query, judged] of qrels) {
    const hits = (rankings.get(query) ?? []).filter((id) => id !== query).slice(0, depth)
    const ideal = discounted([...judged.values()].sort((left, right) => right - left).slice(0, depth))
    if (ideal > 0) sum += discounted(hits.map((id) => Math.max(0, judged.get(id) ?? 0))) / ideal
  }
  return sum / qrels.size
}

/** Mean share of the first `depth` documents that two engines have in common, over the queries that both answered. */
export function meanOverlap(left, right, depth = 10) {
  let sum = 0
  let queries = 0
  for (const [query, ids] of left) {
    const first = ids.slice(0, depth)
    const other = new Set((right.get(query) ?? []).slice(0, depth))
    const longest = Math.max(first.length, other.size)
    if (longest === 0) continue
    sum += first.filter((id) => other.has(id)).length / longest
    queries++
  }
  return queries === 0 ? undefined : sum / queries
}
