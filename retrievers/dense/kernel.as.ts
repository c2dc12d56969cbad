// The inner loops of dense search, compiled to WebAssembly by AssemblyScript.
//
// All addresses are byte offsets into the memory of one index. A row is a vector padded with zeros to a multiple of four float32; `stride` is its
// length in bytes. Every score of a pair is summed in the same order (four lanes along the vector, then (0 + 2) + (1 + 3)), however many queries
// or rows are computed together: a score does not depend on its neighbours, and equal vectors have equal scores.
//
// A top is 16 bytes: +0 size  +4 k  +8 address of the keys. Keys are a heap with the least of the k best at its root:
// the score's bits, made to order as unsigned numbers, above; the inverted order of the document's id below. Of equal scores the smaller id is better.
//
// Rows are computed four at a time: the memory behind the last row must be readable, what comes out of it is not looked at.

const ROWS_IN_BLOCK: u32 = 512
/** Rows of one block stay in the first-level cache while all queries pass over them. */
const BLOCK_BYTES: u32 = 24576

@inline
function keyOf(score: f32, order: u32): u64 {
  // Sums begin at +0 and so are never -0, which would be another key for an equal score.
  let bits = reinterpret<u32>(score)
  bits ^= bits >> 31 ? 0xffffffff : 0x80000000
  return ((<u64>bits) << 32) | <u64>(~order)
}

@inline
function scoreOf(key: u64): f32 {
  const bits = <u32>(key >> 32)
  return reinterpret<f32>(bits ^ (bits >> 31 ? 0x80000000 : 0xffffffff))
}

/** Puts a key in at the root and lets it sink. */
function sink(keys: usize, size: u32, key: u64): void {
  let i: u32 = 0
  while (true) {
    let child: u32 = (i << 1) + 1
    if (child >= size) break
    let least = load<u64>(keys + (<usize>child << 3))
    if (child + 1 < size) {
      const right = load<u64>(keys + (<usize>(child + 1) << 3))
      if (right < least) {
        least = right
        child++
      }
    }
    if (key <= least) break
    store<u64>(keys + (<usize>i << 3), least)
    i = child
  }
  store<u64>(keys + (<usize>i << 3), key)
}

function push(top: usize, key: u64): void {
  const size = load<u32>(top)
  const k = load<u32>(top, 4)
  const keys = <usize>load<u32>(top, 8)
  if (size == k) {
    if (key > load<u64>(keys)) sink(keys, size, key)
    return
  }
  let i = size
  while (i > 0) {
    const parent = (i - 1) >> 1
    const above = load<u64>(keys + (<usize>parent << 3))
    if (above <= key) break
    store<u64>(keys + (<usize>i << 3), above)
    i = parent
  }
  store<u64>(keys + (<usize>i << 3), key)
  store<u32>(top, size + 1)
}

@inline
function floorOf(top: usize): f32 {
  return load<u32>(top) == load<u32>(top, 4) ? scoreOf(load<u64>(<usize>load<u32>(top, 8))) : reinterpret<f32>(0xff800000)
}

/** Sorts the keys of a top, best first, and returns how many there are. */
export function finish(top: usize): u32 {
  const size = load<u32>(top)
  const keys = <usize>load<u32>(top, 8)
  for (let end = size; end > 1; ) {
    end--
    const least = load<u64>(keys)
    const last = load<u64>(keys + (<usize>end << 3))
    sink(keys, end, last)
    store<u64>(keys + (<usize>end << 3), least)
  }
  return size
}

/** Offers the scores of rows first, first + 1, ...; `mask` (0: none) has a bit for each row of the chunk, set where it must not be returned. */
function offer(top: usize, scores: usize, count: u32, orders: usize, mask: usize, first: u32): void {
  let floor = floorOf(top)
  for (let i: u32 = 0; i < count; i += 4) {
    const at = scores + (<usize>i << 2)
    if (!v128.any_true(f32x4.ge(v128.load(at), f32x4.splat(floor)))) continue
    const end = min(i + 4, count)
    for (let j = i; j < end; j++) {
      const score = load<f32>(scores + (<usize>j << 2))
      if (!(score >= floor)) continue
      const row = first + j
      if (mask != 0 && ((load<u8>(mask + (row >> 3)) >> <u8>(row & 7)) & 1) != 0) continue
      push(top, keyOf(score, load<u32>(orders + (<usize>row << 2))))
      floor = floorOf(top)
    }
  }
}

/** The four sums of four accumulators. */
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 1, 4, 5), v128.shuffle<f32>(a, b, 2, 3, 6, 7))
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 1, 4, 5), v128.shuffle<f32>(c, d, 2, 3, 6, 7))
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 2, 4, 6), v128.shuffle<f32>(ab, cd, 1, 3, 5, 7))
}

@inline
function fourRows(r0: usize, r1: usize, r2: usize, r3: usize, stride: u32, query: usize): v128 {
  let a = f32x4.splat(0)
  let b = f32x4.splat(0)
  let c = f32x4.splat(0)
  let d = f32x4.splat(0)
  for (let i: usize = 0; i < <usize>stride; i += 16) {
    const q = v128.load(query + i)
    a = f32x4.add(a, f32x4.mul(v128.load(r0 + i), q))
    b = f32x4.add(b, f32x4.mul(v128.load(r1 + i), q))
    c = f32x4.add(c, f32x4.mul(v128.load(r2 + i), q))
    d = f32x4.add(d, f32x4.mul(v128.load(r3 + i), q))
  }
  return sums(a, b, c, d)
}

function scoreOne(rows: usize, count: u32, stride: u32, query: usize, out: usize): void {
  for (let i: u32 = 0; i < count; i += 4) {
    const r = rows + <usize>i * stride
    v128.store(out + (<usize>i << 2), fourRows(r, r + stride, r + 2 * <usize>stride, r + 3 * <usize>stride, stride, query))
  }
}

/** Two queries at once: each row is read once for both. */
function scoreTwo(rows: usize, count: u32, stride: u32, q0: usize, q1: usize, out0: usize, out1: usize): void {
  for (let i: u32 = 0; i < count; i += 4) {
    const r0 = rows + <usize>i * stride
    const r1 = r0 + stride
    const r2 = r1 + stride
    const r3 = r2 + stride
    let a0 = f32x4.splat(0)
    let b0 = f32x4.splat(0)
    let c0 = f32x4.splat(0)
    let d0 = f32x4.splat(0)
    let a1 = f32x4.splat(0)
    let b1 = f32x4.splat(0)
    let c1 = f32x4.splat(0)
    let d1 = f32x4.splat(0)
    for (let at: usize = 0; at < <usize>stride; at += 16) {
      const x = v128.load(q0 + at)
      const y = v128.load(q1 + at)
      let v = v128.load(r0 + at)
      a0 = f32x4.add(a0, f32x4.mul(v, x))
      a1 = f32x4.add(a1, f32x4.mul(v, y))
      v = v128.load(r1 + at)
      b0 = f32x4.add(b0, f32x4.mul(v, x))
      b1 = f32x4.add(b1, f32x4.mul(v, y))
      v = v128.load(r2 + at)
      c0 = f32x4.add(c0, f32x4.mul(v, x))
      c1 = f32x4.add(c1, f32x4.mul(v, y))
      v = v128.load(r3 + at)
      d0 = f32x4.add(d0, f32x4.mul(v, x))
      d1 = f32x4.add(d1, f32x4.mul(v, y))
    }
    v128.store(out0 + (<usize>i << 2), sums(a0, b0, c0, d0))
    v128.store(out1 + (<usize>i << 2), sums(a1, b1, c1, d1))
  }
}

/**
 * Scores `count` rows for all queries and keeps the best in the queries' tops. `scores` has room for 2 x 512 float32;
 * the mask of query i is at mask + i * maskStep, 0 for none.
 */
export function flat(
  rows: usize,
  count: u32,
  stride: u32,
  queries: usize,
  queryCount: u32,
  orders: usize,
  mask: usize,
  maskStep: u32,
  scores: usize,
  tops: usize,
): void {
  const block = max<u32>(4, min<u32>(ROWS_IN_BLOCK, (BLOCK_BYTES / stride) & ~3))
  const other = scores + (<usize>ROWS_IN_BLOCK << 2)
  for (let first: u32 = 0; first < count; first += block) {
    const size = min(block, count - first)
    const start = rows + <usize>first * stride
    let q: u32 = 0
    for (; q + 2 <= queryCount; q += 2) {
      const query = queries + <usize>q * stride
      scoreTwo(start, size, stride, query, query + stride, scores, other)
      const m: usize = mask == 0 ? <usize>0 : mask + <usize>q * maskStep
      offer(tops + (<usize>q << 4), scores, size, orders, m, first)
      offer(tops + (<usize>(q + 1) << 4), other, size, orders, m == 0 ? <usize>0 : m + maskStep, first)
    }
    if (q < queryCount) {
      scoreOne(start, size, stride, queries + <usize>q * stride, scores)
      offer(tops + (<usize>q << 4), scores, size, orders, mask == 0 ? 0 : mask + <usize>q * maskStep, first)
    }
  }
}

/** The scores of the rows whose addresses are listed, four or more of them readable behind the last; `out` has room for a multiple of four. */
export function rescore(addresses: usize, count: u32, stride: u32, query: usize, out: usize): void {
  for (let i: u32 = 0; i < count; i += 4) {
    const at = addresses + (<usize>i << 2)
    v128.store(
      out + (<usize>i << 2),
      fourRows(load<u32>(at), load<u32>(at, 4), load<u32>(at, 8), load<u32>(at, 12), stride, query),
    )
  }
}

/** Keeps the best of scores that are listed with the orders of their ids; room for a multiple of four is readable. */
export function select(scores: usize, count: u32, orders: usize, top: usize): void {
  offer(top, scores, count, orders, 0, 0)
}

/**
 * Rows of signed bytes against a query of signed 16-bit numbers (`stride` bytes and 2 x stride bytes, stride a multiple of 16).
 * A score is the whole-number product times the row's scale.
 */
export function int8(
  rows: usize,
  count: u32,
  stride: u32,
  query: usize,
  scales: usize,
  orders: usize,
  mask: usize,
  scores: usize,
  top: usize,
): void {
  for (let first: u32 = 0; first < count; first += ROWS_IN_BLOCK) {
    const size = min(ROWS_IN_BLOCK, count - first)
    for (let i: u32 = 0; i < size; i += 4) {
      const r0 = rows + <usize>(first + i) * stride
      const r1 = r0 + stride
      const r2 = r1 + stride
      const r3 = r2 + stride
      let a = i32x4.splat(0)
      let b = i32x4.splat(0)
      let c = i32x4.splat(0)
      let d = i32x4.splat(0)
      for (let at: usize = 0; at < <usize>stride; at += 8) {
        const q = v128.load(query + 2 * at)
        a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load_ext<i8>(r0 + at), q))
        b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load_ext<i8>(r1 + at), q))
        c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load_ext<i8>(r2 + at), q))
        d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load_ext<i8>(r3 + at), q))
      }
      const products = f32x4.convert_i32x4_s(wholeSums(a, b, c, d))
      v128.store(
        scores + (<usize>i << 2),
        f32x4.mul(products, v128.load(scales + (<usize>(first + i) << 2))),
      )
    }
    offer(top, scores, size, orders, mask, first)
  }
}

@inline
function wholeSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 1, 4, 5), v128.shuffle<i32>(a, b, 2, 3, 6, 7))
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 1, 4, 5), v128.shuffle<i32>(c, d, 2, 3, 6, 7))
  return i32x4.add(v128.shuffle<i32>(ab, cd, 0, 2, 4, 6), v128.shuffle<i32>(ab, cd, 1, 3, 5, 7))
}

/**
 * Rows of bits against a query of tables (as in product quantisation's fast scan). Sixteen rows lie together: byte j of their codes is sixteen
 * bytes in a row. For each byte the query has two tables of sixteen sums, one for each value of the lower and the upper four bits. No entry is
 * above 127, so that two of them fit a byte, and `size` bytes of a code stay below 2^16. A score is the sum of the entries.
 */
export function binary(
  rows: usize,
  count: u32,
  size: u32,
  query: usize,
  orders: usize,
  mask: usize,
  scores: usize,
  top: usize,
): void {
  const low = i8x16.splat(15)
  for (let first: u32 = 0; first < count; first += ROWS_IN_BLOCK) {
    const end = min(ROWS_IN_BLOCK, count - first)
    for (let i: u32 = 0; i < end; i += 16) {
      const codes = rows + <usize>(first + i) * size
      let a = i16x8.splat(0)
      let b = i16x8.splat(0)
      for (let j: usize = 0; j < <usize>size; j++) {
        const code = v128.load(codes + (j << 4))
        const tables = query + (j << 5)
        const sum = i8x16.add(
          i8x16.swizzle(v128.load(tables), v128.and(code, low)),
          i8x16.swizzle(v128.load(tables, 16), i8x16.shr_u(code, 4)),
        )
        a = i16x8.add(a, i16x8.extend_low_i8x16_u(sum))
        b = i16x8.add(b, i16x8.extend_high_i8x16_u(sum))
      }
      const out = scores + (<usize>i << 2)
      v128.store(out, f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(a)))
      v128.store(out, f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(a)), 16)
      v128.store(out, f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(b)), 32)
      v128.store(out, f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(b)), 48)
    }
    offer(top, scores, end, orders, mask, first)
  }
}
