/** Llama 3 scales positions by rules of its own; GGUF files keep what the rules came to, and not the rules. @module */

/** As config.json has it. */
export interface Llama3Scaling {
  readonly rope_type: "llama3"
  readonly factor: number
  readonly low_freq_factor: number
  readonly high_freq_factor: number
  readonly original_max_position_embeddings: number
}

/** What the published models have. */
const PUBLISHED = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }

/** Relative; files keep float32, made from float32. */
const TOLERANCE = 1e-4

/**
 * The rules behind the divisors of a head's angles, `rope_freqs.weight` [head width / 2].
 *
 * Long waves are divided by `factor`, short ones by 1; between two lengths a weight rises linearly with the frequency. Only the ratios
 * of the three other numbers matter, so that the two ends of that line give them all. Undefined where no such rules give the divisors.
 * @param theta the base of the angles
 */
export function llama3ScalingOf(divisors: ArrayLike<number>, theta: number): Llama3Scaling | undefined {
  const values = Array.from(divisors)
  // The divisors went through float32.
  const factor = Number(Math.max(...values).toPrecision(5))
  const fits = (rest: Omit<Llama3Scaling, "rope_type" | "factor">) => {
    const scaling: Llama3Scaling = { rope_type: "llama3", factor, ...rest }
    const made = llama3Divisors(scaling, theta, values.length)
    return made.every((value, index) => Math.abs(value - values[index]) <= TOLERANCE * value) ? scaling : undefined
  }
  return fits(PUBLISHED) ?? solved(values, factor, theta).map(fits).find(Boolean)
}

/** The divisors that the rules give. */
export function llama3Divisors(scaling: Llama3Scaling, theta: number, count: number): number[] {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: length } = scaling
  return wavelengths(theta, count).map((wavelength) => {
    if (wavelength < length / high) return 1
    if (wavelength > length / low) return factor
    const smooth = (length / wavelength - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}

/** Candidates with a low factor of 1: how long the longest mixed wave is, and how many times as long as the shortest. */
function solved(values: readonly number[], factor: number, theta: number) {
  const waves = wavelengths(theta, values.length)
  const between = [...waves.keys()].filter((i) => values[i] > 1 + TOLERANCE && values[i] < factor * (1 - TOLERANCE))
  const rules = (length: number, high: number) => ({
    low_freq_factor: 1,
    high_freq_factor: high,
    original_max_position_embeddings: length,
  })
  const smooth = (index: number) => (1 / values[index] - 1 / factor) / (1 - 1 / factor)
  const longestKept = Math.max(0, ...waves.filter((_, index) => values[index] <= 1 + TOLERANCE))
  const shortestDivided = Math.min(waves.at(-1)! * 4, ...waves.filter((_, i) => values[i] >= factor * (1 - TOLERANCE)))
  if (between.length >= 2) {
    // smooth = slope / wavelength - 1 / (high - 1)
    const [first, last] = [between[0], between.at(-1)!]
    const slope = (smooth(first) - smooth(last)) / (1 / waves[first] - 1 / waves[last])
    const high = 1 + 1 / (slope / waves[first] - smooth(first))
    return [rules(slope * (high - 1), high)]
  }
  // With fewer mixed waves than two, many rules give the same divisors.
  return Array.from({ length: 63 }, (_, step) => {
    const share = (step + 1) / 64
    if (between.length === 0) {
      const length = longestKept + (shortestDivided - longestKept) * share
      return rules(length, length / (longestKept + (length - longestKept) / 2))
    }
    const wave = waves[between[0]]
    const length = wave + (shortestDivided - wave) * share
    return rules(length, 1 + (length / wave - 1) / smooth(between[0]))
  })
}

function wavelengths(theta: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => 2 * Math.PI * theta ** (index / count))
}
