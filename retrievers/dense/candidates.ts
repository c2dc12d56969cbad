/** Makes an honest top k of an engine that can only be asked for its nearest. @module */
import type { RowHits } from "./engine.js"
import type { RowBits } from "./row-bits.js"
import type { RowIds } from "./row-ids.js"

/** Rows nearest first, with float32 scores. */
export interface Candidates {
  readonly rows: readonly number[]
  readonly scores: readonly number[]
}

/** Asked for beyond k, so that a tie at the cut is usually seen to its end at once. */
const BEYOND = 8

/**
 * The k best of what `nearest(count)` gives: hidden rows are dropped and more are asked for until k are left and the last one's score is not
 * shared by a row that was not seen, since the id decides among equals. `limit` is how many rows there are.
 */
export function collect(
  nearest: (count: number) => Candidates,
  limit: number,
  k: number,
  hidden: RowBits | undefined,
  ids: RowIds,
): RowHits {
  let count = Math.min(limit, k + BEYOND + Math.min(hidden?.count ?? 0, k + BEYOND))
  for (;;) {
    const found = count > 0 ? nearest(count) : { rows: [], scores: [] }
    const rows: number[] = []
    const scores: number[] = []
    found.rows.forEach((row, index) => {
      if (hidden?.has(row) || ids.idOf(row) === undefined) return
      rows.push(row)
      scores.push(found.scores[index]!)
    })
    const all = count >= limit || found.rows.length < count
    if (all || (rows.length > k && scores[rows.length - 1]! < scores[k - 1]!)) return bestOf(rows, scores, k, ids)
    count = Math.min(limit, 2 * count)
  }
}

/** The k best of rows with scores, best first, equal scores by id. */
function bestOf(rows: ArrayLike<number>, scores: ArrayLike<number>, k: number, ids: RowIds): RowHits {
  const { byRow } = ids.order()
  const places = Uint32Array.from({ length: rows.length }, (_, i) => i)
  places.sort((a, b) => scores[b]! - scores[a]! || byRow[rows[a]!]! - byRow[rows[b]!]!)
  const best = places.subarray(0, k)
  return { rows: best.map((i) => rows[i]!), scores: Float32Array.from(best, (i) => scores[i]!) }
}
