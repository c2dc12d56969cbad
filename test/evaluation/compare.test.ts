import { describe, expect, it } from "vitest"
import { Random } from "../../src/core/random.js"
import { compare, holm, nameResults, pairedTTest, randomisationTest } from "../../src/evaluation/index.js"
import { resultOf, valuesOf } from "./fixtures/results.js"

const baseline = resultOf({ name: "bm25" }, valuesOf(new Random(1, "a"), 40))
const better = resultOf({ name: "dense" }, valuesOf(new Random(1, "b"), 40, 0.2))
const alike = resultOf({ name: "other" }, valuesOf(new Random(1, "c"), 40, 0.02))

describe("compare", () => {
  it("tests every run and measure against the baseline, corrected over all of them", () => {
    const comparison = compare([baseline, better, alike])
    expect(comparison).toMatchObject({
      schema: "rankine.comparison/1",
      baseline: "bm25",
      runs: ["bm25", "dense", "other"],
      measures: ["nDCG@10", "hole@10"],
      tests: 4,
    })
    expect(comparison.comparisons.map(({ run, measure }) => `${run} ${measure}`)).toEqual([
      "dense nDCG@10",
      "dense hole@10",
      "other nDCG@10",
      "other hole@10",
    ])
    const column = (result: typeof baseline, measure: string) =>
      Object.values(result.perQuery).map((of) => of[measure]!)
    const t = comparison.comparisons.map(({ run, measure }) =>
      pairedTTest(column(run === "dense" ? better : alike, measure), column(baseline, measure)),
    )
    expect(comparison.comparisons.map(({ tTest }) => tTest!.p)).toEqual(t.map(({ p }) => p))
    expect(comparison.comparisons.map(({ tTest }) => tTest!.adjusted)).toEqual(holm(t.map(({ p }) => p)))
    const first = comparison.comparisons[0]!
    expect(first.randomisation!.p).toBe(randomisationTest(column(better, "nDCG@10"), column(baseline, "nDCG@10")).p)
    expect(first.randomisation!.adjusted).toBeGreaterThan(first.randomisation!.p)
    expect(first.difference).toBeCloseTo(better.measures["nDCG@10"]! - baseline.measures["nDCG@10"]!, 12)
    expect(first.difference).toBeGreaterThan(0.1)
  })

  it("counts wins by what is better, and ties within rounding", () => {
    const before = resultOf(
      { name: "a" },
      { 1: { AP: 0.5, "hole@5": 0.2 }, 2: { AP: 0.1, "hole@5": 0.2 }, 3: { AP: 0.3, "hole@5": 0 } },
    )
    const after = resultOf(
      { name: "b" },
      { 1: { AP: 0.6, "hole@5": 0.4 }, 2: { AP: 0.1 + 1e-15, "hole@5": 0 }, 3: { AP: 0.2, "hole@5": 0.2 } },
    )
    const [ap, hole] = compare([before, after]).comparisons
    expect(ap).toMatchObject({ wins: 1, ties: 1, losses: 1, higherIsBetter: true })
    expect(hole).toMatchObject({ wins: 1, ties: 0, losses: 2, higherIsBetter: false })
  })

  it("leaves out the queries that only one run has, and counts them", () => {
    const a = resultOf({ name: "a" }, { 1: { AP: 0.5 }, 2: { AP: 0.1 }, 3: { AP: 1 } })
    const b = resultOf({ name: "b" }, { 2: { AP: 0.3 }, 3: { AP: 0.8 }, 4: { AP: 1 }, 5: { AP: 1 } })
    const [entry] = compare([a, b]).comparisons
    expect(entry).toMatchObject({ queries: 2, leftOut: 3, wins: 1, losses: 1 })
    expect(entry!.baselineMean).toBeCloseTo(0.55, 12)
    expect(entry!.mean).toBeCloseTo(0.55, 12)
  })

  it("has no test for a single query", () => {
    const a = resultOf({ name: "a" }, { 1: { AP: 0.5 } })
    const b = resultOf({ name: "b" }, { 1: { AP: 0.7 } })
    const comparison = compare([a, b])
    expect(comparison.tests).toBe(0)
    expect(comparison.comparisons[0]).toMatchObject({ tTest: null, randomisation: null, wins: 1 })
  })

  it("takes the baseline by position or name, and measures by any of their names", () => {
    expect(compare([baseline, better], { baseline: 1 }).baseline).toBe("dense")
    const comparison = compare([baseline, better], { baseline: "dense", measures: ["ndcg_cut_10"] })
    expect(comparison.comparisons).toMatchObject([{ run: "bm25", measure: "nDCG@10" }])
    expect(comparison.comparisons[0]!.difference).toBeLessThan(0)
  })

  it.each([
    ["one result", () => compare([baseline]), /at least two/],
    [
      "another data set",
      () => compare([baseline, { ...better, dataset: { ...better.dataset, name: "else" } }]),
      /different data.*demo\/test and else\/test/,
    ],
    [
      "another split",
      () => compare([baseline, { ...better, dataset: { ...better.dataset, split: "dev" } }]),
      /demo\/test and demo\/dev/,
    ],
    ["an unknown baseline", () => compare([baseline, better], { baseline: "no" }), /no baseline no; .* bm25, dense/],
    ["a baseline out of range", () => compare([baseline, better], { baseline: 2 }), /no baseline 2/],
    [
      "a measure nobody took",
      () => compare([baseline, better], { measures: ["AP"] }),
      /not measured by AP; it has nDCG@10/,
    ],
    ["names that are the same", () => compare([baseline, better], { names: ["x", "x"] }), /2 different names/],
    [
      "no measure in common",
      () => compare([baseline, resultOf({ name: "x" }, { q1: { AP: 1 }, q2: { AP: 0 } })]),
      /no measure in common/,
    ],
    [
      "no query in common",
      () => compare([resultOf({ name: "a" }, { 1: { AP: 1 } }), resultOf({ name: "b" }, { 2: { AP: 1 } })]),
      /no query in common/,
    ],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: "argument" }))
    expect(call).toThrow(message)
  })
})

it("names runs by what tells them apart", () => {
  const named = (...pipelines: { name: string; [parameter: string]: unknown }[]) =>
    nameResults(pipelines.map((pipeline) => resultOf(pipeline, { 1: { AP: 1 } })))
  expect(named({ name: "bm25" }, { name: "dense" })).toEqual(["bm25", "dense"])
  expect(named({ name: "bm25", k1: 0.9, b: 0.4 }, { name: "bm25", k1: 1.2, b: 0.4 }, { name: "dense" })).toEqual([
    "bm25 (k1=0.9)",
    "bm25 (k1=1.2)",
    "dense",
  ])
  expect(named({ name: "bm25", k1: 1 }, { name: "bm25", k1: 1 })).toEqual(["bm25", "bm25 #2"])
})
