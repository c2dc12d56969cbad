// Block-max pruning: bounds for all blocks first, then only the blocks that can hold one of the k best.
// After Mallia, Suel and Tonellotto, "Faster learned sparse retrieval with block-max pruning", SIGIR 2024.

import { begin, CLAUSE, finish, floorKey, leastSum, offer, select, size } from "./kernel-keys.as"

const BLOCK_SHIFT: u32 = 4
const BLOCK: u32 = 1 << BLOCK_SHIFT
/** The sum of all bounds in units of a block's bound, which is an unsigned 16-bit number with room for rounding. */
const SCALE_TOTAL: f64 = 32000

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
