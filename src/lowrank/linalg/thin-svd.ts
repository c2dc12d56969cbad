import { RankineError } from "../../core/errors.js"
import { type Matrix, requireFinite, transpose } from "./matrix.js"

/** `X = Uᵀ diag(singular) V` with k = min(rows, columns); the left and right vectors are rows here, so that each lies in one piece. */
export interface ThinSvd {
  /** k x rows: row i is the left vector of singular value i. */
  readonly left: Matrix
  /** Descending. */
  readonly singular: Float64Array
  /** k x columns. */
  readonly right: Matrix
}

const MOST_SWEEPS = 64

/**
 * Singular value decomposition by one-sided Jacobi rotations (Hestenes), which do not square the condition as a Gram matrix does. Vectors of
 * a singular value 0 are zero on the longer side. The sign of each pair of vectors is arbitrary.
 *
 * Golub and Van Loan, Matrix Computations, 8.6. Throws `data` for numbers that are none.
 */
export function thinSvd(matrix: Matrix): ThinSvd {
  requireFinite(matrix, "the matrix")
  const tall = matrix.rows >= matrix.columns
  // Rows of `work` are the vectors that are made orthogonal: the shorter side's.
  const { rows: k, columns: length, values: given } = tall ? transpose(matrix) : matrix
  const work = Float64Array.from(given)
  const turns = new Float64Array(k * k)
  for (let i = 0; i < k; i++) turns[i * k + i] = 1
  let sweep = 0
  while (sweepOnce(work, turns, k, length))
    if (++sweep === MOST_SWEEPS) throw new RankineError("internal", "one-sided Jacobi does not converge")
  const norms = Float64Array.from({ length: k }, (_, i) =>
    Math.hypot(...chunkNorms(work.subarray(i * length, (i + 1) * length))),
  )
  const order = Array.from(norms.keys()).sort((left, right) => norms[right]! - norms[left]!)
  const long = new Float64Array(k * length)
  const short = new Float64Array(k * k)
  order.forEach((from, to) => {
    const norm = norms[from]!
    if (norm > 0) for (let at = 0; at < length; at++) long[to * length + at] = work[from * length + at]! / norm
    short.set(turns.subarray(from * k, (from + 1) * k), to * k)
  })
  const singular = Float64Array.from(order, (i) => norms[i]!)
  const outer: Matrix = { rows: k, columns: length, values: long }
  const inner: Matrix = { rows: k, columns: k, values: short }
  return tall ? { left: outer, singular, right: inner } : { left: inner, singular, right: outer }
}

/** Makes every pair of rows orthogonal once; false when all were. */
function sweepOnce(work: Float64Array, turns: Float64Array, k: number, length: number): boolean {
  let turned = false
  for (let p = 0; p < k - 1; p++)
    for (let q = p + 1; q < k; q++) {
      let pp = 0
      let qq = 0
      let pq = 0
      for (let at = p * length, other = q * length, end = at + length; at < end; at++, other++) {
        const left = work[at]!
        const right = work[other]!
        pp += left * left
        qq += right * right
        pq += left * right
      }
      // A rounding error of a sum of `length` products is no angle.
      if (Math.abs(pq) <= length * Number.EPSILON * Math.sqrt(pp * qq) || pq === 0) continue
      const theta = (qq - pp) / (2 * pq)
      const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1))
      const cosine = 1 / Math.hypot(tangent, 1)
      const sine = tangent * cosine
      turn(work, length, p, q, cosine, sine)
      turn(turns, k, p, q, cosine, sine)
      turned = true
    }
  return turned
}

function turn(values: Float64Array, length: number, p: number, q: number, cosine: number, sine: number): void {
  for (let at = p * length, other = q * length, end = at + length; at < end; at++, other++) {
    const left = values[at]!
    const right = values[other]!
    values[at] = cosine * left - sine * right
    values[other] = sine * left + cosine * right
  }
}

/** Math.hypot guards against overflow, yet takes only so many arguments. */
function chunkNorms(row: Float64Array): number[] {
  const norms: number[] = []
  for (let at = 0; at < row.length; at += 1024) norms.push(Math.hypot(...row.subarray(at, at + 1024)))
  return norms
}
