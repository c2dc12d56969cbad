import { RankineError } from "../core/errors.js"
import { parseMeasure } from "./measures/parse.js"
import type { BenchmarkResult } from "./result.js"
import { holm } from "./statistics/holm.js"
import { randomisationTest } from "./statistics/randomisation.js"
import { meanOf, pairedTTest } from "./statistics/t-test.js"

export interface PairedDifference {
  readonly run: string
  readonly measure: string
  readonly higherIsBetter: boolean
  /** Queries that both have, and those that only one of the two has: the latter are left out of everything here. */
  readonly queries: number
  readonly leftOut: number
  readonly baselineMean: number
  readonly mean: number
  readonly difference: number
  /** Queries on which the run is better than, equal to, worse than the baseline. */
  readonly wins: number
  readonly ties: number
  readonly losses: number
  /** Null with fewer than two queries. `adjusted` is Holm's correction over all comparisons of the table. */
  readonly tTest: { readonly statistic: number; readonly p: number; readonly adjusted: number } | null
  readonly randomisation: { readonly p: number; readonly adjusted: number; readonly exact: boolean } | null
}

export interface Comparison {
  readonly schema: "rankine.comparison/1"
  readonly dataset: { readonly name: string; readonly split: string }
  readonly baseline: string
  /** One name for each result, in their order, the baseline's included. */
  readonly runs: readonly string[]
  readonly measures: readonly string[]
  /** Tests that Holm's correction counts. */
  readonly tests: number
  readonly comparisons: readonly PairedDifference[]
}

export interface CompareOptions {
  /** Position or name of the result the others are compared with; the first by default. */
  readonly baseline?: number | string
  /** By default all measures that every result has. */
  readonly measures?: readonly string[]
  /** Names for the results, in their order; by default the pipelines' names, told apart by what differs. */
  readonly names?: readonly string[]
  readonly seed?: number
}

/**
 * Compares runs on one data set with a baseline: paired t-test and Fisher's randomisation test per measure, each
 * corrected by Holm over all pairs of run and measure. Only queries that both runs have count; the others are counted.
 * Throws `argument` for fewer than two results, another data set or split, a measure or baseline that is not there.
 */
export function compare(results: readonly BenchmarkResult[], options: CompareOptions = {}): Comparison {
  if (results.length < 2) throw new RankineError("argument", "compare needs at least two results")
  const { dataset } = results[0]!
  for (const { dataset: other } of results)
    if (other.name !== dataset.name || other.split !== dataset.split)
      throw new RankineError(
        "argument",
        `runs on different data cannot be compared: ${dataset.name}/${dataset.split} and ${other.name}/${other.split}`,
      )
  const names = options.names ? checkNames(options.names, results.length) : nameResults(results)
  const baseline = findBaseline(options.baseline ?? 0, names)
  const measures = options.measures?.map((measure) => parseMeasure(measure).name) ?? commonMeasures(results)
  if (measures.length === 0)
    throw new RankineError("argument", "the results have no measure in common; run them again with the same --measures")
  const untested = results.flatMap((result, index) =>
    index === baseline
      ? []
      : measures.map((measure) => pair(results[baseline]!, names[baseline]!, result, names[index]!, measure)),
  )
  const testable = untested.filter(({ values }) => values.length >= 2)
  const t = testable.map(({ values, baselineValues }) => pairedTTest(values, baselineValues))
  const r = testable.map(({ values, baselineValues }) =>
    randomisationTest(values, baselineValues, options.seed === undefined ? {} : { seed: options.seed }),
  )
  const tAdjusted = holm(t.map(({ p }) => p))
  const rAdjusted = holm(r.map(({ p }) => p))
  return {
    schema: "rankine.comparison/1",
    dataset: { name: dataset.name, split: dataset.split },
    baseline: names[baseline]!,
    runs: names,
    measures,
    tests: testable.length,
    comparisons: untested.map((entry) => {
      const at = testable.indexOf(entry)
      const tTest = at < 0 ? null : { statistic: t[at]!.statistic, p: t[at]!.p, adjusted: tAdjusted[at]! }
      const randomisation = at < 0 ? null : { p: r[at]!.p, adjusted: rAdjusted[at]!, exact: r[at]!.exact }
      return { ...entry.difference, tTest, randomisation }
    }),
  }
}

/** Sums in another order differ in their last bits: less than this is a tie. */
const TIE = 1e-12

function pair(
  baseline: BenchmarkResult,
  baselineName: string,
  result: BenchmarkResult,
  run: string,
  measure: string,
): {
  values: number[]
  baselineValues: number[]
  difference: Omit<PairedDifference, "tTest" | "randomisation">
} {
  const valuesOf = (source: BenchmarkResult, name: string) => {
    const values = new Map<string, number>()
    for (const [query, ofQuery] of Object.entries(source.perQuery))
      if (measure in ofQuery) values.set(query, ofQuery[measure]!)
    if (values.size === 0)
      throw new RankineError(
        "argument",
        `${name} was not measured by ${measure}; it has ${Object.keys(source.measures).join(", ")}`,
      )
    return values
  }
  const before = valuesOf(baseline, baselineName)
  const after = valuesOf(result, run)
  const common = [...before.keys()].filter((query) => after.has(query))
  if (common.length === 0) throw new RankineError("argument", `${baselineName} and ${run} have no query in common`)
  const baselineValues = common.map((query) => before.get(query)!)
  const values = common.map((query) => after.get(query)!)
  const { higherIsBetter } = parseMeasure(measure)
  let wins = 0
  let losses = 0
  values.forEach((value, index) => {
    const gain = (value - baselineValues[index]!) * (higherIsBetter ? 1 : -1)
    if (gain > TIE) wins++
    else if (gain < -TIE) losses++
  })
  const baselineMean = meanOf(baselineValues)
  const mean = meanOf(values)
  return {
    values,
    baselineValues,
    difference: {
      run,
      measure,
      higherIsBetter,
      queries: common.length,
      leftOut: before.size + after.size - 2 * common.length,
      baselineMean,
      mean,
      difference: mean - baselineMean,
      wins,
      ties: common.length - wins - losses,
      losses,
    },
  }
}

function commonMeasures(results: readonly BenchmarkResult[]): string[] {
  return Object.keys(results[0]!.measures).filter((measure) => results.every(({ measures }) => measure in measures))
}

function findBaseline(baseline: number | string, names: readonly string[]): number {
  const index = typeof baseline === "number" ? baseline : names.indexOf(baseline)
  if (Number.isInteger(index) && index >= 0 && index < names.length) return index
  throw new RankineError("argument", `there is no baseline ${baseline}; the results are ${names.join(", ")}`)
}

function checkNames(names: readonly string[], expected: number): readonly string[] {
  if (names.length !== expected || new Set(names).size !== expected)
    throw new RankineError("argument", `${expected} results need ${expected} different names, got ${names.join(", ")}`)
  return names
}

/** The pipelines' names; those that are the same are told apart by the simple parameters that differ, else by number. */
export function nameResults(results: readonly BenchmarkResult[]): string[] {
  const plain = results.map(({ pipeline }) => pipeline.name)
  const detailed = results.map(({ pipeline }, index) => {
    const twins = results.filter((_, other) => plain[other] === plain[index])
    if (twins.length === 1) return plain[index]!
    const differing = Object.entries(pipeline).filter(
      ([key, value]) =>
        (value === null || typeof value !== "object") && twins.some((twin) => twin.pipeline[key] !== value),
    )
    const inside = differing.map(([key, value]) => `${key}=${value}`).join(", ")
    return inside === "" ? plain[index]! : `${plain[index]} (${inside})`
  })
  const used = new Map<string, number>()
  return detailed.map((name) => {
    const times = (used.get(name) ?? 0) + 1
    used.set(name, times)
    return times === 1 ? name : `${name} #${times}`
  })
}
