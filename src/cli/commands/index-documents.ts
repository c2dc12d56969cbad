import type { Command } from "commander"
import type { Bm25Options, Bm25Variant } from "../../../retrievers/bm25/options.js"
import { RankineError } from "../../core/index.js"
import type { CliContext } from "../context.js"
import { formatBytes, formatCount, formatSeconds, plural } from "../format.js"
import { list, numberBetween, oneOf, weights, wholeNumber } from "../parse.js"
import { countsOf, printWarnings } from "../summary.js"
import { formatPairs } from "../table.js"

interface IndexFlags {
  readonly output: string
  readonly pipeline?: string
  readonly chunk?: number | true
  readonly overlap?: number
  readonly extensions?: readonly string[]
  readonly nodeModules?: true
  readonly analyzer?: string
  readonly variant?: Bm25Variant
  readonly norm?: "lucene" | "exact"
  readonly k1?: number
  readonly b?: number
  readonly delta?: number
  readonly fields?: Record<string, number>
  readonly querySide?: true
  readonly json?: true
}

export function addIndexCommand(program: Command, context: CliContext): void {
  program
    .command("index")
    .summary("index a folder, files, or a judged collection")
    .description(
      "Indexes documents with BM25, or for a whole pipeline: folders of Markdown, text or JSON lines, single files, or a\n" +
        "collection in BEIR's form.\n" +
        "An index that is there already is replaced in one step when the new one is complete.",
    )
    .argument("<paths...>", "folders or files")
    .requiredOption("-o, --output <dir>", "directory of the index")
    .option(
      "--pipeline <name|file>",
      "index for this pipeline: dense, sparse, hybrid, default, or a pipeline file (BM25 alone)",
    )
    .option(
      "--chunk [tokens]",
      "cut documents along their headings, into chunks of at most so many tokens (400)",
      wholeNumber(1),
    )
    .option("--overlap <tokens>", "tokens that a chunk repeats of the one before (40)", wholeNumber(0))
    .option("--extensions <list>", "also read files with these endings, such as .py,.ts", list)
    .option("--node-modules", "also read node_modules")
    .option("--analyzer <name>", "how text becomes terms: english, standard, german, cjk, … (english)")
    .option(
      "--variant <name>",
      "lucene, robertson, atire, bm25l or bm25+ (lucene)",
      oneOf(["lucene", "robertson", "atire", "bm25l", "bm25+"]),
    )
    .option(
      "--norm <name>",
      "lucene: document lengths in one byte, as Lucene has them; exact (lucene)",
      oneOf(["lucene", "exact"]),
    )
    .option("--k1 <number>", "saturation of term frequency (0.9)", numberBetween(0))
    .option("--b <number>", "normalisation by length (0.4)", numberBetween(0, 1))
    .option("--delta <number>", "lower bound of bm25l and bm25+", numberBetween(0))
    .option("--fields <weights>", "score fields apart, such as title=2,text=1 (title and text are one field)", weights)
    .option("--query-side", "saturate repeated query terms too, for long queries")
    .option("--json", "print what was indexed as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine index docs --output docs.index --chunk\n" +
        "  rankine index docs --output docs.index --chunk --pipeline default\n" +
        "  rankine index notes.jsonl --output notes.index --analyzer german --k1 1.2 --b 0.75",
    )
    .action(async (paths: string[], flags: IndexFlags) => {
      const [{ Bm25Index }, { checkOutput, openCollection }] = await Promise.all([
        import("../../../retrievers/bm25/index.js"),
        import("../collection.js"),
      ])
      await checkOutput(flags.output)
      if (flags.pipeline !== undefined) return indexPipeline(context, paths, flags, flags.pipeline)
      const { signal } = context
      const started = performance.now()
      const collection = await openCollection(paths, flags, signal)
      const index = await context.withProgress(async (onProgress) => {
        // The reading reports: it knows how many files there are, the index does not.
        const documents = collection.documents({ signal, onProgress })
        const built = await Bm25Index.build(documents, { ...bm25Options(flags), signal })
        await built.save(flags.output)
        return built
      })
      const seconds = (performance.now() - started) / 1000
      const { stats } = index
      const settings = index.describe()
      await index[Symbol.asyncDispose]()
      const { warnings } = collection
      if (flags.json) {
        return context.json({
          output: flags.output,
          collection: collection.description,
          index: settings,
          stats,
          warnings: countsOf(warnings),
          seconds,
        })
      }
      context.print(
        formatPairs(context, [
          ["indexed", `${plural(stats.documents, "document")} in ${formatSeconds(seconds)}`],
          ["terms", formatCount(stats.terms)],
          ["postings", `${formatCount(stats.postings)}, ${formatBytes(stats.bytes)}`],
          ["index", flags.output],
        ]),
      )
      context.print(`\nNext: rankine search ${flags.output} "your question"`)
      printWarnings(context, warnings)
    })
}

/** Builds and saves what a pipeline searches. */
async function indexPipeline(
  context: CliContext,
  paths: readonly string[],
  flags: IndexFlags,
  pipeline: string,
): Promise<void> {
  const [stray] = Object.keys(bm25Options(flags))
  if (stray !== undefined)
    throw new RankineError(
      "argument",
      `${stray} is an option of BM25: put it into the pipeline's file, or leave --pipeline out`,
    )
  const [{ savePipeline, describePipeline }, { disposeModels }, { openCollection }, { namePipeline }] =
    await Promise.all([
      import("../../pipelines/index.js"),
      import("../../models/index.js"),
      import("../collection.js"),
      import("../pipeline.js"),
    ])
  const { signal } = context
  const { spec, directory, name } = await namePipeline(pipeline)
  const started = performance.now()
  const collection = await openCollection(paths, flags, signal)
  let documents = 0
  const counted = async function* () {
    for await (const document of collection.documents({ signal })) {
      documents++
      yield document
    }
  }
  const built = await context.withProgress((onProgress) => {
    const again = () => {
      documents = 0
      return counted()
    }
    return savePipeline(spec, flags.output, { documents: again, indexDirectory: directory, signal, onProgress })
  })
  const seconds = (performance.now() - started) / 1000
  await disposeModels()
  const { warnings } = collection
  const { json, text } = describePipeline(built)
  if (flags.json)
    return context.json({
      output: flags.output,
      collection: collection.description,
      documents,
      pipeline: json,
      warnings: countsOf(warnings),
      seconds,
    })
  context.print(
    formatPairs(context, [
      ["indexed", `${plural(documents, "document")} for ${name} in ${formatSeconds(seconds)}`],
      ["index", flags.output],
    ]),
  )
  context.print(`\n${text}\n\nNext: rankine search ${flags.output} "your question"`)
  printWarnings(context, warnings)
}

function bm25Options(flags: IndexFlags): Bm25Options {
  const { analyzer, variant, norm, k1, b, delta, fields, querySide } = flags
  return {
    ...(analyzer === undefined ? {} : { analyzer }),
    ...(variant === undefined ? {} : { variant }),
    ...(norm === undefined ? {} : { norm }),
    ...(k1 === undefined ? {} : { k1 }),
    ...(b === undefined ? {} : { b }),
    ...(delta === undefined ? {} : { delta }),
    ...(fields === undefined ? {} : { fields }),
    ...(querySide === undefined ? {} : { querySide }),
  }
}
