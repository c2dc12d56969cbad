// The inner loops of BM25 search, compiled to WebAssembly by AssemblyScript (scripts/build.mjs).
//
// All addresses are byte offsets into the segment's memory. A posting is one word: document << 8 | term frequency;
// its impact (the score it adds) is a float32 at the same position of a second array. Sums are made in float64 and
// rounded to float32 once, as Lucene does, so that equal scores here are equal scores there.
//
// A clause is one query term in one field:
//   +0 postings  +4 count  +8 impacts  +12 row (0: none)  +16 offsets  +20 cursor (scratch)  +24 f64 weight  +32 f64 bound
// A row holds, for each block of BLOCK documents, the largest impact in it as ceil(255 * impact / largest impact of the term);
// offsets hold, for each group of GROUP documents, the position of the first posting at or after it.

const CLAUSE: usize = 40
const BLOCK_SHIFT: u32 = 4
const BLOCK: u32 = 1 << BLOCK_SHIFT
const GROUP_SHIFT: u32 = 6
/** Documents whose sums are kept at once: 256 KiB of float64 stay in the second-level cache. */
const CHUNK: u32 = 32768
/** The sum of all bounds in units of a block's bound, which is an unsigned 16-bit number with room for rounding. */
const SCALE_TOTAL: f64 = 32000

// ---- the k best, as a binary heap of 64-bit keys: float32 bits of the score above, inverted document below ----
// Among positive floats the order of the bits is the order of the numbers; of equal scores the smaller document is better.

let heap: usize = 0
let capacity: u32 = 0
let size: u32 = 0
let floorKey: u64 = 0

// @ts-ignore: decorator
@inline
function keyOf(score: f32, doc: u32): u64 {
  return ((<u64>reinterpret<u32>(score)) << 32) | <u64>(~doc)
}

function push(key: u64): void {
  if (size < capacity) {
    let child = size++
    while (child > 0) {
      const parent = (child - 1) >> 1
      const above = load<u64>(heap + (<usize>parent << 3))
      if (above <= key) break
      store<u64>(heap + (<usize>child << 3), above)
      child = parent
    }
    store<u64>(heap + (<usize>child << 3), key)
    if (size == capacity) {
      const least = load<u64>(heap)
      if (least > floorKey) floorKey = least
    }
    return
  }
  if (key <= load<u64>(heap)) return
  siftDown(key, size)
  const least = load<u64>(heap)
  if (least > floorKey) floorKey = least
}

/** Puts the key in the root's place of a heap of n. */
function siftDown(key: u64, n: u32): void {
  let hole: u32 = 0
  for (;;) {
    let child = (hole << 1) + 1
    if (child >= n) break
    let least = load<u64>(heap + (<usize>child << 3))
    if (child + 1 < n) {
      const right = load<u64>(heap + (<usize>(child + 1) << 3))
      if (right < least) {
        least = right
        child++
      }
    }
    if (key <= least) break
    store<u64>(heap + (<usize>hole << 3), least)
    hole = child
  }
  store<u64>(heap + (<usize>hole << 3), key)
}

/** Sorts the heap, best first. */
function drain(): void {
  let n = size
  while (n > 1) {
    const least = load<u64>(heap)
    n--
    const last = load<u64>(heap + (<usize>n << 3))
    siftDown(last, n)
    store<u64>(heap + (<usize>n << 3), least)
  }
}

// @ts-ignore: decorator
@inline
function isMasked(mask: usize, doc: u32): bool {
  return mask != 0 && ((load<u8>(mask + (doc >> 3)) >> <u8>(doc & 7)) & 1) != 0
}

// @ts-ignore: decorator
@inline
function offer(score: f32, doc: u32, mask: usize): void {
  const key = keyOf(score, doc)
  if (key > floorKey && !isMasked(mask, doc)) push(key)
}

// ---- exhaustive scoring ----

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

/** Offers every positive sum to the heap and clears the sums. `count` is a multiple of 4 with zeros behind the last document. */
function collect(sums: usize, base: u32, count: u32, mask: usize): void {
  const zero = f64x2.splat(0)
  for (let i: u32 = 0; i < count; i += 4) {
    const at = sums + (<usize>i << 3)
    const a = v128.load(at)
    const b = v128.load(at, 16)
    // The least score that can still enter: compared as float64, a sum just below it may round up to it.
    const least = f64x2.splat(<f64>reinterpret<f32>(<u32>(floorKey >> 32)) * (1.0 - 1e-7))
    const any = v128.or(f64x2.gt(a, least), f64x2.gt(b, least))
    if (v128.any_true(any)) {
      for (let j: u32 = 0; j < 4; j++) {
        const sum = load<f64>(at + (<usize>j << 3))
        if (sum > 0) offer(<f32>sum, base + i + j, mask)
      }
    }
    v128.store(at, zero)
    v128.store(at, zero, 16)
  }
}

/**
 * Scores every document that holds a query term; returns how many results lie in `out` as sorted keys, best first.
 * `sums` must hold min(CHUNK, documents rounded up to 4) zeros, and holds them again afterwards.
 */
export function exhaustive(
  clauses: usize, clauseCount: u32, documents: u32, sums: usize, mask: usize, out: usize, k: u32, floor: f32,
): u32 {
  heap = out
  capacity = k
  size = 0
  // Below every key with the floor's score: equal scores still compete, by document.
  floorKey = (<u64>reinterpret<u32>(floor)) << 32
  for (let c: u32 = 0; c < clauseCount; c++) store<u32>(clauses + <usize>c * CLAUSE, 0, 20)
  for (let base: u32 = 0; base < documents; base += CHUNK) {
    const end = min(base + CHUNK, documents)
    for (let c: u32 = 0; c < clauseCount; c++) accumulate(clauses + <usize>c * CLAUSE, sums, base, end)
    collect(sums, base, (end - base + 3) & ~3, mask)
  }
  drain()
  return size
}

// ---- exhaustive scoring for a large k: no heap, one counting pass and one radix sort ----

const BUCKETS: u32 = 2048

/**
 * As `exhaustive`, for a k that a heap would be slow with; for at most CHUNK documents.
 * `keys` and `spare` have room for CHUNK keys each, `histogram` for 2048 words. Results lie in `keys`.
 */
export function exhaustiveMany(
  clauses: usize, clauseCount: u32, documents: u32, sums: usize, mask: usize, keys: usize, spare: usize, histogram: usize, k: u32,
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
      store<u64>(keys + (<usize>count << 3), keyOf(<f32>first, i))
      count++
    }
    const second = f64x2.extract_lane(pair, 1)
    if (second > 0 && second >= least && !isMasked(mask, i + 1)) {
      store<u64>(keys + (<usize>count << 3), keyOf(<f32>second, i + 1))
      count++
    }
  }
  radixSort(keys, spare, histogram, count)
  return min(count, k)
}

/** Sorts keys by score descending; the sort is stable and the keys come in document order, so the lower halves need no pass. */
function radixSort(keys: usize, spare: usize, histogram: usize, count: u32): void {
  let from = keys
  let to = spare
  for (let shift: u64 = 32; shift < 64; shift += 8) {
    memory.fill(histogram, 0, 1024)
    for (let i: u32 = 0; i < count; i++) {
      const digit = histogram + (<usize>(<u32>(load<u64>(from + (<usize>i << 3)) >> shift) & 255) << 2)
      store<u32>(digit, load<u32>(digit) + 1)
    }
    let start: u32 = 0
    for (let digit: i32 = 255; digit >= 0; digit--) {
      const at = histogram + (<usize>digit << 2)
      const n = load<u32>(at)
      store<u32>(at, start)
      start += n
    }
    for (let i: u32 = 0; i < count; i++) {
      const key = load<u64>(from + (<usize>i << 3))
      const digit = histogram + (<usize>(<u32>(key >> shift) & 255) << 2)
      const place = load<u32>(digit)
      store<u32>(digit, place + 1)
      store<u64>(to + (<usize>place << 3), key)
    }
    const swap = from
    from = to
    to = swap
  }
}

// ---- block-max pruning: bounds for all blocks first, then only the blocks that can hold one of the k best ----
// After Mallia, Suel and Tonellotto, "Faster learned sparse retrieval with block-max pruning", SIGIR 2024.

/** Adds a row, scaled, to the bounds of all blocks; `blocks` is a multiple of 16. */
function addRow(row: usize, bounds: usize, blocks: u32, weight: i16): void {
  const w = i16x8.splat(weight)
  for (let b: u32 = 0; b < blocks; b += 16) {
    const bytes = v128.load(row + b)
    const at = bounds + (<usize>b << 1)
    const low = i16x8.shl(i16x8.extend_low_i8x16_u(bytes), 7)
    const high = i16x8.shl(i16x8.extend_high_i8x16_u(bytes), 7)
    v128.store(at, i16x8.add(v128.load(at), i16x8.q15mulr_sat_s(low, w)))
    v128.store(at, i16x8.add(v128.load(at, 16), i16x8.q15mulr_sat_s(high, w)), 16)
  }
}

/** Adds to each block's bound the largest impact of the clause in it. */
function addPostings(clause: usize, bounds: usize, scale: f64): void {
  const postings = <usize>load<u32>(clause)
  const count = load<u32>(clause, 4)
  const impacts = <usize>load<u32>(clause, 8)
  const factor = <f32>(scale * load<f64>(clause, 24))
  let block: u32 = 0xffffffff
  let before: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const at = load<u32>(postings + (<usize>i << 2)) >> (8 + BLOCK_SHIFT)
    // Rounded up by one whole unit; float32 rounding is far below that.
    const units = <u32>(load<f32>(impacts + (<usize>i << 2)) * factor) + 1
    const bound = bounds + (<usize>at << 1)
    if (at != block) {
      block = at
      before = units
      store<u16>(bound, <u16>(<u32>load<u16>(bound) + units))
    } else if (units > before) {
      store<u16>(bound, <u16>(<u32>load<u16>(bound) + units - before))
      before = units
    }
  }
}

/** Scores the documents of one block exactly and offers them to the heap. Blocks must come in ascending order between resets of the cursors. */
function scoreBlock(clauses: usize, clauseCount: u32, block: u32, sums: usize, mask: usize): void {
  const start = block << BLOCK_SHIFT
  const end = start + BLOCK
  const origin = sums - (<usize>start << 3)
  for (let c: u32 = 0; c < clauseCount; c++) {
    const clause = clauses + <usize>c * CLAUSE
    const postings = <usize>load<u32>(clause)
    const count = load<u32>(clause, 4)
    const row = <usize>load<u32>(clause, 12)
    let i: u32
    if (row != 0) {
      if (load<u8>(row + block) == 0) continue
      i = load<u32>(<usize>load<u32>(clause, 16) + (<usize>(start >> GROUP_SHIFT) << 2))
      while (i < count && (load<u32>(postings + (<usize>i << 2)) >> 8) < start) i++
    } else {
      i = load<u32>(clause, 20)
      if (i < count && (load<u32>(postings + (<usize>i << 2)) >> 8) < start) {
        let step: u32 = 1
        while (i + step < count && (load<u32>(postings + (<usize>(i + step) << 2)) >> 8) < start) {
          i += step
          step <<= 1
        }
        // The place is in (i, i + step].
        let low = i + 1
        let high = min(i + step, count)
        while (low < high) {
          const middle = (low + high) >> 1
          if ((load<u32>(postings + (<usize>middle << 2)) >> 8) < start) low = middle + 1
          else high = middle
        }
        i = low
      }
      store<u32>(clause, i, 20)
    }
    const impacts = <usize>load<u32>(clause, 8)
    const weight = load<f64>(clause, 24)
    for (; i < count; i++) {
      const doc = load<u32>(postings + (<usize>i << 2)) >> 8
      if (doc >= end) break
      const a = origin + (<usize>doc << 3)
      store<f64>(a, load<f64>(a) + weight * <f64>load<f32>(impacts + (<usize>i << 2)))
    }
  }
  for (let j: u32 = 0; j < BLOCK; j++) {
    const at = sums + (<usize>j << 3)
    const sum = load<f64>(at)
    if (sum > 0) {
      store<f64>(at, 0)
      offer(<f32>sum, start + j, mask)
    }
  }
}

// @ts-ignore: decorator
@inline
function boundOfFloor(scale: f64, slack: i32): i32 {
  return <i32>(<f64>reinterpret<f32>(<u32>(floorKey >> 32)) * scale) - slack
}

/** Scores the blocks whose bound is at least `least` and can still reach the heap; the bounds of scored blocks become 0. */
function pass(
  clauses: usize, clauseCount: u32, bounds: usize, blocks: u32, least: i32, scale: f64, slack: i32, sums: usize, mask: usize,
): void {
  for (let c: u32 = 0; c < clauseCount; c++) store<u32>(clauses + <usize>c * CLAUSE, 0, 20)
  let limit = max(max(least, boundOfFloor(scale, slack)), 1)
  let limits = i16x8.splat(<i16>limit)
  for (let b: u32 = 0; b < blocks; b += 16) {
    const at = bounds + (<usize>b << 1)
    const low = i16x8.ge_u(v128.load(at), limits)
    const high = i16x8.ge_u(v128.load(at, 16), limits)
    if (!v128.any_true(v128.or(low, high))) continue
    let bits = <u32>i8x16.bitmask(i8x16.narrow_i16x8_s(low, high))
    while (bits != 0) {
      const block = b + ctz(bits)
      bits &= bits - 1
      const bound = bounds + (<usize>block << 1)
      if (<i32>load<u16>(bound) < limit) continue
      store<u16>(bound, 0)
      scoreBlock(clauses, clauseCount, block, sums, mask)
      const now = max(boundOfFloor(scale, slack), least)
      if (now > limit) {
        limit = now
        limits = i16x8.splat(<i16>limit)
      }
    }
  }
}

/**
 * The same ranking as `exhaustive`, scoring only blocks of documents that can hold one of the k best.
 * `bounds` has room for a 16-bit number per block (blocks rounded up to 16), `sums` holds BLOCK zeros.
 */
export function pruned(
  clauses: usize, clauseCount: u32, documents: u32, bounds: usize, sums: usize, mask: usize, out: usize, k: u32, floor: f32,
): u32 {
  heap = out
  capacity = k
  size = 0
  // Below every key with the floor's score: equal scores still compete, by document.
  floorKey = (<u64>reinterpret<u32>(floor)) << 32
  let total: f64 = 0
  for (let c: u32 = 0; c < clauseCount; c++) total += load<f64>(clauses + <usize>c * CLAUSE, 32)
  if (total <= 0) return 0
  const scale = SCALE_TOTAL / total
  const slack = <i32>clauseCount + 2
  const blocks = (((documents + BLOCK - 1) >> BLOCK_SHIFT) + 15) & ~15
  memory.fill(bounds, 0, <usize>blocks << 1)
  for (let c: u32 = 0; c < clauseCount; c++) {
    const clause = clauses + <usize>c * CLAUSE
    const row = <usize>load<u32>(clause, 12)
    if (row != 0) addRow(row, bounds, blocks, <i16>min<f64>(ceil(load<f64>(clause, 32) * scale * (256.0 / 255.0)) + 1, 32767))
    else addPostings(clause, bounds, scale)
  }
  let top = i16x8.splat(0)
  for (let b: u32 = 0; b < blocks; b += 8) top = i16x8.max_u(top, v128.load(bounds + (<usize>b << 1)))
  let highest: i32 = 0
  for (let lane = 0; lane < 8; lane++) {
    v128.store(sums, top)
    highest = max(highest, <i32>load<u16>(sums + (<usize>lane << 1)))
  }
  v128.store(sums, i64x2.splat(0))
  // The most promising blocks first: they raise the score to beat, and the last pass then skips most of the rest.
  let least = highest
  for (let round = 0; round < 4 && size < k; round++) {
    least = least - (highest >> 4) - 1
    if (least <= 1) break
    pass(clauses, clauseCount, bounds, blocks, least, scale, slack, sums, mask)
  }
  pass(clauses, clauseCount, bounds, blocks, 1, scale, slack, sums, mask)
  drain()
  return size
}
