import type { Command } from "commander"
import { mergeWarnings } from "../../core/index.js"
import type { CliContext } from "../context.js"
import { formatMeasure, plural } from "../format.js"
import { numberBetween } from "../parse.js"
import { countsOf, formatStatus, printWarnings } from "../summary.js"
import { formatTable } from "../table.js"

interface EvaluateFlags {
  readonly run: string
  readonly qrels: string
  readonly measures: string
  readonly rel?: number
  readonly perQuery?: true
  readonly json?: true
}

export function addEvaluateCommand(program: Command, context: CliContext): void {
  program
    .command("evaluate")
    .summary("measure a run against judgements")
    .description(
      "Measures a TREC run or a file of candidates (JSON lines) against TREC or BEIR qrels, plain or gzipped.\n" +
        "A TREC run is sorted as trec_eval sorts it. The mean runs over all judged queries; unanswered ones count as 0.",
    )
    .requiredOption("--run <file>", "TREC run, or candidates as JSON lines")
    .requiredOption("--qrels <file>", "judgements, TREC (4 columns) or BEIR (3 columns)")
    .option("--measures <list>", "measures, separated by commas", "nDCG@10,R@100,RR@10,AP")
    .option("--rel <grade>", "lowest grade that counts as relevant, where a measure does not say", numberBetween(0))
    .option("--per-query", "list every query")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine evaluate --run run.trec --qrels qrels/test.tsv\n" +
        "  rankine evaluate --run run.trec --qrels qrels.txt --measures 'nDCG@10,AP(rel=2),RBP(p=0.8)' --json",
    )
    .action(async (flags: EvaluateFlags) => {
      const [{ evaluate, readQrels, readRun }, { measuresOf }] = await Promise.all([
        import("../../evaluation/index.js"),
        import("../measures.js"),
      ])
      const measures = measuresOf(flags.measures, flags.rel)
      const { signal } = context
      const { run } = await readRun(flags.run, { signal })
      const { qrels, warnings: repeated } = await readQrels(flags.qrels, { signal })
      const evaluation = evaluate(run, qrels, measures)
      const warnings = mergeWarnings(evaluation.warnings, repeated)
      const { queries, queriesWithoutRelevant, status } = evaluation
      if (flags.json) {
        return context.json({
          measures: evaluation.measures,
          queries,
          queriesWithoutRelevant,
          status,
          warnings: countsOf(warnings),
          ...(flags.perQuery ? { perQuery: Object.fromEntries(evaluation.perQuery) } : {}),
        })
      }
      const names = Object.keys(evaluation.measures)
      const columns = ["query", ...names.map((title) => ({ title, align: "right" as const }))]
      if (flags.perQuery) {
        const rows = [...evaluation.perQuery].map(([id, values]) => [
          id,
          ...names.map((name) => formatMeasure(values[name]!)),
        ])
        rows.push([
          context.style.bold("mean"),
          ...names.map((name) => context.style.bold(formatMeasure(evaluation.measures[name]!))),
        ])
        context.print(formatTable(context, columns, rows))
      } else {
        const rows = names.map((name) => [name, formatMeasure(evaluation.measures[name]!)])
        context.print(formatTable(context, ["measure", { title: "mean", align: "right" }], rows))
      }
      const none = queriesWithoutRelevant > 0 ? `, ${queriesWithoutRelevant} without a relevant document` : ""
      context.print(`\n${plural(queries, "judged query", "judged queries")}: ${formatStatus(status)}${none}`)
      printWarnings(context, warnings)
    })
}
