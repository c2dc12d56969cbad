import studentCdf from "@stdlib/stats-base-dists-t-cdf"
import { RankineError } from "../../core/errors.js"

export interface TTest {
  readonly statistic: number
  readonly degreesOfFreedom: number
  /** Two-sided. */
  readonly p: number
}

/**
 * Student's paired t-test, two-sided, of per-query values of two systems on the same queries.
 * Equal values everywhere give p = 1. Throws `argument` for lists of unequal length or fewer than two pairs.
 * Source: Student, The probable error of a mean, Biometrika 6, 1908; for retrieval: Smucker et al., CIKM 2007.
 */
export function pairedTTest(left: readonly number[], right: readonly number[]): TTest {
  const differences = pairDifferences(left, right)
  const count = differences.length
  if (count < 2) throw new RankineError("argument", `a paired t-test needs at least two queries, there are ${count}`)
  const degreesOfFreedom = count - 1
  const mean = meanOf(differences)
  const error = standardError(differences)
  if (mean === 0) return { statistic: 0, degreesOfFreedom, p: 1 }
  const statistic = mean / error
  return {
    statistic,
    degreesOfFreedom,
    p: error === 0 ? 0 : Math.min(1, 2 * studentCdf(-Math.abs(statistic), degreesOfFreedom)),
  }
}

/** left - right, one by one. Throws `argument` for lists of unequal length. */
export function pairDifferences(left: readonly number[], right: readonly number[]): number[] {
  if (left.length !== right.length)
    throw new RankineError(
      "argument",
      `paired tests need the same queries: ${left.length} values against ${right.length}`,
    )
  return left.map((value, index) => value - right[index]!)
}

export function meanOf(values: readonly number[]): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}

/** The standard error of the mean, from the sample's variance (n - 1). */
export function standardError(values: readonly number[]): number {
  const mean = meanOf(values)
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  return Math.sqrt(squares / (values.length - 1) / values.length)
}
