import { setImmediate as turn } from "node:timers/promises"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/errors.js"
import { runInSlices } from "../../src/models/scheduler-slices.js"

const row = (index: number, length = 1) => ({ ids: new Array<number>(length).fill(index) })

describe("runInSlices", () => {
  it("gives results in order, with the tokens of each row, whatever the slices are", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 90_000 }), { maxLength: 12 }), async (lengths) => {
        const slices: number[] = []
        const seen: number[] = []
        const { results, counts } = await runInSlices(
          lengths.length,
          (index) => row(index, lengths[index]),
          async (rows, { onRows, admitted }) => {
            slices.push(rows.reduce((sum, { ids }) => sum + ids.length, 0))
            // Only the first may be refused by a full queue.
            expect(admitted ?? false).toBe(slices.length > 1)
            await turn()
            onRows?.(rows.length)
            return rows.map(({ ids }) => ids[0])
          },
          { onRows: (done) => seen.push(done) },
        )
        expect(results).toEqual(lengths.map((_, index) => index))
        expect([...counts]).toEqual(lengths)
        expect(seen.at(-1) ?? 0).toBe(lengths.length)
        expect(seen).toEqual([...seen].sort((a, b) => a - b))
        for (const tokens of slices) expect(tokens).toBeLessThan(2 ** 18 + 90_000)
        for (const tokens of slices.slice(0, -1)) expect(tokens).toBeGreaterThanOrEqual(2 ** 18)
      }),
      { numRuns: 30 },
    )
  })

  it("prepares no more than two slices ahead of the model", async () => {
    let prepared = 0
    let ran = 0
    let most = 0
    await runInSlices(
      100_000,
      (index) => {
        prepared++
        return row(index)
      },
      async (rows) => {
        await turn()
        most = Math.max(most, prepared - ran)
        ran += rows.length
        return rows.map(() => 0)
      },
    )
    expect(ran).toBe(100_000)
    expect(most).toBeLessThanOrEqual(3 * 2 ** 14)
  })

  it("stops everything once a slice fails or the caller leaves, and waits until nothing runs", async () => {
    let running = 0
    let ran = 0
    const failing = runInSlices(
      100_000,
      (index) => row(index),
      async (rows, { signal }) => {
        running++
        const own = ran++
        for (let step = 0; step < 5 && !signal!.aborted; step++) await turn()
        running--
        if (own === 1) throw new RankineError("model", "no")
        return rows.map(() => 0)
      },
    )
    await expect(failing).rejects.toMatchObject({ code: "model", message: "no" })
    expect(running).toBe(0)
    expect(ran).toBeLessThan(5)

    const stop = new AbortController()
    let prepared = 0
    const stopped = runInSlices(
      1_000_000,
      (index) => {
        if (++prepared === 1000) stop.abort()
        return row(index)
      },
      async (rows, { signal }) => {
        signal!.throwIfAborted()
        return rows.map(() => 0)
      },
      { signal: stop.signal },
    )
    await expect(stopped).rejects.toThrow()
    expect(prepared).toBeLessThan(1_000_000)
  })

  it("passes on what preparing throws", async () => {
    const bad = runInSlices(
      3,
      (index) => {
        if (index === 2) throw new RankineError("argument", "no text")
        return row(index)
      },
      async (rows) => rows.map(() => 0),
    )
    await expect(bad).rejects.toMatchObject({ code: "argument" })
  })
})
