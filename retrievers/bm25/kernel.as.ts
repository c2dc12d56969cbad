// The inner loops of BM25 search, compiled to WebAssembly by AssemblyScript (scripts/build.mjs).
//
// All addresses are byte offsets into the segment's memory. A posting is one word: document << 8 | term frequency;
// its impact (the score it adds) is a float32 at the same position of a second array. Sums are made in float64 and
// rounded to float32 once, as Lucene does, so that equal scores here are equal scores there.
//
// A clause is one query term in one field:
//   +0 postings  +4 count  +8 impacts  +12 row (0: none)  +16 places  +20 cursor (scratch)  +24 f64 weight  +32 f64 bound
//   +40 f64 unit: what one unit of the row stands for, rounded up
// A row holds, for each block of 16 documents, the largest impact in it as ceil(255 * impact / largest impact of the term).
// `places` has eight bytes for each group of four blocks: where the group's postings begin, then for each block how many of them lie before it.

const CLAUSE: usize = 48
const BLOCK_SHIFT: u32 = 4
const BLOCK: u32 = 1 << BLOCK_SHIFT
/** Documents whose sums are kept at once: 256 KiB of float64 stay in the second-level cache. */
const CHUNK: u32 = 32768
/** Looking at a posting costs about as much as looking at this many documents in order. */
const RARE: u32 = 4
/** The sum of all bounds in units of a block's bound, which is an unsigned 16-bit number with room for rounding. */
const SCALE_TOTAL: f64 = 32000

// ---- the k best, as 64-bit keys: float32 bits of the score above, inverted document below ----
// Among positive floats the order of the bits is the order of the numbers; of equal scores the smaller document is better.
// A few keys are kept in order. For a larger k they are gathered in a buffer with room for more than k; when it is full, the k best stay and the
// least of them is what others must beat: a key costs a store and its share of a selection, less than a heap, whose every change walks a path.

/** Up to this k, keys are kept in order. */
const FEW: u32 = 32

let keys: usize = 0
let capacity: u32 = 0
let size: u32 = 0
let wanted: u32 = 0
let floorKey: u64 = 0

// @ts-ignore: decorator
@inline
function keyOf(score: f32, doc: u32): u64 {
  return ((<u64>reinterpret<u32>(score)) << 32) | <u64>(~doc)
}

// @ts-ignore: decorator
@inline
function keyAt(i: i32): u64 {
  return load<u64>(keys + (<usize>i << 3))
}

// @ts-ignore: decorator
@inline
function setKey(i: i32, key: u64): void {
  store<u64>(keys + (<usize>i << 3), key)
}

function begin(buffer: usize, room: u32, k: u32, floor: f32): void {
  keys = buffer
  capacity = room
  wanted = k
  size = 0
  // Below every key with the floor's score: equal scores still compete, by document.
  floorKey = (<u64>reinterpret<u32>(floor)) << 32
}

/** Puts a key in its place among the k best, best first; the least of k makes room. */
function insert(key: u64): void {
  let i = <i32>(size < wanted ? size++ : size - 1)
  for (; i > 0; i--) {
    const before = keyAt(i - 1)
    if (before > key) break
    setKey(i, before)
  }
  setKey(i, key)
  if (size == wanted) floorKey = max(floorKey, keyAt(<i32>size - 1))
}

/** Moves the k best to the front and raises the floor to the least of them (Hoare's selection). */
function select(): void {
  if (wanted <= FEW || size < wanted) return
  const target = <i32>wanted - 1
  let low = 0
  let high = <i32>size - 1
  while (low < high) {
    const first = keyAt(low)
    const middle = keyAt((low + high) >> 1)
    const last = keyAt(high)
    const pivot = max(min(first, middle), min(max(first, middle), last))
    let i = low
    let j = high
    while (i <= j) {
      while (keyAt(i) > pivot) i++
      while (keyAt(j) < pivot) j--
      if (i <= j) {
        const swap = keyAt(i)
        setKey(i, keyAt(j))
        setKey(j, swap)
        i++
        j--
      }
    }
    if (target <= j) high = j
    else if (target >= i) low = i
    else break
  }
  let least = keyAt(0)
  for (let i = 1; i <= target; i++) least = min(least, keyAt(i))
  size = wanted
  if (least > floorKey) floorKey = least
}

/** Selects and sorts, best first; returns how many there are. */
function finish(spare: usize, histogram: usize): u32 {
  select()
  if (wanted > FEW) radixSort(keys, spare, histogram, size, 0)
  return size
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
  if (key <= floorKey || isMasked(mask, doc)) return
  if (wanted <= FEW) insert(key)
  else {
    setKey(size++, key)
    if (size == capacity) select()
  }
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

/** The least sum that can still matter: compared as float64, a sum just below the floor may round up to it. */
// @ts-ignore: decorator
@inline
function leastSum(): f64 {
  return <f64>reinterpret<f32>(<u32>(floorKey >> 32)) * (1.0 - 1e-7)
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

/** Sorts keys descending by their bits from `shift` up; stable; the result is in `from`. */
function radixSort(from: usize, spare: usize, histogram: usize, count: u32, shift: u64): void {
  const home = from
  let to = spare
  for (; shift < 64; shift += 8) {
    memory.fill(histogram, 0, 1024)
    for (let i: u32 = 0; i < count; i++) {
      const digit = histogram + (<usize>(<u32>(load<u64>(from + (<usize>i << 3)) >> shift) & 255) << 2)
      store<u32>(digit, load<u32>(digit) + 1)
    }
    // Upper bytes of documents and scores are often all alike: nothing to do.
    if (count == 0 || load<u32>(histogram + (<usize>(<u32>(load<u64>(from) >> shift) & 255) << 2)) == count) continue
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
  if (from != home) memory.copy(home, from, <usize>count << 3)
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

// @ts-ignore: decorator
@inline
function largestOf(sums: usize): f64 {
  let top = f64x2.pmax(v128.load(sums), v128.load(sums, 16))
  top = f64x2.pmax(top, f64x2.pmax(v128.load(sums, 32), v128.load(sums, 48)))
  top = f64x2.pmax(top, f64x2.pmax(v128.load(sums, 64), v128.load(sums, 80)))
  top = f64x2.pmax(top, f64x2.pmax(v128.load(sums, 96), v128.load(sums, 112)))
  return max(f64x2.extract_lane(top, 0), f64x2.extract_lane(top, 1))
}

/** The place of the first posting at or after document `start`, searched with growing steps from the last such place. */
function advance(clause: usize, postings: usize, count: u32, start: u32): u32 {
  let i = load<u32>(clause, 20)
  if (i < count && (load<u32>(postings + (<usize>i << 2)) >> 8) < start) {
    let step: u32 = 1
    while (i + step < count && (load<u32>(postings + (<usize>(i + step) << 2)) >> 8) < start) {
      i += step
      step <<= 1
    }
    let low = i + 1
    let high = min(i + step, count)
    while (low < high) {
      const middle = (low + high) >> 1
      if ((load<u32>(postings + (<usize>middle << 2)) >> 8) < start) low = middle + 1
      else high = middle
    }
    i = low
    store<u32>(clause, i, 20)
  }
  return i
}

/**
 * Scores the documents of one block exactly and offers them. Blocks must come in ascending order between resets of the cursors.
 * Clauses with rows stand last: as soon as what they can still add is too little for the block's best document, the rest is skipped.
 */
function scoreBlock(clauses: usize, clauseCount: u32, block: u32, sums: usize, mask: usize): void {
  const start = block << BLOCK_SHIFT
  const end = start + BLOCK
  const origin = sums - (<usize>start << 3)
  const floor = leastSum()
  let rest: f64 = 0
  for (let c: u32 = clauseCount; c > 0; c--) {
    const clause = clauses + <usize>(c - 1) * CLAUSE
    const row = <usize>load<u32>(clause, 12)
    if (row == 0) break
    rest += <f64>load<u8>(row + block) * load<f64>(clause, 40)
  }
  for (let c: u32 = 0; c < clauseCount; c++) {
    const clause = clauses + <usize>c * CLAUSE
    const postings = <usize>load<u32>(clause)
    const count = load<u32>(clause, 4)
    const row = <usize>load<u32>(clause, 12)
    let i: u32
    if (row != 0) {
      const units = load<u8>(row + block)
      if (units == 0) continue
      if (largestOf(sums) + rest < floor) {
        memory.fill(sums, 0, BLOCK << 3)
        return
      }
      rest -= <f64>units * load<f64>(clause, 40)
      const place = <usize>load<u32>(clause, 16) + (<usize>(block >> 2) << 3)
      i = load<u32>(place) + load<u8>(place + (block & 3), 4)
    } else i = advance(clause, postings, count, start)
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
      if (sum >= floor) offer(<f32>sum, start + j, mask)
    }
  }
}

// @ts-ignore: decorator
@inline
function boundOfFloor(scale: f64, slack: i32): i32 {
  return <i32>(<f64>reinterpret<f32>(<u32>(floorKey >> 32)) * scale) - slack
}

/** Scores the blocks whose bound is at least `least` and can still hold one of the k best; the bounds of scored blocks become 0. */
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

/** About so many blocks are looked at when the distribution of bounds is estimated. */
const SAMPLED: u32 = 2048
/** Clauses that add less than this to a bound get it added everywhere: a row's pass costs more than it tells apart. */
const NEGLIGIBLE: f64 = SCALE_TOTAL / 256

/**
 * A bound that roughly `count` blocks reach, from a sample; bounds are counted in 256 steps up to the highest possible.
 * Any answer is right: it only decides which blocks are scored first.
 */
function boundReachedBy(count: u32, bounds: usize, blocks: u32, histogram: usize): i32 {
  const stride = max<u32>(blocks / SAMPLED, 4)
  memory.fill(histogram, 0, 1024)
  for (let b: u32 = 0; b < blocks; b += stride) {
    const step = histogram + (<usize>(<u32>load<u16>(bounds + (<usize>b << 1)) >> 7) << 2)
    store<u32>(step, load<u32>(step) + 1)
  }
  let seen: u32 = 0
  for (let step = 255; step > 0; step--) {
    seen += load<u32>(histogram + (<usize>step << 2)) * stride
    if (seen >= count) return step << 7
  }
  return 1
}

/**
 * The same ranking as `exhaustive`, scoring only blocks of documents that can hold one of the k best.
 * `bounds` has room for a 16-bit number per block (blocks rounded up to 16), `sums` holds 16 zeros.
 */
export function pruned(
  clauses: usize, clauseCount: u32, documents: u32, bounds: usize, sums: usize, mask: usize, out: usize, spare: usize, room: u32,
  histogram: usize, k: u32, floor: f32,
): u32 {
  begin(out, room, k, floor)
  let total: f64 = 0
  for (let c: u32 = 0; c < clauseCount; c++) total += load<f64>(clauses + <usize>c * CLAUSE, 32)
  if (total <= 0) return 0
  const scale = SCALE_TOTAL / total
  const slack = <i32>clauseCount + 2
  const blocks = (((documents + BLOCK - 1) >> BLOCK_SHIFT) + 15) & ~15
  let everywhere: i32 = 0
  for (let c: u32 = 0; c < clauseCount; c++) {
    const clause = clauses + <usize>c * CLAUSE
    const most = load<f64>(clause, 32) * scale
    if (load<u32>(clause, 12) != 0 && most < NEGLIGIBLE) everywhere += <i32>ceil(most)
  }
  const start = i16x8.splat(<i16>everywhere)
  for (let b: u32 = 0; b < blocks; b += 8) v128.store(bounds + (<usize>b << 1), start)
  for (let c: u32 = 0; c < clauseCount; c++) {
    const clause = clauses + <usize>c * CLAUSE
    const row = <usize>load<u32>(clause, 12)
    const most = load<f64>(clause, 32) * scale
    if (row == 0) addPostings(clause, bounds, scale)
    else if (most >= NEGLIGIBLE)
      addRow(row, bounds, blocks, <i16>min<f64>(ceil(most * (256.0 / 255.0)) + 1, 32767))
  }
  // The most promising blocks first: they raise the score to beat, and the last pass then skips most of the rest.
  let promising = max<u32>(k >> 1, 8)
  for (let round = 0; round < 3; round++) {
    const least = boundReachedBy(promising, bounds, blocks, histogram)
    if (least <= 1) break
    pass(clauses, clauseCount, bounds, blocks, least, scale, slack, sums, mask)
    select()
    if (size >= k) break
    promising = promising << 2
  }
  pass(clauses, clauseCount, bounds, blocks, 1, scale, slack, sums, mask)
  return finish(spare, histogram)
}
