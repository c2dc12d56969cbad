import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/errors.js"
import { Random } from "../../src/core/random.js"
import {
  holm,
  meanInterval,
  pairedTTest,
  percentile,
  randomisationTest,
  studentQuantile,
} from "../../src/evaluation/index.js"
import scipy from "./fixtures/statistics.json" with { type: "json" }

describe.each(scipy.paired)("scipy's numbers, sample $#", ({ a, b, t, p, ci, exact, monteCarlo }) => {
  it("paired t-test", () => {
    const test = pairedTTest(b, a)
    expect(test.statistic).toBeCloseTo(t, 10)
    expect(test.p).toBeCloseTo(p, 10)
    expect(test.degreesOfFreedom).toBe(a.length - 1)
    expect(pairedTTest(a, b)).toEqual({ ...test, statistic: -test.statistic })
  })

  it("t interval of the mean", () => {
    const interval = meanInterval(b)
    expect(interval.low).toBeCloseTo(ci[0]!, 10)
    expect(interval.high).toBeCloseTo(ci[1]!, 10)
  })

  it("randomisation test", () => {
    const test = randomisationTest(b, a)
    if (exact !== undefined) {
      expect(test.exact).toBe(true)
      expect(test.p).toBeCloseTo(exact, 12)
    } else {
      expect(test).toMatchObject({ exact: false, samples: 100_000 })
      // Two independent samples: four standard errors of their difference.
      const error = Math.sqrt(monteCarlo! * (1 - monteCarlo!) * (1 / 100_000 + 1 / 400_000))
      expect(Math.abs(test.p - monteCarlo!)).toBeLessThan(4 * error + 2e-5)
    }
  })

  it("bootstrap interval lies near the t interval", () => {
    const t = meanInterval(b)
    const interval = meanInterval(b, { method: "bootstrap", seed: 3 })
    const width = t.high - t.low
    expect(interval.mean).toBe(t.mean)
    // The percentile bootstrap is narrower for few values: by sqrt((n - 1) / n) and by t against normal quantiles.
    expect(interval.low).toBeGreaterThan(t.low - 0.1 * width)
    expect(interval.high).toBeLessThan(t.high + 0.1 * width)
    expect(interval.high - interval.low).toBeGreaterThan(0.5 * width)
  })
})

describe("quantiles and percentiles", () => {
  it.each(scipy.quantiles)("t quantile of %d with %d degrees", (probability, degrees, expected) => {
    expect(studentQuantile(probability, degrees)).toBeCloseTo(expected, 8)
  })

  it.each(scipy.percentiles.at)("percentile %d is NumPy's", (fraction, expected) => {
    const sorted = [...scipy.percentiles.values].sort((left, right) => left - right)
    expect(percentile(sorted, fraction!)).toBeCloseTo(expected!, 12)
  })
})

describe("corner cases", () => {
  it("equal systems are not different", () => {
    expect(pairedTTest([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]).p).toBe(1)
    expect(randomisationTest([0.1, 0.2], [0.1, 0.2])).toEqual({ p: 1, exact: true, samples: 1 })
  })

  it("a constant difference has no spread", () => {
    expect(pairedTTest([1, 1, 1], [0.5, 0.5, 0.5])).toMatchObject({ statistic: Number.POSITIVE_INFINITY, p: 0 })
    // Of 8 sign assignments only all-plus and all-minus are as extreme.
    expect(randomisationTest([1, 1, 1], [0.5, 0.5, 0.5]).p).toBe(0.25)
  })

  it("counting all and sampling agree on 20 and 21 queries", () => {
    const random = new Random(5, "samples")
    const left = Array.from({ length: 21 }, () => random.float())
    const right = left.map((value) => value + 0.1 * (random.float() - 0.4))
    const twenty = randomisationTest(left.slice(0, 20), right.slice(0, 20))
    const same = randomisationTest([...left.slice(0, 20), 0.5], [...right.slice(0, 20), 0.5])
    expect(twenty).toMatchObject({ exact: true, samples: 2 ** 20 })
    expect(same.p).toBe(twenty.p)
    const sampled = randomisationTest(left, right, { seed: 1 })
    expect(sampled.exact).toBe(false)
    expect(randomisationTest(left, right, { seed: 1 })).toEqual(sampled)
    expect(randomisationTest(left, right, { seed: 2 }).p).not.toBe(sampled.p)
  })

  it("refuses what it cannot answer", () => {
    expect(() => pairedTTest([1], [2])).toThrow(RankineError)
    expect(() => pairedTTest([1, 2], [2])).toThrow("2 values against 1")
    expect(() => randomisationTest([], [])).toThrow("at least one query")
    expect(() => randomisationTest([1], [2], { samples: 0 })).toThrow("samples")
    expect(() => meanInterval([])).toThrow("at least one value")
    expect(() => meanInterval([1, 2], { level: 95 })).toThrow("between 0 and 1")
    expect(meanInterval([0.7])).toEqual({ mean: 0.7, low: 0.7, high: 0.7 })
  })
})

// statsmodels.stats.multitest.multipletests(method="holm")
it.each([
  [
    [0.01, 0.04, 0.03, 0.005],
    [0.03, 0.06, 0.06, 0.02],
  ],
  [
    [0.2, 0.2, 0.9, 0.001, 0.049],
    [0.6, 0.6, 0.9, 0.005, 0.196],
  ],
  [[0.5], [0.5]],
  [[], []],
])("Holm's correction of %j", (values, expected) => {
  const adjusted = holm(values)
  expect(adjusted).toHaveLength(expected.length)
  adjusted.forEach((value, index) => {
    expect(value).toBeCloseTo(expected[index]!, 12)
  })
})
