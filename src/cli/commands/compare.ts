import { writeFile } from "node:fs/promises"
import type { Command } from "commander"
import { RankineError } from "../../core/index.js"
import type { BenchmarkResult, Comparison, PairedDifference } from "../../evaluation/index.js"
import type { CliContext } from "../context.js"
import { formatMeasure, formatSeconds, plural } from "../format.js"
import { formatTable } from "../table.js"

interface CompareFlags {
  readonly baseline?: string
  readonly measures?: string
  readonly html?: string
  readonly markdown?: true
  readonly title?: string
  readonly json?: true
}

export function addCompareCommand(program: Command, context: CliContext): void {
  program
    .command("compare")
    .summary("compare benchmark results, with tests of significance")
    .description(
      "Compares results of `rankine bench` on one data set: means, differences, paired t-test and randomisation test,\n" +
        "corrected by Holm's method. With --html also a single result makes a report.",
    )
    .argument("<results...>", "result.json files, the baseline first")
    .option("--baseline <name>", "the run to compare with: its name, or its place from 1 on (1)")
    .option("--measures <list>", "measures, separated by commas (all that the results have in common)")
    .option("--html <file>", "write the report as one HTML page")
    .option("--markdown", "print the report as Markdown")
    .option("--title <text>", "title of the report")
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine compare runs/a/result.json runs/b/result.json\n" +
        "  rankine compare runs/*/result.json --measures nDCG@10 --html report.html",
    )
    .action(async (files: string[], flags: CompareFlags) => {
      const { compare, readResult, renderHtml, renderJson, renderMarkdown } = await import("../../evaluation/index.js")
      const { measuresOf } = await import("../measures.js")
      if (flags.json && flags.markdown)
        throw new RankineError("argument", "--json and --markdown both want standard output: give one of them")
      const results: BenchmarkResult[] = []
      for (const file of files) results.push(await readResult(file))
      const measures = flags.measures ? measuresOf(flags.measures).map(({ name }) => name) : undefined
      const options = {
        ...(flags.baseline === undefined ? {} : { baseline: baselineOf(flags.baseline, files.length) }),
        ...(measures ? { measures } : {}),
      }
      const comparison = results.length > 1 ? compare(results, options) : undefined
      if (!comparison && !flags.html && !flags.markdown && !flags.json)
        throw new RankineError(
          "argument",
          "compare needs at least two results, or --html or --markdown for a report of one",
        )
      const report = {
        ...options,
        ...(flags.title ? { title: flags.title } : {}),
        ...(comparison ? { comparison } : {}),
      }
      if (flags.html) await writeFile(flags.html, await renderHtml(results, report))
      if (flags.json) context.print(renderJson(results, report).trimEnd())
      else if (flags.markdown) context.print(renderMarkdown(results, report).trimEnd())
      else {
        if (comparison) printComparison(context, results, comparison)
        if (flags.html) context.print(`\nReport: ${flags.html}`)
      }
    })
}

/** A number is a place, from 1 on, as people count; anything else is a name. */
function baselineOf(text: string, count: number): number | string {
  if (!/^\d+$/.test(text)) return text
  const place = Number(text)
  if (place < 1 || place > count)
    throw new RankineError("argument", `--baseline ${text}: there are ${plural(count, "result")}, counted from 1`)
  return place - 1
}

function printComparison(context: CliContext, results: readonly BenchmarkResult[], comparison: Comparison): void {
  const { style } = context
  const right = (title: string) => ({ title, align: "right" as const })
  const means = results.map((result, place) => [
    comparison.runs[place] === comparison.baseline ? `${comparison.runs[place]} (baseline)` : comparison.runs[place]!,
    ...comparison.measures.map((measure) => formatMeasure(result.measures[measure]!)),
    Math.round(result.queriesPerSecond).toLocaleString("en-US"),
    formatSeconds(result.timings.p95Ms / 1000),
  ])
  const { name, split } = comparison.dataset
  context.print(`${style.bold(name)}, ${split} split\n`)
  context.print(
    formatTable(context, ["run", ...comparison.measures.map(right), right("queries/s"), right("p95")], means),
  )
  const colour = (entry: PairedDifference, text: string) => {
    if (entry.randomisation === null || entry.randomisation.adjusted >= 0.05) return text
    return entry.difference > 0 === entry.higherIsBetter ? style.green(text) : style.red(text)
  }
  const rows = comparison.comparisons.map((entry) => [
    entry.run,
    entry.measure,
    colour(entry, `${entry.difference >= 0 ? "+" : "−"}${formatMeasure(Math.abs(entry.difference))}`),
    `${entry.wins} / ${entry.ties} / ${entry.losses}`,
    formatP(entry.tTest?.adjusted),
    formatP(entry.randomisation?.adjusted),
  ])
  context.print(
    `\n${formatTable(
      context,
      [
        "run",
        "measure",
        right("difference"),
        right("wins / ties / losses"),
        right("p (t-test)"),
        right("p (randomisation)"),
      ],
      rows,
    )}`,
  )
  const leftOut = Math.max(...comparison.comparisons.map((entry) => entry.leftOut))
  context.print(
    style.dim(
      `\nTwo-sided, corrected by Holm over ${plural(comparison.tests, "comparison")}.` +
        (leftOut > 0 ? ` Queries that only one of two runs has are left out (up to ${leftOut}).` : ""),
    ),
  )
}

function formatP(value: number | undefined): string {
  if (value === undefined) return "–"
  return value < 0.0001 ? "< 0.0001" : formatMeasure(value)
}
