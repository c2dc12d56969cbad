import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import type { Command } from "commander"
import { EXIT_PARTIAL } from "../../core/index.js"
import type { BenchmarkResult } from "../../evaluation/index.js"
import type { CliContext } from "../context.js"
import { formatBytes, formatCount, formatMeasure, formatSeconds, plural } from "../format.js"
import { wholeNumber } from "../parse.js"
import { formatStatus, isPartial, printWarnings } from "../summary.js"
import { formatPairs, formatTable } from "../table.js"

interface BenchFlags {
  readonly data: string
  readonly split?: string
  readonly pipeline: string
  readonly topK: number
  readonly measures?: string
  readonly output?: string
  readonly seed?: number
  readonly json?: true
}

export function addBenchCommand(program: Command, context: CliContext): void {
  program
    .command("bench")
    .summary("measure a pipeline on a judged collection")
    .description(
      "Runs a pipeline over the judged queries of a collection, measures quality, time and memory, and writes result.json and run.trec.",
    )
    .requiredOption("--data <dir|name>", "directory, archive, or name of a collection (fetched on first use)")
    .option("--split <name>", "split of the judgements (test, where the data set does not say otherwise)")
    .option("--pipeline <name|file>", "bm25, elasticlunr, or a pipeline file (YAML, JSON)", "bm25")
    .option("-k, --top-k <n>", "hits per query", wholeNumber(1), 1000)
    .option("--measures <list>", "measures, separated by commas (those usual for the data set)")
    .option("-o, --output <dir>", "where to write (runs/DATASET-PIPELINE-TIME)")
    .option("--seed <n>", "seed of everything random", wholeNumber(0))
    .option("--json", "print result.json")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine bench --data mbpp --pipeline bm25\n" +
        "  rankine bench --data scifact --pipeline hybrid.yaml --measures nDCG@10,R@100 --json",
    )
    .action(async (flags: BenchFlags) => {
      const [{ openDataset }, { writeResult, writeRun }, { runBenchmark }, { namePipeline }, { measuresOf }] =
        await Promise.all([
          import("../../../datasets/index.js"),
          import("../../evaluation/index.js"),
          import("../../pipelines/benchmark.js"),
          import("../pipeline.js"),
          import("../measures.js"),
        ])
      const { signal } = context
      // What can be wrong on the command line is found before anything long begins.
      const { name, build } = await namePipeline(flags.pipeline)
      if (flags.measures) measuresOf(flags.measures)
      const output = flags.output ?? join("runs", `${slug(flags.data)}-${name}-${timestamp(new Date())}`)
      const { result, rankings } = await context.withProgress(async (onProgress) => {
        const started = performance.now()
        const dataset = await openDataset(flags.data, {
          signal,
          onProgress,
          ...(flags.split === undefined ? {} : { split: flags.split }),
        })
        const openSeconds = (performance.now() - started) / 1000
        // Before the work, so that a directory that cannot be written does not cost a finished run.
        await mkdir(output, { recursive: true })
        return runBenchmark(dataset, build, {
          topK: flags.topK,
          signal,
          onProgress,
          openSeconds,
          name,
          ...(flags.measures ? { measures: measuresOf(flags.measures, dataset.relevance.threshold) } : {}),
          ...(flags.seed === undefined ? {} : { seed: flags.seed }),
        })
      })
      await writeResult(join(output, "result.json"), result)
      await writeRun(join(output, "run.trec"), rankings, name)
      if (isPartial(result.status)) context.exitCode = EXIT_PARTIAL
      if (flags.json) return context.json(result)
      printResult(context, result, output)
      for (const { query, error } of rankings.filter(({ status }) => status === "failed").slice(0, 3))
        context.note(`query ${query.id} failed: ${error?.message ?? "for no stated reason"}`)
    })
}

function printResult(context: CliContext, result: BenchmarkResult, output: string): void {
  const { dataset, measures, timings } = result
  context.print(
    `${context.style.bold(dataset.name)}, ${dataset.split} split: ${plural(dataset.documents, "document")}, ` +
      `${plural(dataset.judgedQueries, "judged query", "judged queries")}\n`,
  )
  const rows = Object.entries(measures).map(([name, value]) => [name, formatMeasure(value)])
  context.print(formatTable(context, ["measure", { title: "mean", align: "right" }], rows))
  context.print("")
  context.print(
    formatPairs(context, [
      ["queries", formatStatus(result.status)],
      ["speed", `${formatCount(Math.round(result.queriesPerSecond))} queries/s`],
      ["latency", `p50 ${ms(timings.p50Ms)}, p95 ${ms(timings.p95Ms)}, p99 ${ms(timings.p99Ms)}`],
      ["indexing", `${formatSeconds(timings.indexSeconds)}, and ${formatSeconds(timings.loadSeconds)} of reading`],
      ["memory", `${formatBytes(result.peakMemoryBytes)} at most`],
      ["written", `${join(output, "result.json")}, run.trec`],
    ]),
  )
  printWarnings(context, result.warnings as Parameters<typeof printWarnings>[1])
}

const ms = (value: number) => formatSeconds(value / 1000)

/** `20261123-154500`, local time. */
function timestamp(now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0")
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`
  return `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`
}

/** The last part of a path or a name, fit for a directory's name. */
function slug(data: string): string {
  const last =
    data
      .replace(/[\\/]+$/, "")
      .split(/[\\/]/)
      .at(-1) ?? data
  return last.replace(/(\.zip|\.jsonl(\.gz)?)$/i, "").replace(/[^\w.-]+/g, "-") || "data"
}
