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
  formatValue,
} from "./format.js"
import { escapeHtml, figure, runLabel, section, table } from "./markup.js"
import { ALPHA, bestOf, createReport, differenceOf, type ReportModel, type ReportOptions, verdict } from "./model.js"
import { loadPlotter, type Plotter } from "./plots.js"
import { perQuerySection } from "./queries.js"
import { styleSheet } from "./style.js"

/**
 * The report as one HTML page that needs nothing else: no script, no request, readable offline, in light and dark, on a
 * phone. Plots are SVG: a bar per measure with its 95% interval, every query under two runs, latencies, quality against speed.
 * Throws `argument` without results or when they cannot be compared.
 */
export async function renderHtml(results: readonly BenchmarkResult[], options: ReportOptions = {}): Promise<string> {
  const model = createReport(results, options)
  const plotter = await loadPlotter()
  const title = escapeHtml(model.title)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="rankine">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${styleSheet}</style>
</head>
<body>
<main>
${header(model, title)}
${qualitySection(model, plotter)}
${perQuerySection(model, plotter)}
${speedSection(model, plotter)}
${answersSection(model)}
${detailsSection(model)}
<footer>Made by Rankine from ${results.length === 1 ? "one result.json" : `${results.length} result.json files`}. Measures follow trec_eval’s conventions.</footer>
</main>
</body>
</html>
`
}

function header(model: ReportModel, title: string): string {
  const { dataset } = model.runs[0]!.result
  const legend = model.runs
    .map(
      ({ name }) =>
        `<li>${runLabel(model, name)}${name === model.baseline ? ' <span class="tag">baseline</span>' : ""}</li>`,
    )
    .join("")
  return `<header>
<h1>${title}</h1>
<p>${escapeHtml(dataset.name)}, ${escapeHtml(dataset.split)} split · ${formatCount(dataset.documents)} documents · ${formatCount(dataset.judgedQueries)} judged queries</p>
<p class="lead">${lead(model)}</p>
<ul class="legend">${legend}</ul>
</header>`
}

/** The result in a sentence: the first measure, and whether the difference is significant. */
function lead(model: ReportModel): string {
  const measure = model.measures[0]!
  const [only] = model.runs
  if (!model.comparison) {
    const { mean, high } = only!.intervals.get(measure.name)!
    return `${escapeHtml(only!.name)} reaches ${escapeHtml(measure.name)} <b>${formatMean(mean)}</b> ± ${formatMean(high - mean)} at ${formatRate(only!.result.queriesPerSecond)} queries per second.`
  }
  const sentences = model.runs.flatMap(({ name }) => {
    const entry = differenceOf(model, name, measure.name)
    if (!entry) return []
    const judgement = {
      better: `<b class="better">better</b>`,
      worse: `<b class="worse">worse</b>`,
      same: "not significantly different",
    }[verdict(entry)]
    return [
      `<b>${escapeHtml(name)}</b> is ${judgement} (${formatMean(entry.mean)}, ${formatDifference(entry.difference)}, p&nbsp;${pText(entry.randomisation?.adjusted)})`,
    ]
  })
  const baseline = model.comparison.baseline
  const from = model.comparison.comparisons.find((entry) => entry.measure === measure.name)!
  const shown = sentences.length > 3 ? [...sentences.slice(0, 3), `${sentences.length - 3} more below`] : sentences
  return `By ${escapeHtml(measure.name)}, against ${escapeHtml(baseline)} (${formatMean(from.baselineMean)}): ${shown.join("; ")}.`
}

const pText = (value: number | undefined) => {
  const text = formatP(value)
  return (text.startsWith("<") ? escapeHtml(text) : `= ${text}`).replace(" ", "&nbsp;")
}

function qualitySection(model: ReportModel, plotter: Plotter): string {
  const best = new Map(model.measures.map((measure) => [measure.name, bestOf(model, measure)]))
  const rows = model.runs.map(({ name, intervals }) => [
    runLabel(model, name),
    ...model.measures.map((measure) => {
      const { mean, high } = intervals.get(measure.name)!
      const isBest = model.runs.length > 1 && best.get(measure.name)!.has(name)
      return `<span${isBest ? ' class="best"' : ""}>${formatMean(mean)}</span> <small>± ${formatMean(high - mean)}</small>`
    }),
  ])
  const heads = model.measures.map(({ name, higherIsBetter }) => escapeHtml(name) + (higherIsBetter ? "" : " ↓"))
  const lower = model.measures.some(({ higherIsBetter }) => !higherIsBetter)
    ? " ↓ marks measures of which less is better."
    : ""
  return section(
    "Quality",
    `Means over the judged queries; whiskers and ± give the 95% t interval.${model.runs.length > 1 ? " The best mean is bold." : ""}${lower}`,
    figure((width) => plotter.bars(model, width)),
    table(["Run", ...heads], rows),
    ...differenceTable(model),
  )
}

function differenceTable(model: ReportModel): string[] {
  const { comparison } = model
  if (!comparison) return []
  const rows = comparison.comparisons.map((entry) => {
    const judgement = verdict(entry)
    const word = { better: "better", worse: "worse", same: "not significant" }[judgement]
    return [
      runLabel(model, entry.run),
      escapeHtml(entry.measure),
      `<span class="${judgement}">${formatDifference(entry.difference)}</span>`,
      `${formatCount(entry.wins)} / ${formatCount(entry.ties)} / ${formatCount(entry.losses)}`,
      escapeHtml(formatP(entry.tTest?.adjusted)),
      escapeHtml(formatP(entry.randomisation?.adjusted)),
      `<span class="${judgement}">${word}</span>`,
    ]
  })
  const leftOut = Math.max(...comparison.comparisons.map((entry) => entry.leftOut))
  return [
    `<h3 class="subhead">Differences from ${escapeHtml(comparison.baseline)}</h3>`,
    `<div class="second-left">${table(["Run", "Measure", "Difference", "Wins / ties / losses", "p, t-test", "p, randomisation", "Verdict"], rows)}</div>`,
    `<p class="note">Paired two-sided tests over the queries that both runs have${leftOut === 0 ? "" : ` (up to ${formatCount(leftOut)} left out)`}; p-values corrected by Holm over ${comparison.tests} ${comparison.tests === 1 ? "comparison" : "comparisons"}. A difference is called significant below ${ALPHA} by the randomisation test.</p>`,
  ]
}

function speedSection(model: ReportModel, plotter: Plotter): string {
  const measured = model.runs.some(({ result: { timings } }) => timings.p50Ms > 0)
  const compared = model.runs.length > 1 && model.runs.some(({ result }) => result.queriesPerSecond > 0)
  return section(
    "Speed",
    "Everything from a query’s text to its ranking counts.",
    ...(measured ? [figure((width) => plotter.latencies(model.runs, width))] : []),
    table(
      ["Run", "Queries/s", "p50", "p95", "p99", "Loading", "Indexing", "Peak memory"],
      model.runs.map(({ name, result: { queriesPerSecond, timings, peakMemoryBytes } }) => [
        runLabel(model, name),
        formatRate(queriesPerSecond),
        formatMilliseconds(timings.p50Ms),
        formatMilliseconds(timings.p95Ms),
        formatMilliseconds(timings.p99Ms),
        formatSeconds(timings.loadSeconds),
        formatSeconds(timings.indexSeconds),
        formatBytes(peakMemoryBytes),
      ]),
    ),
    ...(compared
      ? [
          `<h3 class="subhead">Quality against speed</h3>`,
          `<p>Up and to the right is better; the lines are 95% intervals.</p>`,
          figure((width) => plotter.cost(model, model.measures[0]!, width)),
        ]
      : []),
  )
}

function answersSection(model: ReportModel): string {
  const rows = model.runs.map(({ name, result: { status, warnings } }) => [
    runLabel(model, name),
    ...[status.ranked, status.partial, status.fallback].map(formatCount),
    ...[status.failed, status.unanswered].map((value) =>
      value > 0 ? `<b class="worse">${formatCount(value)}</b>` : formatCount(value),
    ),
    warnings.map(({ code, count }) => `${escapeHtml(code)} ${formatCount(count)}`).join(", ") || "none",
  ])
  return section(
    "Answers",
    "How the judged queries were answered. Unanswered queries count as 0 in every mean.",
    table(["Run", "Ranked", "Partial", "Fallback", "Failed", "Unanswered", "Warnings"], rows),
  )
}

function detailsSection(model: ReportModel): string {
  const details = model.runs.map(({ name, result: { pipeline, versions, machine, usage } }) => {
    const facts = [
      ...Object.entries(versions).map(([key, value]) => `${key} ${value}`),
      ...Object.entries(machine).map(([key, value]) => `${key} ${formatValue(value)}`),
      ...(usage.calls > 0
        ? [`${formatCount(usage.calls)} calls`, `${formatCount(usage.promptTokens + usage.completionTokens)} tokens`]
        : []),
    ]
    return `<details${model.runs.length === 1 ? " open" : ""}>
<summary>${runLabel(model, name)}</summary>
<pre>${escapeHtml(JSON.stringify(pipeline, null, 2))}</pre>
<p class="note">${escapeHtml(facts.join(" · "))}</p>
</details>`
  })
  return section("Pipelines", "Every parameter, the versions and the machine.", ...details)
}
