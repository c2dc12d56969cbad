import studentCdf from "@stdlib/stats-base-dists-t-cdf"
import { RankineError } from "../../core/errors.js"
import { Random } from "../../core/random.js"
import { meanOf, standardError } from "./t-test.js"

export interface Interval {
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** The t with P(T <= t) = probability, for probability >= 0.5, by bisection on the distribution function. */
export function studentQuantile(probability: number, degreesOfFreedom: number): number {
  if (!(probability >= 0.5 && probability < 1))
    throw new RankineError("argument", `probability must be in [0.5, 1), not ${probability}`)
  let low = 0
  let high = 1
  while (studentCdf(high, degreesOfFreedom) < probability) high *= 2
  for (let middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2)
    if (studentCdf(middle, degreesOfFreedom) < probability) low = middle
    else high = middle
  return high
}

export interface IntervalOptions {
  /** 0.95 by default. */
  readonly level?: number
  /** `t` (the default) or the percentile `bootstrap`. */
  readonly method?: "t" | "bootstrap"
  /** Resamples of the bootstrap. */
  readonly samples?: number
  readonly seed?: number
}

/**
 * A confidence interval of the mean over queries. With one value there is no spread to judge by: low and high are the mean.
 * Source: Student 1908; the percentile bootstrap: Efron, Annals of Statistics 7(1), 1979.
 * Throws `argument` for an empty list or a level that is not between 0 and 1.
 */
export function meanInterval(values: readonly number[], options: IntervalOptions = {}): Interval {
  const { level = 0.95, method = "t", samples = 10_000, seed = 0 } = options
  if (values.length === 0) throw new RankineError("argument", "a confidence interval needs at least one value")
  if (!(level > 0 && level < 1)) throw new RankineError("argument", `level must be between 0 and 1, not ${level}`)
  const mean = meanOf(values)
  if (values.length === 1) return { mean, low: mean, high: mean }
  if (method === "bootstrap") return { mean, ...bootstrap(values, level, samples, seed) }
  const reach = studentQuantile((1 + level) / 2, values.length - 1) * standardError(values)
  return { mean, low: mean - reach, high: mean + reach }
}

function bootstrap(values: readonly number[], level: number, samples: number, seed: number) {
  const random = new Random(seed, "bootstrap")
  const means = new Float64Array(samples)
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0
    for (let i = 0; i < values.length; i++) sum += values[random.integer(values.length)]!
    means[sample] = sum / values.length
  }
  means.sort()
  return { low: percentile(means, (1 - level) / 2), high: percentile(means, (1 + level) / 2) }
}

/** The value below which the share `fraction` of sorted values lies, interpolated linearly (R's type 7, NumPy's default). */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  if (sorted.length === 0) throw new RankineError("argument", "a percentile needs at least one value")
  const position = fraction * (sorted.length - 1)
  const below = Math.floor(position)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (position - below)
}
