import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/errors.js"
import { planBatches, runBatches } from "../../src/models/batching.js"

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

describe("runBatches", () => {
  it("gives results in the caller's order and reports progress", async () => {
    const lengths = [5, 1, 9, 9, 2, 7, 3]
    const seen: number[] = []
    const results = await runBatches(lengths, async (rows) => rows.map((row) => `row ${row}`), {
      maxTokens: 18,
      onRows: (done) => seen.push(done),
    })
    expect(results).toEqual(lengths.map((_, row) => `row ${row}`))
    expect(seen.at(-1)).toBe(lengths.length)
    expect(seen.length).toBeGreaterThan(1)
    expect(await runBatches([], async () => [])).toEqual([])
  })

  it("stops between batches when told, and leaves nothing running when one fails", async () => {
    const stop = new AbortController()
    let calls = 0
    const run = async (rows: readonly number[]) => {
      calls++
      stop.abort()
      return rows.map(() => 0)
    }
    const lengths = new Array(10).fill(10)
    await expect(
      runBatches(lengths, run, { maxTokens: 10, concurrency: 1, signal: stop.signal }),
    ).rejects.toMatchObject({ code: "aborted" })
    expect(calls).toBe(1)

    let running = 0
    const failing = async (rows: readonly number[]) => {
      running++
      await new Promise((resolve) => setTimeout(resolve, rows[0] === 0 ? 1 : 10))
      running--
      if (rows[0] === 0) throw new RankineError("model", "no")
      return rows.map(() => 0)
    }
    await expect(runBatches(lengths, failing, { maxTokens: 10, concurrency: 2 })).rejects.toMatchObject({
      code: "model",
    })
    expect(running).toBe(0)
  })

  it("refuses a batch with too few answers", async () => {
    await expect(runBatches([1, 1], async () => [0])).rejects.toMatchObject({ code: "internal" })
  })
})
