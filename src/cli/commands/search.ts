import type { Command } from "commander"
import type { Filter } from "../../core/index.js"
import type { CliContext } from "../context.js"
import { formatSeconds, plural } from "../format.js"
import { filterJson, wholeNumber } from "../parse.js"
import { countsOf, printWarnings } from "../summary.js"

interface SearchFlags {
  readonly topK: number
  readonly filter?: Filter
  readonly explain?: true
  readonly json?: true
}

export function addSearchCommand(program: Command, context: CliContext): void {
  program
    .command("search")
    .summary("search an index")
    .description("Searches an index that `rankine index` wrote, and shows the passages that match.")
    .argument("<index>", "directory of the index")
    .argument("<query...>", "what to look for; several words are one query")
    .option("-k, --top-k <n>", "hits to show", wholeNumber(1), 10)
    .option("--filter <json>", 'only documents whose metadata fit, such as \'{"year":{"$gte":2020}}\'', filterJson)
    .option("--explain", "show where every score comes from")
    .option("--json", "print the hits as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine search docs.index 'how to install'\n" +
        '  rankine search docs.index proxy settings --top-k 3 --filter \'{"folder":"guide"}\' --explain',
    )
    .action(async (directory: string, words: string[], flags: SearchFlags) => {
      const [{ openSearchable }, { formatHit, showHit }] = await Promise.all([
        import("../searchable.js"),
        import("../hits.js"),
      ])
      const text = words.join(" ")
      const started = performance.now()
      const index = await openSearchable(directory)
      const loadSeconds = (performance.now() - started) / 1000
      const { topK, filter, explain } = flags
      const searchStarted = performance.now()
      const { hits, status, warnings, stages } = await index.search(text, {
        topK,
        signal: context.signal,
        ...(filter ? { filter } : {}),
        ...(explain ? { explain } : {}),
      })
      const searchSeconds = (performance.now() - searchStarted) / 1000
      const documents = await index.documents(hits.map(({ id }) => id))
      const terms = new Set(index.analyzer.terms(text))
      const shown = hits.map((hit, rank) => showHit(hit, rank + 1, documents[rank], terms, index.analyzer))
      const { size } = index
      await index.close()
      if (flags.json) {
        return context.json({
          query: text,
          status,
          hits: shown,
          warnings: countsOf(warnings),
          ...(size === undefined ? {} : { documents: size }),
          ...(explain ? { stages: stages.map(({ hits: _, ...trace }) => trace) } : {}),
          timings: { loadSeconds, searchSeconds },
        })
      }
      for (const hit of shown) context.print(`${formatHit(context, hit)}\n`)
      if (hits.length === 0) context.print(`Nothing found for "${text}".`)
      context.print(
        context.style.dim(
          `${plural(hits.length, "hit")}${size === undefined ? "" : ` of ${plural(size, "document")}`} in ${formatSeconds(searchSeconds)} (loading: ${formatSeconds(loadSeconds)})`,
        ),
      )
      printWarnings(context, warnings)
    })
}
