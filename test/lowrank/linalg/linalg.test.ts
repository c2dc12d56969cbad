import { describe, expect, it } from "vitest"
import { Random } from "../../../src/core/index.js"
import {
  gram,
  type Matrix,
  matrixOf,
  principalComponents,
  symmetricEigen,
  thinSvd,
  transpose,
} from "../../../src/lowrank/linalg/index.js"
import golden from "./golden.json" with { type: "json" }

function random(rows: number, columns: number, seed = 1): Matrix {
  const generator = new Random(seed, "linalg")
  return { rows, columns, values: Float64Array.from({ length: rows * columns }, () => generator.normal()) }
}

const rowOf = ({ columns, values }: Matrix, row: number) => values.subarray(row * columns, (row + 1) * columns)
const dot = (left: ArrayLike<number>, right: ArrayLike<number>) => {
  let sum = 0
  for (let i = 0; i < left.length; i++) sum += left[i]! * right[i]!
  return sum
}
function expectClose(left: ArrayLike<number>, right: ArrayLike<number>, tolerance: number): void {
  expect(left.length).toBe(right.length)
  for (let i = 0; i < left.length; i++) expect(Math.abs(left[i]! - right[i]!)).toBeLessThanOrEqual(tolerance)
}
function expectOrthonormal(vectors: Matrix): void {
  const products = gram(vectors)
  const unit = products.values.map((_, at) => (at % (products.columns + 1) === 0 ? 1 : 0))
  expectClose(products.values, unit, 1e-12)
}

describe("symmetricEigen", () => {
  it("solves matrices of known eigenvalues", () => {
    const { values, vectors } = symmetricEigen(
      matrixOf([
        [2, 1],
        [1, 2],
      ]),
    )
    expectClose(values, [3, 1], 1e-15)
    expect(Math.abs(vectors.values[0]!)).toBeCloseTo(Math.SQRT1_2, 15)
    // The second difference of n points has the eigenvalues 2 - 2 cos(pi k / (n + 1)).
    const n = 20
    const difference = Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => (i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0)),
    )
    const expected = Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos((Math.PI * (n - k)) / (n + 1)))
    expectClose(symmetricEigen(matrixOf(difference)).values, expected, 1e-13)
  })

  it("gives orthonormal vectors with A v = value v, for rank-deficient, indefinite, diagonal and zero matrices", () => {
    const wide = gram(random(30, 12))
    const shifted = gram(random(10, 10))
    for (let i = 0; i < 10; i++) shifted.values[i * 11]! -= 10
    const zero: Matrix = { rows: 5, columns: 5, values: new Float64Array(25) }
    const diagonal = matrixOf([
      [0, 0, 0],
      [0, -3, 0],
      [0, 0, 5],
    ])
    for (const matrix of [wide, shifted, zero, diagonal, matrixOf([[7]]), matrixOf([])]) {
      const { values, vectors } = symmetricEigen(matrix)
      expectOrthonormal(vectors)
      expect([...values]).toEqual([...values].sort((left, right) => right - left))
      const largest = Math.max(1, ...values.map(Math.abs))
      for (let i = 0; i < matrix.rows; i++) {
        const vector = rowOf(vectors, i)
        const image = Float64Array.from({ length: matrix.rows }, (_, row) => dot(rowOf(matrix, row), vector))
        expectClose(
          image,
          vector.map((x) => x * values[i]!),
          1e-12 * largest,
        )
      }
    }
    expect(symmetricEigen(wide).values.filter((value) => value > 1e-9)).toHaveLength(12)
  })

  it("refuses what is not square or not a number", () => {
    expect(() => symmetricEigen(random(2, 3))).toThrow(/not square/)
    expect(() => symmetricEigen(matrixOf([[Number.NaN]]))).toThrow(/NaN in row 0, column 0/)
    expect(() => matrixOf([[1, 2], [3]])).toThrow(/row 1 has 1 numbers/)
  })
})

describe("thinSvd", () => {
  it("gives back the matrix from orthonormal vectors and descending values, tall, wide and square", () => {
    for (const [rows, columns] of [
      [9, 4],
      [4, 9],
      [6, 6],
      [1, 5],
      [5, 1],
    ] as const) {
      const matrix = random(rows, columns, rows)
      const { left, singular, right } = thinSvd(matrix)
      expectOrthonormal(left)
      expectOrthonormal(right)
      expect([...singular]).toEqual([...singular].sort((a, b) => b - a))
      const back = new Float64Array(rows * columns)
      singular.forEach((value, i) => {
        for (let row = 0; row < rows; row++)
          for (let column = 0; column < columns; column++)
            back[row * columns + column]! += left.values[i * rows + row]! * value * right.values[i * columns + column]!
      })
      expectClose(back, matrix.values, 1e-13)
      expectClose(thinSvd(transpose(matrix)).singular, singular, 1e-13)
    }
  })

  it("finds singular values far smaller than a Gram matrix could", () => {
    // Columns 1 and 1e-12 apart: their Gram matrix is singular in double precision.
    const { singular } = thinSvd(
      matrixOf([
        [1, 1],
        [0, 1e-12],
        [0, 0],
      ]),
    )
    expect(singular[0]).toBeCloseTo(Math.SQRT2, 12)
    expect(singular[1]! / (1e-12 / Math.SQRT2)).toBeCloseTo(1, 3)
  })

  it("takes matrices without full rank", () => {
    const { singular } = thinSvd(
      matrixOf([
        [1, 2],
        [2, 4],
        [3, 6],
      ]),
    )
    expect(singular[0]).toBeCloseTo(Math.sqrt(70), 12)
    expect(singular[1]!).toBeLessThan(1e-14)
    expect([...thinSvd({ rows: 3, columns: 2, values: new Float64Array(6) }).singular]).toEqual([0, 0])
  })
})

describe("principalComponents", () => {
  it("gives numpy's numbers, whose signs are arbitrary", () => {
    const { projected, squares, mean } = principalComponents(matrixOf(golden.rows), golden.components)
    expectClose(mean, golden.mean, 1e-12)
    expectClose(squares, golden.squares, 1e-9)
    expectClose(gram(projected).values, golden.inner.flat(), 1e-9)
  })

  it("is the same from rows and from columns, however many of either there are", () => {
    const wide = random(6, 40)
    const few = principalComponents(wide, 3)
    // More rows than columns take the other way.
    const narrow: Matrix = { rows: 40, columns: 6, values: random(40, 6).values }
    const { projected, squares, total } = principalComponents(narrow, 6)
    const { singular } = thinSvd(centred(narrow))
    expectClose(
      squares,
      singular.map((value) => value ** 2),
      1e-9,
    )
    expect(total).toBeCloseTo(dot(centred(narrow).values, centred(narrow).values), 9)
    expectClose(gram(projected).values, gram(centred(narrow)).values, 1e-9)
    expectClose(
      few.squares,
      thinSvd(centred(wide))
        .singular.slice(0, 3)
        .map((value) => value ** 2),
      1e-9,
    )
  })

  it("has no more components than the centred rows have rank", () => {
    expect(principalComponents(random(5, 20), 128).projected.columns).toBe(4)
    expect(
      principalComponents(
        matrixOf([
          [1, 2],
          [1, 2],
          [1, 2],
        ]),
        2,
      ).projected.columns,
    ).toBe(0)
    expect(
      principalComponents(
        matrixOf([
          [0, 0],
          [1, 1],
          [3, 3],
        ]),
        2,
      ).projected.columns,
    ).toBe(1)
    expect(() => principalComponents(random(2, 2), 0)).toThrow(/at least 1/)
  })
})

function centred(matrix: Matrix): Matrix {
  const { rows, columns, values } = matrix
  const means = Float64Array.from({ length: columns }, (_, column) => {
    let sum = 0
    for (let row = 0; row < rows; row++) sum += values[row * columns + column]!
    return sum / rows
  })
  return { rows, columns, values: values.map((value, at) => value - means[at % columns]!) }
}
