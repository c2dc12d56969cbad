import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/errors.js"
import { planBatches } from "../../src/models/batching.js"

const padded = (batch: readonly number[], lengths: readonly number[]) =>
  batch.length * Math.max(...batch.map((row) => lengths[row]))

describe("planBatches", () => {
  it("takes each row once, keeps both limits, and never mixes lengths out of order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 200 }),
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 1, max: 40 }),
        (lengths, maxTokens, maxRows) => {
          const batches = planBatches(lengths, { maxTokens, maxRows })
          expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, row) => row))
          for (const batch of batches) {
            expect(batch.length).toBeLessThanOrEqual(maxRows)
            if (batch.length > 1) expect(padded(batch, lengths)).toBeLessThanOrEqual(maxTokens)
          }
          const widths = batches.flat().map((row) => lengths[row])
          expect(widths).toEqual([...widths].sort((a, b) => b - a))
        },
      ),
    )
  })

  it("does not pad to the longest of all", () => {
    const lengths = [500, ...new Array(99).fill(10)]
    const total = planBatches(lengths, { maxTokens: 1000, maxRows: 50 }).reduce(
      (sum, batch) => sum + padded(batch, lengths),
      0,
    )
    // In one batch it would be 50,000; all rows together have 1,490 tokens.
    expect(total).toBeLessThanOrEqual(2000)
  })

  it("refuses limits that make no sense", () => {
    for (const limits of [{ maxTokens: 0 }, { maxRows: 1.5 }, { maxTokens: Number.NaN }])
      expect(() => planBatches([1], limits)).toThrow(RankineError)
  })
})
