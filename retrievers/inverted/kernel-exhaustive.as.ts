// Exhaustive scoring: every posting of every query term.

import { begin, CLAUSE, finish, isMasked, keyOf, leastSum, offer, radixSort } from "./kernel-keys.as"

/** Documents whose sums are kept at once: 256 KiB of float64 stay in the second-level cache. */
const CHUNK: u32 = 32768
/** Looking at a posting costs about as much as looking at this many documents in order. */
const RARE: u32 = 4

/** Adds the clause's impacts for documents below `end` to the sums, which begin at document `base`. */
function accumulate(clause: usize, sums: usize, base: u32, end: u32): void {
  const postings = <usize>load<u32>(clause)
  const count = load<u32>(clause, 4)
  const impacts = <usize>load<u32>(clause, 8)
  const weight = load<f64>(clause, 24)
  let i = load<u32>(clause, 20)
  let stop = count
  if (count > i && (load<u32>(postings + (<usize>(count - 1) << 2)) >> 8) >= end) {
    // The end of this chunk's postings, by binary search: the loops below then need no test per posting.
    let low = i
    let high = count
    while (low < high) {
      const middle = (low + high) >> 1
      if ((load<u32>(postings + (<usize>middle << 2)) >> 8) < end) low = middle + 1
      else high = middle
    }
    stop = low
  }
  const origin = sums - (<usize>base << 3)
  if (weight == 1.0) {
    for (; i + 4 <= stop; i += 4) {
      const p = postings + (<usize>i << 2)
      const w = impacts + (<usize>i << 2)
      const a0 = origin + ((<usize>load<u32>(p) >> 8) << 3)
      store<f64>(a0, load<f64>(a0) + <f64>load<f32>(w))
      const a1 = origin + ((<usize>load<u32>(p, 4) >> 8) << 3)
      store<f64>(a1, load<f64>(a1) + <f64>load<f32>(w, 4))
      const a2 = origin + ((<usize>load<u32>(p, 8) >> 8) << 3)
      store<f64>(a2, load<f64>(a2) + <f64>load<f32>(w, 8))
      const a3 = origin + ((<usize>load<u32>(p, 12) >> 8) << 3)
      store<f64>(a3, load<f64>(a3) + <f64>load<f32>(w, 12))
    }
  }
  for (; i < stop; i++) {
    const a = origin + ((<usize>load<u32>(postings + (<usize>i << 2)) >> 8) << 3)
    store<f64>(a, load<f64>(a) + weight * <f64>load<f32>(impacts + (<usize>i << 2)))
  }
  store<u32>(clause, stop, 20)
}

/** Offers every positive sum and clears the sums. `count` is a multiple of 8 with zeros behind the last document. */
function collect(sums: usize, base: u32, count: u32, mask: usize): void {
  const zero = f64x2.splat(0)
  let least = f64x2.splat(leastSum())
  for (let i: u32 = 0; i < count; i += 8) {
    const at = sums + (<usize>i << 3)
    const top = f64x2.pmax(
      f64x2.pmax(v128.load(at), v128.load(at, 16)),
      f64x2.pmax(v128.load(at, 32), v128.load(at, 48)),
    )
    if (v128.any_true(f64x2.gt(top, least))) {
      for (let j: u32 = 0; j < 8; j++) {
        const sum = load<f64>(at + (<usize>j << 3))
        if (sum > 0) offer(<f32>sum, base + i + j, mask)
      }
      least = f64x2.splat(leastSum())
    }
    v128.store(at, zero)
    v128.store(at, zero, 16)
    v128.store(at, zero, 32)
    v128.store(at, zero, 48)
  }
}

/** As `collect`, by going through the postings again: cheaper than a look at every document when the terms are rare. */
function gather(clauses: usize, clauseCount: u32, sums: usize, mask: usize): void {
  let least = leastSum()
  for (let c: u32 = 0; c < clauseCount; c++) {
    const clause = clauses + <usize>c * CLAUSE
    const postings = <usize>load<u32>(clause)
    const count = load<u32>(clause, 4)
    for (let i: u32 = 0; i < count; i++) {
      const doc = load<u32>(postings + (<usize>i << 2)) >> 8
      const at = sums + (<usize>doc << 3)
      const sum = load<f64>(at)
      store<f64>(at, 0)
      if (sum > 0 && sum >= least) {
        offer(<f32>sum, doc, mask)
        least = leastSum()
      }
    }
  }
}

/**
 * Scores every document that holds a query term; returns how many results lie in `out` as sorted keys, best first.
 * `sums` must hold min(CHUNK, documents rounded up to 8) zeros, and holds them again afterwards. `out` and `spare` have room for `room` keys,
 * at least k + 1; `histogram` for 256 words.
 */
export function exhaustive(
  clauses: usize, clauseCount: u32, documents: u32, sums: usize, mask: usize, out: usize, spare: usize, room: u32,
  histogram: usize, k: u32, floor: f32,
): u32 {
  begin(out, room, k, floor)
  let postings: u32 = 0
  for (let c: u32 = 0; c < clauseCount; c++) {
    const clause = clauses + <usize>c * CLAUSE
    store<u32>(clause, 0, 20)
    postings += load<u32>(clause, 4)
  }
  for (let base: u32 = 0; base < documents; base += CHUNK) {
    const end = min(base + CHUNK, documents)
    for (let c: u32 = 0; c < clauseCount; c++) accumulate(clauses + <usize>c * CLAUSE, sums, base, end)
    if (documents <= CHUNK && postings < documents / RARE) gather(clauses, clauseCount, sums, mask)
    else collect(sums, base, (end - base + 7) & ~7, mask)
  }
  return finish(spare, histogram)
}

// ---- exhaustive scoring for a large part of a small collection: one counting pass and one radix sort ----

const BUCKETS: u32 = 2048

/**
 * As `exhaustive`, for a k of the order of the collection's size and at most CHUNK documents.
 * `out` and `spare` have room for CHUNK keys each, `histogram` for 2048 words. Results lie in `out`.
 */
export function exhaustiveMany(
  clauses: usize, clauseCount: u32, documents: u32, sums: usize, mask: usize, out: usize, spare: usize, histogram: usize, k: u32,
): u32 {
  for (let c: u32 = 0; c < clauseCount; c++) {
    store<u32>(clauses + <usize>c * CLAUSE, 0, 20)
    accumulate(clauses + <usize>c * CLAUSE, sums, 0, documents)
  }
  const padded = (documents + 3) & ~3
  let top = f64x2.splat(0)
  for (let i: u32 = 0; i < padded; i += 4) {
    const at = sums + (<usize>i << 3)
    top = f64x2.pmax(top, f64x2.pmax(v128.load(at), v128.load(at, 16)))
  }
  const best = max(f64x2.extract_lane(top, 0), f64x2.extract_lane(top, 1))
  if (best <= 0) return 0
  // Buckets of equal width: the k-th best lies in one of them, and only what is in it or above is sorted.
  memory.fill(histogram, 0, <usize>BUCKETS << 2)
  const scale = <f64>(BUCKETS - 2) / best
  for (let i: u32 = 0; i < padded; i++) {
    const bucket = histogram + (<usize>(<u32>(load<f64>(sums + (<usize>i << 3)) * scale)) << 2)
    store<u32>(bucket, load<u32>(bucket) + 1)
  }
  let threshold: u32 = BUCKETS - 1
  let above: u32 = 0
  // Masked documents may fill the upper buckets: they are not counted on, so take all when there is a mask.
  if (mask != 0) threshold = 0
  else
    while (threshold > 0) {
      above += load<u32>(histogram + (<usize>threshold << 2))
      if (above >= k) break
      threshold--
    }
  // One bucket lower, because sums of neighbouring buckets may round to the same float32.
  if (threshold > 0) threshold--
  const least = <f64>threshold / scale
  const zero = f64x2.splat(0)
  let count: u32 = 0
  for (let i: u32 = 0; i < padded; i += 2) {
    const at = sums + (<usize>i << 3)
    const pair = v128.load(at)
    v128.store(at, zero)
    const first = f64x2.extract_lane(pair, 0)
    if (first > 0 && first >= least && !isMasked(mask, i)) {
      store<u64>(out + (<usize>count << 3), keyOf(<f32>first, i))
      count++
    }
    const second = f64x2.extract_lane(pair, 1)
    if (second > 0 && second >= least && !isMasked(mask, i + 1)) {
      store<u64>(out + (<usize>count << 3), keyOf(<f32>second, i + 1))
      count++
    }
  }
  // Keys come in document order and the sort is stable: only the scores need passes.
  radixSort(out, spare, histogram, count, 32)
  return min(count, k)
}
