import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Clock, RateLimiter } from "../../../rerankers/hosted/rate-limit.js"
import { throwIfAborted } from "../../../src/core/index.js"

function fakeClock(): Clock & { time: number } {
  const clock = {
    time: 0,
    now: () => clock.time,
    async wait(seconds: number, signal: AbortSignal | undefined) {
      throwIfAborted(signal)
      expect(seconds).toBeGreaterThan(0)
      clock.time += seconds
    },
  }
  return clock
}

describe("RateLimiter", () => {
  it("lets through what fits, at once, and the next when the oldest is a minute old", async () => {
    const clock = fakeClock()
    const limiter = new RateLimiter({ requestsPerMinute: 2 }, clock)
    const times: number[] = []
    for (let i = 0; i < 5; i++) times.push((await limiter.take(1)).at)
    expect(times.map(Math.round)).toEqual([0, 0, 60, 60, 120])
  })

  it("never passes either limit within any minute, whatever is asked and corrected", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 10, max: 100 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 40 })), { maxLength: 25 }),
        async (requestsPerMinute, tokensPerMinute, asked) => {
          const clock = fakeClock()
          const limiter = new RateLimiter({ requestsPerMinute, tokensPerMinute }, clock)
          const sent: { at: number; tokens: number }[] = []
          for (const [tokens, pause] of asked) {
            clock.time += pause
            sent.push(await limiter.take(tokens))
          }
          for (const { at } of sent) {
            const within = sent.filter((other) => other.at >= at && other.at < at + 60)
            expect(within.length).toBeLessThanOrEqual(requestsPerMinute)
            const sum = within.reduce((total, { tokens }) => total + tokens, 0)
            // One that is over the limit by itself goes alone.
            if (within.length > 1) expect(sum).toBeLessThanOrEqual(tokensPerMinute)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it("counts what the service counted", async () => {
    const clock = fakeClock()
    const limiter = new RateLimiter({ tokensPerMinute: 100 }, clock)
    const first = await limiter.take(90)
    first.tokens = 10
    expect((await limiter.take(90)).at).toBe(0)
    const third = await limiter.take(1)
    expect(third.at).toBeGreaterThanOrEqual(60)
  })

  it("lets the next go on when one that waits is stopped", async () => {
    const clock = fakeClock()
    const limiter = new RateLimiter({ requestsPerMinute: 1 }, clock)
    await limiter.take(1)
    const stop = new AbortController()
    const stopped = limiter.take(1, stop.signal)
    const next = limiter.take(1)
    stop.abort()
    await expect(stopped).rejects.toMatchObject({ code: "aborted" })
    expect((await next).at).toBeGreaterThanOrEqual(60)
  })
})
