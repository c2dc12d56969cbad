import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { chooseToken, drawOf, logProbabilities } from "../../../src/models/generation/choose-token.js"
import { filteredProbabilities, greatest, largest, logSumExp, pick } from "../../../src/models/generation/sampling.js"
import { checkSettings } from "../../../src/models/generation/settings.js"

/** The definitions, word for word: sort everything, cut, normalise, again for each filter. */
function plainFilter(
  logits: readonly number[],
  temperature: number,
  topK: number,
  topP: number,
  minP: number,
): number[] {
  const most = Math.max(...logits)
  let kept = logits
    .map((logit, id) => ({ id, p: Math.exp((logit - most) / temperature) }))
    .sort((left, right) => right.p - left.p || left.id - right.id)
  const normalise = () => {
    const sum = kept.reduce((all, { p }) => all + p, 0)
    kept = kept.map(({ id, p }) => ({ id, p: p / sum }))
  }
  normalise()
  if (topK > 0) kept = kept.slice(0, topK)
  normalise()
  let sum = 0
  const count = kept.findIndex(({ p }) => (sum += p) >= topP)
  if (topP < 1 && count !== -1) kept = kept.slice(0, count + 1)
  normalise()
  const bar = minP * kept[0]!.p
  kept = kept.filter(({ p }) => p >= bar)
  normalise()
  const result = logits.map(() => 0)
  for (const { id, p } of kept) result[id] = p
  return result
}

const logitsOf = (size: number) =>
  fc.array(fc.oneof(fc.double({ min: -12, max: 12, noNaN: true }), fc.integer({ min: -3, max: 3 })), {
    minLength: 1,
    maxLength: size,
  })

describe("filters", () => {
  it("give what their definitions say", () => {
    fc.assert(
      fc.property(
        logitsOf(300),
        fc.double({ min: 0.05, max: 4, noNaN: true }),
        fc.nat(320),
        fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 0.995, noNaN: true })),
        fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
        (logits, temperature, topK, topP, minP) => {
          const found = filteredProbabilities(logits, { temperature, topK, topP, minP })
          const expected = plainFilter(logits, temperature, topK, topP, minP)
          // A sum within rounding of the border may fall on either side of it.
          const differing = expected.filter((p, id) => p > 0 !== found[id]! > 0 && p + found[id]! > 1e-9)
          const nearBorder = expected.some((p, id) => Math.abs(p - found[id]!) > 1e-9)
          if (nearBorder) expect(differing.length).toBeLessThanOrEqual(1)
          else for (const [id, p] of expected.entries()) expect(found[id]).toBeCloseTo(p, 9)
          expect(found.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12)
        },
      ),
      { numRuns: 500 },
    )
  })

  it("settle ties by the lower id", () => {
    expect([...filteredProbabilities([1, 1, 1, 1], { temperature: 1, topK: 2, topP: 1, minP: 0 })]).toEqual([
      0.5, 0.5, 0, 0,
    ])
    expect([...filteredProbabilities([0, 1, 1, 1], { temperature: 1e-6, topK: 0, topP: 0.5, minP: 0 })]).toEqual([
      0, 0.5, 0.5, 0,
    ])
  })

  it("reach the nucleus of a large flat vocabulary", () => {
    const flat = new Float32Array(5000)
    const kept = filteredProbabilities(flat, { temperature: 1, topK: 0, topP: 0.5, minP: 0 })
    expect(kept.filter((p) => p > 0)).toHaveLength(2500)
    expect(kept[2499]).toBeGreaterThan(0)
    expect(kept[2500]).toBe(0)
  })

  it("finds the largest as sorting does", () => {
    fc.assert(
      fc.property(logitsOf(200), fc.nat(30), (values, count) => {
        const sorted = values.map((_, at) => at).sort((a, b) => values[b]! - values[a]! || a - b)
        expect(largest(values, count)).toEqual(sorted.slice(0, count))
        expect(greatest(values)).toBe(sorted[0])
      }),
      { numRuns: 500 },
    )
  })

  it("refuse scores that are no numbers", () => {
    for (const bad of [[Number.NaN, 1], [1, Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY]]) {
      expect(() => greatest(bad)).toThrow(/not numbers/)
      expect(() => logSumExp(bad)).toThrow(/not numbers/)
    }
    expect(greatest([Number.NEGATIVE_INFINITY, -3])).toBe(1)
  })
})

describe("choosing a token", () => {
  const settings = (given: Parameters<typeof checkSettings>[0]) => checkSettings(given)

  it("follows the distribution: chi-square over 60,000 draws", () => {
    const logits = Float32Array.of(2, 1, 0, -1, 0.5, -8, 1.5, -2, 0.25, 3)
    for (const given of [
      { temperature: 1 },
      { temperature: 0.6, topK: 6 },
      { temperature: 1.7, topP: 0.9 },
      { temperature: 1, minP: 0.1 },
    ]) {
      const checked = settings(given)
      const expected = plainFilter([...logits], checked.temperature, checked.topK, checked.topP, checked.minP)
      const draws = 60_000
      const counts = new Float64Array(logits.length)
      for (let step = 0; step < draws; step++)
        counts[chooseToken(logits, checked, [], undefined, () => drawOf(11, step))]!++
      let statistic = 0
      for (const [id, p] of expected.entries()) {
        if (p === 0) expect(counts[id]).toBe(0)
        else statistic += (counts[id]! - draws * p) ** 2 / (draws * p)
      }
      // The 99.9th percentile of chi-square with 9 degrees of freedom; fewer have a lower one.
      expect(statistic).toBeLessThan(27.88)
    }
  })

  it("draws the same for the same seed and step, and else differently", () => {
    const draws = Array.from({ length: 50 }, (_, step) => drawOf(3, step))
    expect(Array.from({ length: 50 }, (_, step) => drawOf(3, step))).toEqual(draws)
    expect(new Set([...draws, ...Array.from({ length: 50 }, (_, step) => drawOf(4, step))]).size).toBe(100)
  })

  it("penalises what was written, and only that", () => {
    const logits = Float32Array.of(2, 1.9, -1, -1.1)
    expect(chooseToken(logits, settings({ repetitionPenalty: 1.2 }), [0], undefined, () => 0)).toBe(1)
    expect(chooseToken(logits, settings({ repetitionPenalty: 1.2 }), [3], undefined, () => 0)).toBe(0)
    expect(chooseToken(logits, settings({ repetitionPenalty: 1.2 }), [2], [2, 3], () => 0)).toBe(3)
  })

  it("keeps to the allowed tokens", () => {
    fc.assert(
      fc.property(
        logitsOf(60),
        fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.constantFrom(0, 0.7, 2),
        (values, ids, draw, temperature) => {
          const allowed = ids.filter((id) => id < values.length).sort((a, b) => a - b)
          fc.pre(allowed.length > 0)
          const logits = Float32Array.from(values)
          const id = chooseToken(logits, settings({ temperature, topK: 3 }), [], allowed, () => draw)
          expect(allowed).toContain(id)
          const best = allowed.reduce((most, each) => (logits[each]! > logits[most]! ? each : most))
          if (temperature === 0) expect(id).toBe(best)
        },
      ),
    )
  })

  it("picks by the cumulative sum, the last one where rounding leaves a gap", () => {
    const p = Float64Array.of(0.25, 0, 0.5, 0.25 - 1e-12)
    expect([0, 0.2499, 0.25, 0.7499, 0.75, 0.99999999999999].map((draw) => pick(p, draw))).toEqual([0, 0, 2, 2, 3, 3])
  })

  it("gives log-probabilities that sum to 1", () => {
    const logits = Float32Array.from({ length: 500 }, (_, id) => Math.sin(id) * 20)
    const all = logProbabilities(logits, [...logits.keys()])
    expect(all.reduce((sum, each) => sum + Math.exp(each), 0)).toBeCloseTo(1, 12)
    expect(all[7]! - all[3]!).toBeCloseTo(logits[7]! - logits[3]!, 12)
  })
})

describe("settings", () => {
  it("names what is out of range", () => {
    for (const [name, value] of Object.entries({
      temperature: -1,
      topK: 1.5,
      topP: 0,
      minP: 2,
      repetitionPenalty: 0,
      maxTokens: 0,
      seed: -1,
      logprobs: -2,
    }))
      expect(() => checkSettings({ [name]: value }), name).toThrow(new RegExp(`^${name} must be`))
    expect(() => checkSettings({ stop: [""] })).toThrow(/stop text is empty/)
    expect(checkSettings({ logprobs: true }).logprobs).toBe(0)
  })
})
