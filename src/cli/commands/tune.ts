import { writeFile } from "node:fs/promises"
import type { Command } from "commander"
import type { Setting } from "../../pipelines/tune.js"
import type { CliContext } from "../context.js"
import { formatMeasure, formatSeconds, plural } from "../format.js"
import { numberBetween, numberList, wholeNumber, wholeNumberList } from "../parse.js"
import { formatPairs, formatTable } from "../table.js"

interface TuneFlags {
  readonly data: string
  readonly split: string
  readonly pipeline: string
  readonly measure: string
  readonly k1?: readonly number[]
  readonly b?: readonly number[]
  readonly depths?: readonly number[]
  readonly folds: number
  readonly maxLatencyMs?: number
  readonly seed: number
  readonly output?: string
  readonly json?: true
}

const SHOWN = 8

export function addTuneCommand(program: Command, context: CliContext): void {
  program
    .command("tune")
    .summary("choose k1, b, fusion weights and depths on judged queries")
    .description(
      "Tries settings on the judged queries of a collection and chooses by cross-validation: k1 and b of bm25,\n" +
        "weights and depth of a fusion. The cross-validated figure is what to expect on new queries.",
    )
    .requiredOption("--data <dir|name>", "directory, archive, or name of a collection")
    .option("--split <name>", "split of the judgements", "train")
    .option("--pipeline <name|file>", "bm25, or a pipeline file whose retriever is bm25 or fuse", "bm25")
    .option("--measure <name>", "what decides", "nDCG@10")
    .option("--k1 <list>", "values to try", numberList(0))
    .option("--b <list>", "values to try, from 0 to 1", numberList(0, 1))
    .option("--depths <list>", "depths of a fusion to try", wholeNumberList(1))
    .option("--folds <n>", "folds of the cross-validation", wholeNumber(2), 5)
    .option("--max-latency-ms <ms>", "leave out settings whose 95th percentile is slower", numberBetween(0))
    .option("--seed <n>", "seed of the folds", wholeNumber(0), 0)
    .option("-o, --output <file>", "write the chosen pipeline as YAML")
    .option("--json", "print every setting as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine tune --data scifact --split train --measure nDCG@10\n" +
        "  rankine tune --data scifact --pipeline hybrid.yaml --max-latency-ms 20 --output tuned.yaml",
    )
    .action(async (flags: TuneFlags) => {
      const [{ openDataset }, { tunePipeline }, { namePipeline }, { measuresOf }, { stringify }] = await Promise.all([
        import("../../../datasets/index.js"),
        import("../../pipelines/tune.js"),
        import("../pipeline.js"),
        import("../measures.js"),
        import("yaml"),
      ])
      const { signal } = context
      measuresOf(flags.measure)
      const { spec, directory } = await namePipeline(flags.pipeline)
      const { measure, k1, b, depths, folds, maxLatencyMs, seed } = flags
      const tuned = await context.withProgress(async (onProgress) => {
        const dataset = await openDataset(flags.data, { split: flags.split, signal, onProgress })
        return tunePipeline(dataset, spec, {
          measure,
          folds,
          seed,
          signal,
          onProgress,
          indexDirectory: directory,
          ...(k1 ? { k1 } : {}),
          ...(b ? { b } : {}),
          ...(depths ? { depths } : {}),
          ...(maxLatencyMs === undefined ? {} : { maxLatencyMs }),
        })
      })
      const chosen = stringify({ pipeline: tuned.spec })
      if (flags.output) await writeFile(flags.output, chosen)
      const { choice, before, trials, queries } = tuned
      const plain = ({ setting, p95Ms, mean }: (typeof trials)[number]) => ({ setting, mean, p95Ms })
      if (flags.json) {
        return context.json({
          measure: tuned.measure,
          queries,
          before: plain(before),
          chosen: { setting: choice.best.setting, mean: choice.mean, p95Ms: choice.best.p95Ms },
          crossValidated: choice.crossValidated,
          folds: choice.folds,
          tooSlow: choice.tooSlow,
          trials: trials.map(plain),
          pipeline: tuned.spec,
        })
      }
      const right = (title: string) => ({ title, align: "right" as const })
      const best = [...trials].sort((left, right) => right.mean - left.mean).slice(0, SHOWN)
      context.print(
        formatTable(
          context,
          ["setting", right(tuned.measure), right("p95")],
          best.map((trial) => [
            formatSetting(trial.setting) +
              (trial.setting === choice.best.setting ? context.style.green("  ← chosen") : ""),
            formatMeasure(trial.mean),
            formatSeconds(trial.p95Ms / 1000),
          ]),
        ),
      )
      const slow = choice.tooSlow > 0 ? `, ${choice.tooSlow} of them too slow` : ""
      context.print("")
      context.print(
        formatPairs(context, [
          ["tried", `${plural(trials.length, "setting")}${slow}, on ${plural(queries, "query", "queries")}`],
          ["before", `${formatMeasure(before.mean)}  ${formatSetting(before.setting)}`],
          ["chosen", `${formatMeasure(choice.mean)}  ${formatSetting(choice.best.setting)}`],
          ["cross-validated", `${formatMeasure(choice.crossValidated)}  what to expect on new queries`],
        ]),
      )
      context.print(flags.output ? `\nWritten: ${flags.output}` : `\n${chosen.trimEnd()}`)
    })
}

function formatSetting(setting: Setting): string {
  return Object.entries(setting)
    .map(
      ([name, value]) => `${name} ${typeof value === "number" ? value : value.map((one) => one.toFixed(2)).join("/")}`,
    )
    .join(", ")
}
