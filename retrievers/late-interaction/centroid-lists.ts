/** Which documents have a token near a centroid. @module */
import type { Turns } from "../dense/turns.js"
import type { TokenStore } from "./token-store.js"

/** The rows of centroid c are `rows` from `starts[c]` to `starts[c + 1]`, ascending, each once. */
export interface CentroidLists {
  readonly starts: Uint32Array
  readonly rows: Uint32Array
}

/** Made anew from the tokens' centroids: cheap beside what made those, and nothing to keep in step with deletions. */
export async function centroidLists(store: TokenStore, turns: Turns, signal?: AbortSignal): Promise<CentroidLists> {
  const k = store.codec.centroids!.count
  const living = store.ids.livingRows()
  const starts = new Uint32Array(k + 1)
  const seen = new Int32Array(k).fill(-1)
  const pass = async (visit: (centroid: number, row: number) => void) => {
    seen.fill(-1)
    for (const row of living) {
      const first = store.records[row] / 4
      const { u32 } = store.memory
      for (let at = first; at < first + store.counts[row]; at++) {
        const centroid = u32[at]
        if (seen[centroid] === row) continue
        seen[centroid] = row
        visit(centroid, row)
      }
      if (turns.due) await turns.take(signal)
    }
  }
  await pass((centroid) => {
    starts[centroid + 1]++
  })
  for (let c = 0; c < k; c++) starts[c + 1] += starts[c]
  const next = starts.slice()
  const rows = new Uint32Array(starts[k])
  await pass((centroid, row) => {
    rows[next[centroid]++] = row
  })
  return { starts, rows }
}
