import type { Command } from "commander"
import type { CliContext } from "../context.js"
import { formatBytes, formatCount } from "../format.js"
import { formatTable } from "../table.js"

export function addDatasetsCommand(program: Command, context: CliContext): void {
  const datasets = program
    .command("datasets")
    .summary("list the collections that Rankine knows, fetch one")
    .description(
      "Lists judged collections. Those marked with an arrow can be fetched by name; the others are read from a directory.",
    )
    .option("--json", "print the list as JSON")
    .addHelpText("after", "\nExamples:\n  rankine datasets\n  rankine datasets fetch scifact")
    .action(async ({ json }: { json?: true }) => {
      const { listDatasets } = await import("../../../datasets/index.js")
      const entries = listDatasets()
      if (json) return context.json(entries)
      const count = (value: number | undefined) => (value === undefined ? "" : formatCount(value))
      context.print(
        formatTable(
          context,
          [
            "",
            "name",
            "suite",
            { title: "documents", align: "right" },
            { title: "queries", align: "right" },
            { title: "download", align: "right" },
            "splits",
            "terms",
          ],
          entries.map(({ name, suite, url, bytes, documents, queries, splits, terms }) => [
            url ? "↓" : "",
            name,
            suite,
            count(documents),
            count(queries),
            bytes === undefined ? "" : formatBytes(bytes),
            splits.join(" "),
            terms,
          ]),
        ),
      )
      context.print("\n↓ fetched by name: rankine datasets fetch NAME, or rankine bench --data NAME")
    })
  datasets
    .command("fetch")
    .summary("download a collection into the cache")
    .description(
      "Downloads a collection into the cache (RANKINE_CACHE, or ~/.cache/rankine), resumes what was cut, checks the checksum.",
    )
    .argument("<name>", "a name from the list")
    .option("--base-url <url>", "server to fetch from")
    .option("--cache <dir>", "cache directory")
    .option("--json", "print what was fetched as JSON")
    .addHelpText("after", "\nExample:\n  rankine datasets fetch scifact")
    .action(async (name: string, flags: { baseUrl?: string; cache?: string; json?: true }, command: Command) => {
      const { fetchDataset, findEntry } = await import("../../../datasets/index.js")
      const { signal } = context
      const directory = await context.withProgress((onProgress) =>
        fetchDataset(name, {
          signal,
          onProgress,
          ...(flags.baseUrl ? { baseUrl: flags.baseUrl } : {}),
          ...(flags.cache ? { cacheDir: flags.cache } : {}),
        }),
      )
      const known = findEntry(name)!.name
      // Commander gives a flag that parent and child share to the parent.
      if (command.optsWithGlobals().json) return context.json({ name: known, directory })
      context.print(`${known} lies in ${directory}`)
      context.print(`\nNext: rankine bench --data ${known} --pipeline bm25`)
    })
}
