import { RankineError } from "../../core/errors.js"
import { Random } from "../../core/random.js"
import { pairDifferences } from "./t-test.js"

export interface RandomisationTest {
  /** Two-sided. */
  readonly p: number
  /** Whether all sign assignments were counted, or a sample of them. */
  readonly exact: boolean
  /** Sign assignments counted. */
  readonly samples: number
}

/** Samples by default; fewer where a sample is long, so that comparing runs on ten thousand queries takes seconds. */
const defaultSamples = (queries: number) => (queries <= 2000 ? 100_000 : 20_000)

/** 2^20 assignments take some milliseconds. */
const EXACT_LIMIT = 20

/**
 * Fisher's randomisation test, two-sided, of the difference of means: how often a random swap of the two systems' values,
 * query by query, gives a mean difference at least as large. Queries with equal values do not influence it; with at most
 * 20 others all swaps are counted, else `samples` random ones (seeded; 100,000, or 20,000 with over 2,000 queries), and
 * p = (hits + 1) / (samples + 1), which is never 0 (Phipson and Smyth, SAGMB 9(1), 2010).
 * Source: Fisher, The Design of Experiments, 1935; for retrieval: Smucker, Allan and Carterette, CIKM 2007.
 * Throws `argument` for lists of unequal length or without queries.
 */
export function randomisationTest(
  left: readonly number[],
  right: readonly number[],
  options: { readonly samples?: number; readonly seed?: number } = {},
): RandomisationTest {
  const { seed = 0 } = options
  const all = pairDifferences(left, right)
  const samples = options.samples ?? defaultSamples(all.length)
  if (!Number.isInteger(samples) || samples < 1)
    throw new RankineError("argument", `samples must be a whole number of at least 1, not ${samples}`)
  if (all.length === 0) throw new RankineError("argument", "a randomisation test needs at least one query")
  const differences = Float64Array.from(all.filter((difference) => difference !== 0))
  const total = differences.reduce((sum, difference) => sum + Math.abs(difference), 0)
  const observed = Math.abs(differences.reduce((sum, difference) => sum + difference, 0))
  // Sums of the same numbers in another order differ in their last bits; they must count as equal.
  const threshold = observed - 1e-12 * total
  return differences.length <= EXACT_LIMIT
    ? countAll(differences, threshold)
    : countSample(differences, threshold, samples, seed)
}

function countAll(differences: Float64Array, threshold: number): RandomisationTest {
  const samples = 2 ** differences.length
  const sums = signedSums(differences)
  const bytes = Math.ceil(differences.length / 8)
  let hits = 0
  for (let signs = 0; signs < samples; signs++) {
    let sum = 0
    for (let byte = 0; byte < bytes; byte++) sum += sums[byte * 256 + ((signs >>> (8 * byte)) & 255)]!
    if (Math.abs(sum) >= threshold) hits++
  }
  return { p: hits / samples, exact: true, samples }
}

function countSample(differences: Float64Array, threshold: number, samples: number, seed: number): RandomisationTest {
  const random = new Random(seed, "randomisation-test")
  const sums = signedSums(differences)
  const bytes = Math.ceil(differences.length / 8)
  let hits = 0
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0
    let bits = 0
    for (let byte = 0; byte < bytes; byte++) {
      if (byte % 4 === 0) bits = random.uint32()
      sum += sums[byte * 256 + (bits & 255)]!
      bits >>>= 8
    }
    if (Math.abs(sum) >= threshold) hits++
  }
  return { p: (hits + 1) / (samples + 1), exact: false, samples }
}

/** For every eight differences, their sum under each of the 256 sign assignments: a sample then costs one look-up for eight. */
function signedSums(differences: Float64Array): Float64Array {
  const sums = new Float64Array(Math.ceil(differences.length / 8) * 256)
  for (let index = 0; index < sums.length; index++) {
    const first = (index >>> 8) * 8
    for (let bit = 0; bit < 8 && first + bit < differences.length; bit++)
      sums[index]! += (index >>> bit) & 1 ? differences[first + bit]! : -differences[first + bit]!
  }
  return sums
}
