import { RankineError } from "../../core/errors.js"

/** A dense matrix, row by row, in double precision: decompositions lose too many digits in less. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly values: Float64Array
}

/** Rows of numbers as a matrix. Throws `argument` for rows of unequal length. */
export function matrixOf(rows: readonly ArrayLike<number>[]): Matrix {
  const columns = rows[0]?.length ?? 0
  const values = new Float64Array(rows.length * columns)
  rows.forEach((row, index) => {
    if (row.length !== columns)
      throw new RankineError(
        "argument",
        `row ${index} has ${row.length} numbers, the first has ${columns}: give equal ones`,
      )
    values.set(row, index * columns)
  })
  return { rows: rows.length, columns, values }
}

export function transpose({ rows, columns, values }: Matrix): Matrix {
  const turned = new Float64Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column]!
  return { rows: columns, columns: rows, values: turned }
}

/** Inner products of all rows with each other: `X Xᵀ`, symmetric, rows x rows. */
export function gram({ rows, columns, values }: Matrix): Matrix {
  const products = new Float64Array(rows * rows)
  for (let left = 0; left < rows; left++)
    for (let right = 0; right <= left; right++) {
      let sum = 0
      for (let at = left * columns, other = right * columns, end = at + columns; at < end; at++, other++)
        sum += values[at]! * values[other]!
      products[left * rows + right] = sum
      products[right * rows + left] = sum
    }
  return { rows, columns: rows, values: products }
}

/** Throws `data` naming the place of a number that is none. */
export function requireFinite({ columns, values }: Matrix, what: string): void {
  const at = values.findIndex((value) => !Number.isFinite(value))
  if (at !== -1)
    throw new RankineError(
      "data",
      `${what} holds ${values[at]} in row ${Math.floor(at / columns)}, column ${at % columns}: leave that row out`,
    )
}
