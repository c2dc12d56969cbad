import { describe, expect, it } from "vitest"
import { lowRankScores } from "../../../rerankers/dq-lore/index.js"
import { Random } from "../../../src/core/index.js"
import golden from "../../lowrank/linalg/golden.json" with { type: "json" }

const candidates = golden.rows.slice(0, -1)
const query = golden.rows.at(-1)!

describe("lowRankScores", () => {
  it("are the inner products of numpy's projection", () => {
    const scores = lowRankScores(query, candidates, { dimensions: golden.components })
    candidates.forEach((_, at) => {
      expect(Math.abs(scores[at]! - golden.inner.at(-1)![at]!)).toBeLessThan(1e-9)
    })
  })

  it("are, in single precision too, within 1e-5 of numpy's", () => {
    const largest = Math.max(...golden.inner.at(-1)!.map(Math.abs))
    const scores = lowRankScores(
      Float32Array.from(query),
      candidates.map((row) => Float32Array.from(row)),
      {
        dimensions: golden.components,
      },
    )
    candidates.forEach((_, at) => {
      expect(Math.abs(scores[at]! - golden.inner.at(-1)![at]!) / largest).toBeLessThan(1e-5)
    })
  })

  it("are Gaussians of numpy's distances, the nearest highest", () => {
    const width = 5
    const scores = lowRankScores(query, candidates, { dimensions: golden.components, kernel: { gaussian: width } })
    const distances = golden.distances.at(-1)!
    candidates.forEach((_, at) => {
      expect(scores[at]).toBeCloseTo(Math.exp(-distances[at]! / (2 * width ** 2)), 9)
    })
    const nearest = distances.slice(0, -1).indexOf(Math.min(...distances.slice(0, -1)))
    expect(scores.indexOf(Math.max(...scores))).toBe(nearest)
  })

  it("caps the dimensions at the rank: beyond it only the centring is left", () => {
    const mean = query.map((_, column) => golden.rows.reduce((sum, row) => sum + row[column]!, 0) / golden.rows.length)
    const centred = (row: readonly number[]) => row.map((value, column) => value - mean[column]!)
    const own = centred(query)
    const expected = candidates.map((row) => centred(row).reduce((sum, value, at) => sum + value * own[at]!, 0))
    for (const dimensions of [candidates.length, 128, 512]) {
      const scores = lowRankScores(query, candidates, { dimensions })
      for (const [at, score] of scores.entries()) expect(score).toBeCloseTo(expected[at]!, 9)
    }
  })

  it("finds the exemplars of the query's own kind where noise of no meaning is louder than a plain inner product bears", () => {
    // Two kinds differ in one strong direction; everything has a large common part and noise in many directions.
    const random = new Random(3, "kinds")
    const d = 64
    const make = (kind: number) =>
      Array.from(
        { length: d },
        (_, at) => (at === 0 ? 20 : at === 1 ? 3 * kind : 0) + (at === 2 ? 0 : random.normal() * 0.8),
      )
    const pool = Array.from({ length: 32 }, (_, at) => make(at % 2 === 0 ? 1 : -1))
    let plainRight = 0
    let reducedRight = 0
    for (let run = 0; run < 20; run++) {
      const asked = make(1)
      const plain = pool.map((row) => row.reduce((sum, value, at) => sum + value * asked[at]!, 0))
      const reduced = lowRankScores(asked, pool, { dimensions: 1 })
      const best = (scores: ArrayLike<number>) =>
        pool
          .map((_, at) => at)
          .sort((left, right) => scores[right]! - scores[left]!)
          .slice(0, 16)
      plainRight += best(plain).filter((at) => at % 2 === 0).length
      reducedRight += best(reduced).filter((at) => at % 2 === 0).length
    }
    expect(reducedRight).toBe(320)
    expect(plainRight).toBeLessThan(320)
  })

  it("takes no, one and equal candidates", () => {
    expect(lowRankScores([1, 2], [])).toHaveLength(0)
    expect([...lowRankScores([1, 0], [[0, 1]])]).toEqual([expect.closeTo(-0.5, 12)])
    expect([
      ...lowRankScores(
        [1, 2],
        [
          [1, 2],
          [1, 2],
        ],
      ),
    ]).toEqual([0, 0])
  })

  it("refuses options and vectors that make no sense", () => {
    expect(() => lowRankScores([1], [[1]], { dimensions: 0 })).toThrow(/dimensions/)
    expect(() => lowRankScores([1], [[1]], { kernel: { gaussian: 0 } })).toThrow(/kernel/)
    expect(() => lowRankScores([1], [[1]], { kernel: "rbf" as "inner-product" })).toThrow(/kernel/)
    expect(() => lowRankScores([1, 2], [[1]])).toThrow(/row 1/)
    expect(() => lowRankScores([1], [[Number.NaN]])).toThrow(/NaN in row 0/)
  })
})
