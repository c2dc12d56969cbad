import type { BenchmarkResult } from "../result.js"
import {
  formatBytes,
  formatCount,
  formatDifference,
  formatMean,
  formatMilliseconds,
  formatP,
  formatRate,
  formatSeconds,
} from "./format.js"
import { ALPHA, bestOf, createReport, type ReportModel, type ReportOptions, verdict } from "./model.js"

/** The report as Markdown tables: means with 95% intervals, differences from the baseline, what went wrong, cost. */
export function renderMarkdown(results: readonly BenchmarkResult[], options: ReportOptions = {}): string {
  const model = createReport(results, options)
  const { dataset } = model.runs[0]!.result
  const sections = [
    `# ${escapeMarkdown(model.title)}`,
    `${escapeMarkdown(dataset.name)}, split ${escapeMarkdown(dataset.split)}: ${formatCount(dataset.documents)} documents, ` +
      `${formatCount(dataset.judgedQueries)} judged of ${formatCount(dataset.queries)} queries.`,
    "## Quality",
    qualityTable(model),
    "Mean over the judged queries ± half of the 95% t interval. Bold: the best mean.",
    ...differences(model),
    "## Answers",
    answersTable(model),
    "## Cost",
    costTable(model),
  ]
  return `${sections.join("\n\n")}\n`
}

function qualityTable(model: ReportModel): string {
  const best = new Map(model.measures.map((measure) => [measure.name, bestOf(model, measure)]))
  return table(
    ["Run", ...model.measures.map(({ name, higherIsBetter }) => (higherIsBetter ? name : `${name} (less is better)`))],
    model.runs.map(({ name, intervals }) => [
      escapeMarkdown(name),
      ...model.measures.map((measure) => {
        const { mean, high } = intervals.get(measure.name)!
        const text = formatMean(mean)
        const isBest = model.runs.length > 1 && best.get(measure.name)!.has(name)
        return `${isBest ? `**${text}**` : text} ± ${formatMean(high - mean)}`
      }),
    ]),
  )
}

function differences({ comparison }: ReportModel): string[] {
  if (!comparison) return []
  const rows = comparison.comparisons.map((entry) => {
    const word = { better: "better", worse: "worse", same: "not significant" }[verdict(entry)]
    return [
      escapeMarkdown(entry.run),
      entry.measure,
      formatDifference(entry.difference),
      `${entry.wins} / ${entry.ties} / ${entry.losses}`,
      formatP(entry.tTest?.adjusted),
      formatP(entry.randomisation?.adjusted),
      word,
    ]
  })
  const leftOut = Math.max(...comparison.comparisons.map((entry) => entry.leftOut))
  return [
    `## Differences from ${escapeMarkdown(comparison.baseline)}`,
    table(["Run", "Measure", "Difference", "Wins / ties / losses", "p (t-test)", "p (randomisation)", ""], rows),
    `Two-sided p-values, corrected by Holm over ${comparison.tests} comparisons; significant below ${ALPHA} by the ` +
      `randomisation test. ${leftOut === 0 ? "No query is left out." : `Up to ${leftOut} queries that only one of two runs has are left out.`}`,
  ]
}

function answersTable(model: ReportModel): string {
  return table(
    ["Run", "Ranked", "Partial", "Fallback", "Failed", "Unanswered", "Warnings"],
    model.runs.map(({ name, result: { status, warnings } }) => [
      escapeMarkdown(name),
      ...[status.ranked, status.partial, status.fallback, status.failed, status.unanswered].map(formatCount),
      warnings.map(({ code, count }) => `${code} ${formatCount(count)}`).join(", ") || "none",
    ]),
  )
}

function costTable(model: ReportModel): string {
  return table(
    ["Run", "Queries/s", "p50", "p95", "p99", "Indexing", "Peak memory"],
    model.runs.map(({ name, result: { queriesPerSecond, timings, peakMemoryBytes } }) => [
      escapeMarkdown(name),
      formatRate(queriesPerSecond),
      formatMilliseconds(timings.p50Ms),
      formatMilliseconds(timings.p95Ms),
      formatMilliseconds(timings.p99Ms),
      formatSeconds(timings.indexSeconds),
      formatBytes(peakMemoryBytes),
    ]),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"))
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
}

/** Names come from files: nothing in them may end a table cell or start markup. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>|#]/g, "\\$&").replace(/\s+/g, " ")
}
