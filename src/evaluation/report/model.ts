import { RankineError } from "../../core/errors.js"
import { type Comparison, compare, nameResults, type PairedDifference } from "../compare.js"
import { parseMeasure } from "../measures/parse.js"
import type { BenchmarkResult } from "../result.js"
import { type Interval, meanInterval } from "../statistics/intervals.js"

export interface ReportOptions {
  readonly title?: string
  /** The measures to show, the first one being that of the per-query plots; by default all that every result has. */
  readonly measures?: readonly string[]
  /** Position or name of the result that the others are compared with; the first by default. */
  readonly baseline?: number | string
  /** Names for the results, in their order. */
  readonly names?: readonly string[]
  /** A comparison made before; by default it is made here. */
  readonly comparison?: Comparison
  readonly seed?: number
}

export interface ReportRun {
  readonly name: string
  readonly result: BenchmarkResult
  /** A CSS colour: grey for the baseline, another for each other run; after seven they repeat. */
  readonly color: string
  /** Mean over the run's own queries with its 95% t interval, by measure. */
  readonly intervals: ReadonlyMap<string, Interval>
}

export interface ReportMeasure {
  readonly name: string
  readonly higherIsBetter: boolean
}

/** What every form of the report shows. */
export interface ReportModel {
  readonly title: string
  readonly measures: readonly ReportMeasure[]
  readonly runs: readonly ReportRun[]
  readonly baseline: string | undefined
  readonly comparison: Comparison | undefined
}

/** Below this a difference is called significant, after Holm's correction, by the randomisation test. */
export const ALPHA = 0.05

/** Throws `argument` without results, and as `compare` does. */
export function createReport(results: readonly BenchmarkResult[], options: ReportOptions = {}): ReportModel {
  const first = results[0]
  if (!first) throw new RankineError("argument", "a report needs at least one result")
  const { title, seed, baseline } = options
  const comparison =
    results.length < 2
      ? undefined
      : (options.comparison ??
        compare(results, {
          ...(baseline === undefined ? {} : { baseline }),
          ...(options.measures ? { measures: options.measures } : {}),
          ...(options.names ? { names: options.names } : {}),
          ...(seed === undefined ? {} : { seed }),
        }))
  const names = comparison?.runs ?? options.names ?? nameResults(results)
  if (names.length !== results.length)
    throw new RankineError("argument", `the comparison is of ${names.length} results, the report of ${results.length}`)
  const measures =
    comparison?.measures ??
    options.measures?.map((measure) => parseMeasure(measure).name) ??
    Object.keys(first.measures)
  let colored = 0
  return {
    title: title ?? `${first.dataset.name} · ${names.join(" and ")}`,
    measures: measures.map((name) => ({ name, higherIsBetter: parseMeasure(name).higherIsBetter })),
    runs: results.map((result, index) => ({
      name: names[index]!,
      result,
      color: names[index] === comparison?.baseline ? "var(--run-0)" : `var(--run-${1 + (colored++ % 7)})`,
      intervals: new Map(measures.map((measure) => [measure, intervalOf(result, measure)])),
    })),
    baseline: comparison?.baseline,
    comparison,
  }
}

function intervalOf(result: BenchmarkResult, measure: string): Interval {
  const values = Object.values(result.perQuery).flatMap((ofQuery) => (measure in ofQuery ? [ofQuery[measure]!] : []))
  if (values.length > 0) return meanInterval(values)
  const mean = result.measures[measure]
  if (mean === undefined)
    throw new RankineError(
      "argument",
      `a result was not measured by ${measure}; it has ${Object.keys(result.measures).join(", ")}`,
    )
  return { mean, low: mean, high: mean }
}

export function differenceOf(model: ReportModel, run: string, measure: string): PairedDifference | undefined {
  return model.comparison?.comparisons.find((entry) => entry.run === run && entry.measure === measure)
}

/** `better` or `worse` when the difference is significant, else `same`. */
export function verdict(difference: PairedDifference): "better" | "worse" | "same" {
  const p = difference.randomisation?.adjusted
  if (p === undefined || p >= ALPHA || difference.difference === 0) return "same"
  return difference.difference > 0 === difference.higherIsBetter ? "better" : "worse"
}

/** The runs with the best mean of a measure. */
export function bestOf(model: ReportModel, measure: ReportMeasure): ReadonlySet<string> {
  const means = model.runs.map(({ intervals }) => intervals.get(measure.name)!.mean)
  const best = measure.higherIsBetter ? Math.max(...means) : Math.min(...means)
  return new Set(model.runs.filter((_, index) => means[index] === best).map(({ name }) => name))
}
