// The inner loops of late interaction, compiled to WebAssembly by AssemblyScript.
//
// All addresses are byte offsets into the memory of one index. A row is a vector padded with zeros to a multiple of four float32; `stride` is its
// length in bytes. The product of a pair of rows is always summed in the same order (four lanes along the vector, then (0 + 2) + (1 + 3)), however
// many rows are computed together, so that equal rows have equal scores.

/** The four sums of four accumulators. */
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 1, 4, 5), v128.shuffle<f32>(a, b, 2, 3, 6, 7))
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 1, 4, 5), v128.shuffle<f32>(c, d, 2, 3, 6, 7))
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 2, 4, 6), v128.shuffle<f32>(ab, cd, 1, 3, 5, 7))
}

@inline
function largest(v: v128): f32 {
  const pairs = f32x4.max(v, v128.shuffle<f32>(v, v, 2, 3, 2, 3))
  return max<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1))
}

/** Products of four rows with two queries; the second is left out where both are the same. */
let second: v128 = f32x4.splat(0)

@inline
function fourByTwo(r0: usize, r1: usize, r2: usize, r3: usize, stride: u32, x: usize, y: usize): v128 {
  let a0 = f32x4.splat(0)
  let b0 = f32x4.splat(0)
  let c0 = f32x4.splat(0)
  let d0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  let b1 = f32x4.splat(0)
  let c1 = f32x4.splat(0)
  let d1 = f32x4.splat(0)
  for (let at: usize = 0; at < <usize>stride; at += 16) {
    const p = v128.load(x + at)
    const q = v128.load(y + at)
    let v = v128.load(r0 + at)
    a0 = f32x4.add(a0, f32x4.mul(v, p))
    a1 = f32x4.add(a1, f32x4.mul(v, q))
    v = v128.load(r1 + at)
    b0 = f32x4.add(b0, f32x4.mul(v, p))
    b1 = f32x4.add(b1, f32x4.mul(v, q))
    v = v128.load(r2 + at)
    c0 = f32x4.add(c0, f32x4.mul(v, p))
    c1 = f32x4.add(c1, f32x4.mul(v, q))
    v = v128.load(r3 + at)
    d0 = f32x4.add(d0, f32x4.mul(v, p))
    d1 = f32x4.add(d1, f32x4.mul(v, q))
  }
  second = sums(a1, b1, c1, d1)
  return sums(a0, b0, c0, d0)
}

/**
 * MaxSim: the sum over the query's rows of the largest product with one of `count` rows (at least one), added in float64. The largest product
 * of each query row is stored at `best` (float32, room for one more than there are rows).
 */
export function maxsim(query: usize, queryCount: u32, stride: u32, rows: usize, count: u32, best: usize): f64 {
  const step = <usize>stride
  const last = rows + <usize>(count - 1) * step
  let total: f64 = 0
  for (let q: u32 = 0; q < queryCount; q += 2) {
    const x = query + <usize>q * step
    const y = q + 1 < queryCount ? x + step : x
    let most0 = f32x4.splat(-Infinity)
    let most1 = f32x4.splat(-Infinity)
    for (let r = rows; r <= last; r += 4 * step) {
      // Beyond the last row it is taken again, which changes no maximum.
      const r1 = min(r + step, last)
      const r2 = min(r + 2 * step, last)
      const r3 = min(r + 3 * step, last)
      most0 = f32x4.max(most0, fourByTwo(r, r1, r2, r3, stride, x, y))
      most1 = f32x4.max(most1, second)
    }
    const at = best + (<usize>q << 2)
    const one = largest(most0)
    const two = largest(most1)
    store<f32>(at, one)
    store<f32>(at, two, 4)
    total += <f64>one
    if (q + 1 < queryCount) total += <f64>two
  }
  return total
}

/**
 * For each of `count` rows the nearest of `k` centroids: the largest product plus the centroid's bias, the first of equal ones. Numbers of
 * centroids go to `out` (uint32). `scores` has room for `count` float32.
 */
export function nearest(
  rows: usize,
  count: u32,
  stride: u32,
  centroids: usize,
  k: u32,
  biases: usize,
  out: usize,
  scores: usize,
): void {
  const step = <usize>stride
  // As many centroids as stay in the first-level cache while all rows pass over them.
  const block = max<u32>(4, (24576 / stride) & ~3)
  for (let i: u32 = 0; i < count; i++) store<f32>(scores + (<usize>i << 2), -Infinity)
  for (let first: u32 = 0; first < k; first += block) {
    const end = min(k, first + block)
    for (let i: u32 = 0; i < count; i += 2) {
      const x = rows + <usize>i * step
      const y = i + 1 < count ? x + step : x
      for (let c = first; c < end; c += 4) {
        const l1 = min(c + 1, end - 1)
        const l2 = min(c + 2, end - 1)
        const l3 = min(c + 3, end - 1)
        const v0 = fourByTwo(
          centroids + <usize>c * step,
          centroids + <usize>l1 * step,
          centroids + <usize>l2 * step,
          centroids + <usize>l3 * step,
          stride,
          x,
          y,
        )
        // Biases have room for four more than there are centroids.
        const bias = v128.load(biases + (<usize>c << 2))
        keep(f32x4.add(v0, bias), c, end, out, scores, i)
        if (i + 1 < count) keep(f32x4.add(second, bias), c, end, out, scores, i + 1)
      }
    }
  }
}

@inline
function keep(products: v128, first: u32, end: u32, out: usize, scores: usize, row: u32): void {
  const at = scores + (<usize>row << 2)
  let best = load<f32>(at)
  if (!v128.any_true(f32x4.gt(products, f32x4.splat(best)))) return
  const place = out + (<usize>row << 2)
  if (f32x4.extract_lane(products, 0) > best) {
    best = f32x4.extract_lane(products, 0)
    store<u32>(place, first)
  }
  if (first + 1 < end && f32x4.extract_lane(products, 1) > best) {
    best = f32x4.extract_lane(products, 1)
    store<u32>(place, first + 1)
  }
  if (first + 2 < end && f32x4.extract_lane(products, 2) > best) {
    best = f32x4.extract_lane(products, 2)
    store<u32>(place, first + 2)
  }
  if (first + 3 < end && f32x4.extract_lane(products, 3) > best) {
    best = f32x4.extract_lane(products, 3)
    store<u32>(place, first + 3)
  }
  store<f32>(at, best)
}

/** [k, width]: products of centroids with the query's rows; `width` is their number, padded with rows of zeros to a multiple of four. */
export function centroidScores(query: usize, width: u32, stride: u32, centroids: usize, k: u32, out: usize): void {
  const step = <usize>stride
  for (let c: u32 = 0; c < k; c += 2) {
    const x = centroids + <usize>c * step
    const y = c + 1 < k ? x + step : x
    for (let q: u32 = 0; q < width; q += 4) {
      const r = query + <usize>q * step
      const at = out + (<usize>(c * width + q) << 2)
      v128.store(at, fourByTwo(r, r + step, r + 2 * step, r + 3 * step, stride, x, y))
      if (c + 1 < k) v128.store(at + (<usize>width << 2), second)
    }
  }
}

/**
 * The score of a document by its tokens' centroids alone: the sum over the query's rows of the largest product. `kept` (0: none) has a byte for
 * each centroid, 0 for those that are passed over; a query row that then has nothing counts 0. `best` has room for `width` float32.
 */
export function interaction(codes: usize, count: u32, scores: usize, width: u32, kept: usize, best: usize): f64 {
  const bytes = <usize>width << 2
  const least = f32x4.splat(kept == 0 ? <f32>-Infinity : <f32>0)
  for (let at: usize = 0; at < bytes; at += 16) v128.store(best + at, least)
  for (let i: u32 = 0; i < count; i++) {
    const code = load<u32>(codes + (<usize>i << 2))
    if (kept != 0 && load<u8>(kept + code) == 0) continue
    const row = scores + <usize>code * bytes
    for (let at: usize = 0; at < bytes; at += 16)
      v128.store(best + at, f32x4.max(v128.load(best + at), v128.load(row + at)))
  }
  let total: f64 = 0
  for (let at: usize = 0; at < bytes; at += 4) total += <f64>load<f32>(best + at)
  return total
}

/** Brings a row to length 1; a row of zeros stays one. */
@inline
function normalize(row: usize, stride: u32): void {
  let squares = f32x4.splat(0)
  for (let at: usize = 0; at < <usize>stride; at += 16) {
    const v = v128.load(row + at)
    squares = f32x4.add(squares, f32x4.mul(v, v))
  }
  const sum =
    f32x4.extract_lane(squares, 0) +
    f32x4.extract_lane(squares, 1) +
    f32x4.extract_lane(squares, 2) +
    f32x4.extract_lane(squares, 3)
  if (!(sum > 0)) return
  const factor = f32x4.splat(<f32>(1 / Math.sqrt(<f64>sum)))
  for (let at: usize = 0; at < <usize>stride; at += 16) v128.store(row + at, f32x4.mul(v128.load(row + at), factor))
}

/**
 * Rows from centroids and residuals of `bits` (2 or 4) for each number, `size` bytes for a row. `table` has, for each byte, the four or two
 * float32 that it stands for. Numbers beyond `dimension` become zero.
 */
export function unpackResiduals(
  codes: usize,
  residuals: usize,
  count: u32,
  size: u32,
  bits: u32,
  dimension: u32,
  stride: u32,
  centroids: usize,
  table: usize,
  unit: bool,
  out: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const centroid = centroids + <usize>load<u32>(codes + (<usize>i << 2)) * stride
    const packed = residuals + <usize>i * size
    const row = out + <usize>i * stride
    if (bits == 2) {
      for (let j: usize = 0; j < <usize>size; j++) {
        const values = v128.load(table + (<usize>load<u8>(packed + j) << 4))
        v128.store(row + (j << 4), f32x4.add(v128.load(centroid + (j << 4)), values))
      }
    } else {
      for (let j: usize = 0; j < <usize>size; j++) {
        const values = v128.load64_zero(table + (<usize>load<u8>(packed + j) << 3))
        const sum = f32x4.add(v128.load64_zero(centroid + (j << 3)), values)
        v128.store64_lane(row + (j << 3), sum, 0)
      }
    }
    for (let at = <usize>dimension << 2; at < <usize>stride; at += 4) store<f32>(row + at, 0)
    if (unit) normalize(row, stride)
  }
}

/** Rows from signed bytes, `size` (a multiple of four) for a row, times the row's scale. */
export function unpackBytes(
  scales: usize,
  bytes: usize,
  count: u32,
  size: u32,
  stride: u32,
  unit: bool,
  out: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const scale = f32x4.splat(load<f32>(scales + (<usize>i << 2)))
    const packed = bytes + <usize>i * size
    const row = out + <usize>i * stride
    for (let j: usize = 0; j < <usize>size; j += 4) {
      const wide = i16x8.extend_low_i8x16_s(v128.load32_zero(packed + j))
      const values = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(wide))
      v128.store(row + (j << 2), f32x4.mul(values, scale))
    }
    if (unit) normalize(row, stride)
  }
}
