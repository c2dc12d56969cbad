import type { FusionInput, FusionMethod } from "../method.js"
import { borda } from "./borda.js"

/**
 * Condorcet fusion: documents sorted by majority vote, each list voting (with its weight) for the document it ranks higher;
 * a list that holds neither abstains. The score is the number of documents from this place on.
 * Montague and Aslam, "Condorcet fusion for improved retrieval", CIKM 2002.
 *
 * Majorities can be cyclic, so the order depends on the sorting procedure. Here it is a merge sort that starts from the Borda order
 * (equal Borda counts by id) and moves a document up only on a strict majority. No document is strictly preferred to the one right above it.
 */
export const condorcet: FusionMethod = {
  name: "condorcet",
  input: "ranks",
  weighted: true,
  parameters: [],
  normalised: false,
  scale: "ordinal",
  combine(input) {
    const points = borda.combine(input).scores
    const start = input.byId().toSorted((left, right) => points[right]! - points[left]!)
    const scores = new Float64Array(input.count)
    mergeSort(start, (left, right) => margin(input, left, right) >= 0).forEach((document, place) => {
      scores[document] = input.count - place
    })
    return { scores }
  },
}

/** Weighted votes for `left` less those for `right`. */
function margin({ columns, weights }: FusionInput, left: number, right: number): number {
  let votes = 0
  for (let list = 0; list < columns.length; list++) {
    const ranks = columns[list]!.ranks
    const a = ranks[left] || Number.POSITIVE_INFINITY
    const b = ranks[right] || Number.POSITIVE_INFINITY
    if (a < b) votes += weights[list]!
    else if (b < a) votes -= weights[list]!
  }
  return votes
}

/**
 * Our own, because the relation is not transitive: what Array.prototype.sort makes of such a comparison is unspecified,
 * while merging compares each pair that ends up adjacent.
 */
function mergeSort(items: Int32Array, keeps: (left: number, right: number) => boolean): Int32Array {
  if (items.length < 2) return items
  const middle = items.length >> 1
  const left = mergeSort(items.subarray(0, middle), keeps)
  const right = mergeSort(items.subarray(middle), keeps)
  const merged = new Int32Array(items.length)
  let l = 0
  let r = 0
  for (let i = 0; i < merged.length; i++) {
    const takeLeft = r === right.length || (l < left.length && keeps(left[l]!, right[r]!))
    merged[i] = takeLeft ? left[l++]! : right[r++]!
  }
  return merged
}
