/**
 * The best documents for a query: candidates from the centroids near its tokens, thinned out by the centroids' scores alone, then MaxSim over
 * the vectors themselves. Santhanam et al., "PLAID", CIKM 2022.
 * @module
 */
import type { RowBits } from "../dense/row-bits.js"
import type { Turns } from "../dense/turns.js"
import type { CentroidLists } from "./centroid-lists.js"
import type { ResolvedSearch } from "./options.js"
import type { TokenStore } from "./token-store.js"

export interface TokenHit {
  readonly row: number
  readonly score: number
  /** The largest product of each of the query's tokens, where it was asked for. */
  readonly best?: Float32Array
}

export interface TokenQuery {
  /** [tokens, dimension], at least one token. */
  readonly rows: Float32Array
  readonly k: number
  readonly search: ResolvedSearch
  /** Rows that must not be returned. */
  readonly hidden: RowBits | undefined
  readonly parts: boolean
  readonly signal: AbortSignal | undefined
}

/** One search at a time over a store: it works in regions of the store's memory. */
export async function searchTokens(
  store: TokenStore,
  lists: CentroidLists | undefined,
  query: TokenQuery,
  turns: Turns,
): Promise<TokenHit[]> {
  const { codec, memory } = store
  const { dimension } = codec.parts
  const count = query.rows.length / dimension
  // Padded with rows of zeros, which the sums over centroids are taken together with.
  const width = Math.ceil(count / 4) * 4
  const address = memory.region("query", width * codec.stride)
  memory.u8.fill(0, address, address + width * codec.stride)
  memory.putRows(address, query.rows, dimension, codec.stride)
  const wanted = Math.max(query.search.candidates, query.k)
  let rows: Uint32Array = visibleRows(store, query.hidden)
  if (lists && query.search.strategy === "pruned" && rows.length > wanted)
    rows = await candidates(store, lists, query, { address, count, width, wanted, visible: rows }, turns)

  const best = memory.region("best", (width + 1) * 4)
  const maxSim = (row: number): number => {
    const tokens = codec.rowsOf(store.records[row], store.counts[row])
    return memory.kernel.maxsim(address, count, codec.stride, tokens, store.counts[row], best)
  }
  const scores = new Float64Array(rows.length)
  for (let i = 0; i < rows.length; i++) {
    scores[i] = maxSim(rows[i])
    if (turns.due) await turns.take(query.signal)
  }
  const { byRow } = store.ids.order()
  // A document that was deleted meanwhile has no place in the order of ids, and no id.
  return largest(rows, scores, query.k, (row) => byRow[row] ?? 0xffffffff).map(({ row, score }) => {
    if (!query.parts) return { row, score }
    maxSim(row)
    return { row, score, best: memory.f32.slice(best / 4, best / 4 + count) }
  })
}

function visibleRows(store: TokenStore, hidden: RowBits | undefined): Uint32Array {
  const rows: number[] = []
  for (let row = 0; row < store.ids.rowCount; row++)
    if (store.ids.idOf(row) !== undefined && store.counts[row] > 0 && !hidden?.has(row)) rows.push(row)
  return Uint32Array.from(rows)
}

interface Prepared {
  /** Of the query's rows. */
  readonly address: number
  readonly count: number
  readonly width: number
  /** Documents to score exactly. */
  readonly wanted: number
  /** All that may be returned, as it was when the search began. */
  readonly visible: Uint32Array
}

async function candidates(
  store: TokenStore,
  lists: CentroidLists,
  query: TokenQuery,
  { address, count, width, wanted, visible }: Prepared,
  turns: Turns,
): Promise<Uint32Array> {
  const { memory, codec } = store
  const centroids = codec.centroids!
  const k = centroids.count
  const scores = memory.region("centroid scores", k * width * 4)
  memory.kernel.centroidScores(address, width, codec.stride, centroids.address, k, scores)
  // Probing goes on until there are as many documents as are to be returned: a filter leaves few in each list.
  const enough = Math.min(query.k, visible.length)
  const allowed = new Uint8Array(store.ids.rowCount)
  for (const row of visible) allowed[row] = 1
  let rows: Uint32Array
  for (let probes = Math.min(k, query.search.probes); ; probes = Math.min(k, 2 * probes)) {
    const table = memory.f32.subarray(scores / 4, scores / 4 + k * width)
    rows = rowsOf(lists, probed(table, k, count, width, probes), allowed)
    if (rows.length >= enough || probes === k) break
    if (turns.due) await turns.take(query.signal)
  }
  const best = memory.region("interaction", width * 4)
  const narrow = async (given: Uint32Array, keep: number, kept: number): Promise<Uint32Array> => {
    if (given.length <= keep) return given
    const approximate = new Float64Array(given.length)
    for (let i = 0; i < given.length; i++) {
      const row = given[i]
      approximate[i] = memory.kernel.interaction(store.records[row], store.counts[row], scores, width, kept, best)
      if (turns.due) await turns.take(query.signal)
    }
    return Uint32Array.from(
      largest(given, approximate, keep, (row) => row),
      ({ row }) => row,
    )
  }
  const { threshold } = query.search
  if (threshold !== undefined && rows.length > 4 * wanted) {
    const kept = memory.region("kept", k)
    for (let c = 0; c < k; c++) {
      const at = scores / 4 + c * width
      memory.u8[kept + c] = memory.f32.subarray(at, at + count).some((score) => score >= threshold) ? 1 : 0
    }
    rows = await narrow(rows, 4 * wanted, kept)
  }
  return narrow(rows, wanted, 0)
}

/** The centroids that are among the `probes` best of one of the query's tokens. */
function probed(scores: Float32Array, k: number, count: number, width: number, probes: number): Uint32Array {
  const chosen = new Set<number>()
  const column = new Float32Array(k)
  for (let q = 0; q < count; q++) {
    for (let c = 0; c < k; c++) column[c] = scores[c * width + q]
    const floor = column.slice().sort()[k - probes]
    let room = probes
    for (let c = 0; c < k; c++) if (column[c] > floor) room--
    for (let c = 0; c < k; c++) if (column[c] > floor || (column[c] === floor && room-- > 0)) chosen.add(c)
  }
  return Uint32Array.from(chosen)
}

function rowsOf(lists: CentroidLists, chosen: Uint32Array, allowed: Uint8Array): Uint32Array {
  const found = new Uint8Array(allowed.length)
  for (const centroid of chosen)
    for (let at = lists.starts[centroid]; at < lists.starts[centroid + 1]; at++) found[lists.rows[at]] = 1
  const rows: number[] = []
  for (let row = 0; row < found.length; row++) if (found[row] && allowed[row]) rows.push(row)
  return Uint32Array.from(rows)
}

/** The n rows of the largest scores, best first; of equal scores the one that comes first in the order. */
function largest(
  rows: Uint32Array,
  scores: Float64Array,
  n: number,
  order: (row: number) => number,
): { row: number; score: number }[] {
  const floor = scores.length > n ? scores.slice().sort()[scores.length - n] : Number.NEGATIVE_INFINITY
  const found: { row: number; score: number }[] = []
  for (let i = 0; i < rows.length; i++) if (scores[i] >= floor) found.push({ row: rows[i], score: scores[i] })
  return found.sort((a, b) => b.score - a.score || order(a.row) - order(b.row)).slice(0, n)
}
