import { readFile } from "node:fs/promises"
import { describe, expect, it } from "vitest"
import { MaxSim } from "../../../retrievers/late-interaction/index.js"
import { Random } from "../../../src/core/index.js"

const random = (count: number, dimension: number, seed: number): Float32Array => {
  const numbers = new Random(seed, "rows")
  return Float32Array.from({ length: count * dimension }, () => numbers.normal())
}

/** The definition, in float64. */
function reference(query: Float32Array, document: Float32Array, dimension: number): number {
  let total = 0
  for (let q = 0; q < query.length; q += dimension) {
    let most = Number.NEGATIVE_INFINITY
    for (let d = 0; d < document.length; d += dimension) {
      let product = 0
      for (let i = 0; i < dimension; i++) product += query[q + i] * document[d + i]
      most = Math.max(most, product)
    }
    total += most
  }
  return total
}

describe("MaxSim", () => {
  it("is the sum of the largest products, whatever the number of tokens and dimensions", () => {
    let seed = 0
    for (const dimension of [1, 3, 4, 7, 48, 128, 384])
      for (const tokens of [1, 2, 3, 4, 5, 8, 33])
        for (const queryTokens of [1, 2, 5, 32]) {
          const sim = new MaxSim(dimension)
          const query = random(queryTokens, dimension, ++seed)
          const document = random(tokens, dimension, ++seed)
          sim.query = { rows: query }
          const { score, best } = sim.score({ rows: document })
          const expected = reference(query, document, dimension)
          // Products of float32 grow with the dimension, and so do their rounding errors.
          expect(Math.abs(score - expected)).toBeLessThan(2e-7 * queryTokens * (dimension + 8))
          expect(best.length).toBe(queryTokens)
          expect(best.reduce((sum, value) => sum + value, 0)).toBeCloseTo(score, 3)
        }
  })

  it("gives torch's scores for the vectors of a miniature ColBERT", async () => {
    const file = new URL("../../models/fixtures/multi-vector.json", import.meta.url)
    const { dim, layouts, scores } = JSON.parse(await readFile(file, "utf8")) as {
      dim: number
      layouts: { stanford: Record<"queries" | "documents", { rows: number[] }[]> }
      scores: number[][]
    }
    const sim = new MaxSim(dim)
    for (const [q, { rows }] of layouts.stanford.queries.entries()) {
      sim.query = { rows: Float32Array.from(rows) }
      for (const [d, document] of layouts.stanford.documents.entries())
        expect(sim.score({ rows: Float32Array.from(document.rows) }).score).toBeCloseTo(scores[q][d], 5)
    }
  })

  it("does not depend on what was scored before, or on where a token stands", () => {
    const sim = new MaxSim(20)
    sim.query = { rows: random(7, 20, 1) }
    const rows = random(9, 20, 2)
    const alone = sim.score({ rows }).score
    sim.score({ rows: random(50, 20, 3) })
    expect(sim.score({ rows }).score).toBe(alone)
    const turned = new Float32Array(rows.length)
    for (let token = 0; token < 9; token++) turned.set(rows.subarray(token * 20, token * 20 + 20), (8 - token) * 20)
    expect(sim.score({ rows: turned }).score).toBe(alone)
  })

  it("is 0 without tokens, and refuses what are no vectors", () => {
    const sim = new MaxSim(4)
    sim.query = { rows: random(2, 4, 1) }
    expect(sim.score({ rows: new Float32Array(0) }).score).toBe(0)
    const code = (rows: Float32Array) => {
      try {
        sim.score({ rows })
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(code(new Float32Array(6))).toBe("argument")
    expect(code(new Float32Array([1, 2, Number.NaN, 4]))).toBe("data")
    expect(() => new MaxSim(0)).toThrow("dimension")
  })
})
