import { RankineError } from "../../core/errors.js"
import { gram, type Matrix, requireFinite, transpose } from "./matrix.js"
import { symmetricEigen } from "./symmetric-eigen.js"

export interface PrincipalComponents {
  /** Of each column. */
  readonly mean: Float64Array
  /** The rows in the space of the components: rows x k, with k at most what was asked for and the rank of the centred rows. */
  readonly projected: Matrix
  /** Sum of the squares that each component carries, descending; their share of all is `squares[i] / total`. */
  readonly squares: Float64Array
  readonly total: number
}

/** Eigenvalues below this share of the largest are rounding errors of the Gram matrix. */
const NOISE = 1e-13

/**
 * Principal component analysis of a few rows: they are centred, and told by their coordinates along the `count` directions in which they differ
 * most. The sign of each coordinate is arbitrary; inner products and distances are not. Centred rows have rank `rows - 1` at most, so that no
 * more components come out, whatever is asked for.
 *
 * Works on the smaller of the two Gram matrices, so that many columns cost little. Throws `argument` for a count that is no whole number of at
 * least 1, `data` for numbers that are none.
 */
export function principalComponents(matrix: Matrix, count: number): PrincipalComponents {
  const { rows, columns } = matrix
  if (!Number.isInteger(count) || count < 1)
    throw new RankineError("argument", `a number of components must be a whole number of at least 1, got ${count}`)
  requireFinite(matrix, "the matrix of vectors")
  const mean = new Float64Array(columns)
  const centred = Float64Array.from(matrix.values)
  for (let at = 0; at < centred.length; at++) mean[at % columns]! += centred[at]! / rows
  for (let at = 0; at < centred.length; at++) centred[at]! -= mean[at % columns]!
  const given: Matrix = { rows, columns, values: centred }
  const dual = rows <= columns
  const { values, vectors } = symmetricEigen(gram(dual ? given : transpose(given)))
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0)
  const significant = values.findIndex((value) => value <= NOISE * values[0]!)
  const k = Math.min(count, Math.max(0, rows - 1), significant === -1 ? values.length : significant)
  const projected = new Float64Array(rows * k)
  for (let component = 0; component < k; component++) {
    const direction = component * vectors.columns
    // X = U S Vᵀ: the projection X V is U S, where U comes from the Gram matrix of the rows.
    const spread = Math.sqrt(values[component]!)
    for (let row = 0; row < rows; row++) {
      let coordinate = 0
      if (dual) coordinate = vectors.values[direction + row]! * spread
      else
        for (let at = 0; at < columns; at++)
          coordinate += centred[row * columns + at]! * vectors.values[direction + at]!
      projected[row * k + component] = coordinate
    }
  }
  return { mean, projected: { rows, columns: k, values: projected }, squares: values.slice(0, k), total }
}
