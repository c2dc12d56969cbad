import { RankineError } from "../../core/errors.js"
import { type Matrix, requireFinite } from "./matrix.js"

export interface SymmetricEigen {
  /** Descending. */
  readonly values: Float64Array
  /** Row i is the unit eigenvector of value i; its sign is arbitrary. */
  readonly vectors: Matrix
}

/** Ten are enough for thousands of rows; more means that the matrix is not symmetric. */
const MOST_SWEEPS = 64

/**
 * Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations, which find small eigenvalues of positive matrices as
 * exactly as large ones. Cubic in the rows: a second for 400 of them. Only the lower triangle is read.
 *
 * Golub and Van Loan, Matrix Computations, 8.5. Throws `argument` for a matrix that is not square, `data` for numbers that are none.
 */
export function symmetricEigen(matrix: Matrix): SymmetricEigen {
  const { rows: n, columns } = matrix
  if (n !== columns)
    throw new RankineError("argument", `a matrix of ${n} x ${columns} is not square: give a symmetric one`)
  requireFinite(matrix, "the matrix")
  const a = Float64Array.from(matrix.values)
  for (let row = 0; row < n; row++)
    for (let column = row + 1; column < n; column++) a[row * n + column] = a[column * n + row]!
  const vectors = new Float64Array(n * n)
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1
  let sweep = 0
  while (rotateAll(a, vectors, n))
    if (++sweep === MOST_SWEEPS) throw new RankineError("internal", "Jacobi does not converge")
  const order = Array.from({ length: n }, (_, i) => i).sort(
    (left, right) => a[right * n + right]! - a[left * n + left]!,
  )
  const sorted = new Float64Array(n * n)
  order.forEach((from, to) => {
    sorted.set(vectors.subarray(from * n, (from + 1) * n), to * n)
  })
  return { values: Float64Array.from(order, (i) => a[i * n + i]!), vectors: { rows: n, columns: n, values: sorted } }
}

/** One sweep over all pairs; false when nothing was left to turn. */
function rotateAll(a: Float64Array, vectors: Float64Array, n: number): boolean {
  let turned = false
  for (let p = 0; p < n - 1; p++)
    for (let q = p + 1; q < n; q++) {
      const off = a[p * n + q]!
      const first = a[p * n + p]!
      const second = a[q * n + q]!
      // Below this, adding it to the diagonal changes nothing: the pair counts as turned.
      if (Math.abs(off) <= Number.EPSILON * Math.sqrt(Math.abs(first) * Math.abs(second)) || Math.abs(off) < 1e-300)
        continue
      const theta = (second - first) / (2 * off)
      // The smaller of both angles, without overflow for large theta.
      const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1))
      const cosine = 1 / Math.hypot(tangent, 1)
      const sine = tangent * cosine
      for (let k = 0; k < n; k++) {
        const left = a[k * n + p]!
        const right = a[k * n + q]!
        a[k * n + p] = cosine * left - sine * right
        a[k * n + q] = sine * left + cosine * right
      }
      turn(a, n, p, q, cosine, sine)
      turn(vectors, n, p, q, cosine, sine)
      a[p * n + p] = first - tangent * off
      a[q * n + q] = second + tangent * off
      a[p * n + q] = 0
      a[q * n + p] = 0
      // A rank-deficient matrix has diagonal entries that are noise around 0: turning those is endless and changes nothing.
      if (Math.abs(off) > Number.EPSILON * Math.max(Math.abs(first), Math.abs(second)) * 1e-3) turned = true
    }
  return turned
}

/** Turns rows p and q by an angle. */
function turn(values: Float64Array, n: number, p: number, q: number, cosine: number, sine: number): void {
  for (let at = p * n, other = q * n, end = at + n; at < end; at++, other++) {
    const left = values[at]!
    const right = values[other]!
    values[at] = cosine * left - sine * right
    values[other] = sine * left + cosine * right
  }
}
