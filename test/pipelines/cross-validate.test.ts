import { describe, expect, it } from "vitest"
import { crossValidate, type Trial } from "../../src/pipelines/cross-validate.js"

function trial(setting: string, values: readonly number[], p95Ms = 1): Trial<string> {
  return { setting, values: new Map(values.map((value, index) => [`q${index}`, value])), p95Ms }
}

describe("crossValidate", () => {
  it("finds the setting that is best everywhere, and its mean is the cross-validated one", () => {
    const values = [0.5, 0.6, 0.7, 0.8, 0.9, 1]
    const choice = crossValidate([
      trial(
        "worse",
        values.map((value) => value - 0.1),
      ),
      trial("better", values),
    ])
    expect(choice.best.setting).toBe("better")
    expect(choice.mean).toBeCloseTo(0.75, 12)
    expect(choice.crossValidated).toBeCloseTo(0.75, 12)
    expect(choice.folds).toHaveLength(5)
    expect(choice.folds.reduce((sum, { queries }) => sum + queries, 0)).toBe(6)
  })

  it("shows that a choice made by luck does not hold on other queries", () => {
    // Leave-one-out, each setting perfect on a single query: the fold that misses its own query always chooses another.
    const trials = [0, 1, 2, 3].map((lucky) =>
      trial(
        `s${lucky}`,
        [0, 1, 2, 3].map((query) => (query === lucky ? 1 : 0)),
      ),
    )
    const choice = crossValidate(trials, { folds: 4 })
    expect(choice.mean).toBe(0.25)
    expect(choice.crossValidated).toBe(0)
  })

  it("keeps within the latency limit, and says when nothing does", () => {
    const trials = [trial("slow", [1, 1, 1], 20), trial("fast", [0.5, 0.5, 0.5], 2)]
    const choice = crossValidate(trials, { maxLatencyMs: 10 })
    expect(choice.best.setting).toBe("fast")
    expect(choice.tooSlow).toBe(1)
    expect(() => crossValidate(trials, { maxLatencyMs: 1 })).toThrow(/fastest takes 2\.00 ms/)
  })

  it("prefers less where less is better, and the earlier setting where equal", () => {
    const trials = [trial("a", [0.4, 0.4]), trial("b", [0.2, 0.2]), trial("c", [0.2, 0.2])]
    expect(crossValidate(trials, { higherIsBetter: false }).best.setting).toBe("b")
    expect(crossValidate([trials[1]!, trials[2]!]).best.setting).toBe("b")
  })

  it("deals the same folds for the same seed", () => {
    const trials = [trial("a", [0, 1, 0, 1, 1, 0, 1]), trial("b", [1, 0, 1, 0, 0, 1, 1])]
    const folds = (seed: number) => crossValidate(trials, { seed, folds: 3 }).folds
    expect(folds(7)).toEqual(folds(7))
  })

  it("refuses to choose from nothing", () => {
    expect(() => crossValidate([])).toThrow(/no setting/)
    expect(() => crossValidate([trial("a", [1])])).toThrow(/at least 2/)
  })
})
