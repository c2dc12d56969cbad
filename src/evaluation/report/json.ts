import type { BenchmarkResult } from "../result.js"
import { createReport, type ReportOptions } from "./model.js"

/** The report as JSON: each run without its per-query values, with 95% intervals, and the comparison. Nothing is rounded. */
export function renderJson(results: readonly BenchmarkResult[], options: ReportOptions = {}): string {
  const model = createReport(results, options)
  const runs = model.runs.map(({ name, result, intervals }) => {
    const { perQuery: _, latenciesMs: __, schema: ___, ...rest } = result
    return { name, ...rest, intervals: Object.fromEntries(intervals) }
  })
  const report = { schema: "rankine.report/1", title: model.title, runs, comparison: model.comparison ?? null }
  return `${JSON.stringify(report, null, 2)}\n`
}
