import { describe, expect, it } from "vitest"
import { crossValidateWeights, fitWeights, type ListsByQuery } from "../../../retrievers/fusion/index.js"
import { type Hit, Random } from "../../../src/core/index.js"
import type { Qrels } from "../../../src/evaluation/index.js"

/** Lists whose scores are the document's grade plus noise of a given size each. */
function noisyLists(noise: readonly number[], queries = 40, documents = 30): { lists: ListsByQuery; qrels: Qrels } {
  const lists = new Map<string, Hit[][]>()
  const qrels = new Map<string, Map<string, number>>()
  for (let q = 0; q < queries; q++) {
    const random = new Random(11, "noisy lists", q)
    const grades = Array.from({ length: documents }, (_, d) => (d < 4 ? 1 : 0))
    qrels.set(`q${q}`, new Map(grades.map((grade, d) => [`d${d}`, grade])))
    lists.set(
      `q${q}`,
      noise.map((size) =>
        grades
          .map((grade, d) => ({ id: `d${d}`, score: grade + size * random.normal() }))
          .sort((left, right) => right.score - left.score),
      ),
    )
  }
  return { lists, qrels }
}

describe("fitWeights", () => {
  it("gives the better list more weight, and scores at least as well as equal weights", () => {
    const { lists, qrels } = noisyLists([0.4, 1.5])
    const fitted = fitWeights(lists, qrels, "nDCG@10")
    expect(fitted.weights[0]).toBeGreaterThan(fitted.weights[1]!)
    expect(fitted.weights[0]! + fitted.weights[1]!).toBeCloseTo(1, 12)
    expect(fitted.score).toBeGreaterThan(fitted.equalScore)
    expect(fitted.tried).toBe(11)
    expect(fitWeights(lists, qrels, "nDCG@10")).toEqual(fitted)
  })

  it("finds the best point of the grid, as trying all of them by hand does", () => {
    const { lists, qrels } = noisyLists([0.5, 0.9, 2], 15)
    const runs: string[] = []
    const precisionAt4 = (run: Parameters<Exclude<Parameters<typeof fitWeights>[2], string>>[0]): number => {
      let found = 0
      for (const [query, hits] of run)
        for (const hit of hits.slice(0, 4)) if ((qrels.get(query)!.get(hit.id) ?? 0) > 0) found++
      runs.push(String(found))
      return found
    }
    const fitted = fitWeights(lists, qrels, precisionAt4, { step: 0.25 })
    expect(fitted.tried).toBe(16)
    expect(fitted.score).toBe(Math.max(...runs.map(Number)))
  })

  it("keeps equal weights where nothing is better", () => {
    const { lists, qrels } = noisyLists([0.001, 0.001, 0.001], 5)
    expect(fitWeights(lists, qrels, "nDCG@10").weights).toEqual([1 / 3, 1 / 3, 1 / 3])
  })

  it("climbs with more than three lists, and fits ranks too", () => {
    const { lists, qrels } = noisyLists([0.4, 3, 3, 3], 20)
    const fitted = fitWeights(lists, qrels, "nDCG@10", { method: "rrf" })
    expect(Math.max(...fitted.weights)).toBe(fitted.weights[0])
    expect(fitted.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9)
    expect(fitted.score).toBeGreaterThan(fitted.equalScore)
  })

  it("refuses what cannot be fitted", () => {
    const { lists, qrels } = noisyLists([1, 1], 3)
    expect(() => fitWeights(lists, new Map(), "nDCG@10")).toThrow(/none of the queries is judged/)
    expect(() => fitWeights(lists, qrels, "nDCG@10", { method: "combsum" })).toThrow(/takes no weights/)
    expect(() => fitWeights(lists, qrels, "nDCG@10", { step: 0 })).toThrow(/step/)
    expect(() => fitWeights(lists, qrels, () => Number.NaN)).toThrow(/finite/)
    const uneven = new Map([...lists, ["q9", [[]]] as const])
    expect(() => fitWeights(uneven, qrels, "nDCG@10")).toThrow(/same number of lists/)
  })
})

describe("crossValidateWeights", () => {
  it("tests every judged query once, on weights fitted without it", () => {
    const { lists, qrels } = noisyLists([0.4, 1.5])
    const result = crossValidateWeights(lists, qrels, "nDCG@10", { folds: 4, seed: 3 })
    expect(result.folds.map((fold) => fold.queries)).toEqual([10, 10, 10, 10])
    expect(result.testScore).toBeGreaterThan(result.equalTestScore)
    expect(result.final).toEqual(fitWeights(lists, qrels, "nDCG@10"))
    expect(crossValidateWeights(lists, qrels, "nDCG@10", { folds: 4, seed: 3 })).toEqual(result)
    const train = new Map([...qrels].filter(([query]) => query !== "q0"))
    expect(() => crossValidateWeights(lists, train, "nDCG@10", { folds: 40 })).toThrow(/folds/)
  })
})
