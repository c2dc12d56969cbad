import type { Command } from "commander"
import type { Hit, Reranker } from "../../core/index.js"
import type { CliContext } from "../context.js"
import { formatSeconds, plural } from "../format.js"
import { formatHit } from "../hits.js"
import { addModelOptions, type ModelFlags, modelSettings } from "../model-flags.js"
import { wholeNumber } from "../parse.js"
import { countsOf, printWarnings } from "../summary.js"

interface RerankFlags extends ModelFlags {
  readonly model: string
  readonly method?: string
  readonly topK?: number
  readonly json?: true
}

/** Characters of a text that are shown. */
const SHOWN = 220

export function addRerankCommand(program: Command, context: CliContext): void {
  const command = program
    .command("rerank")
    .summary("order documents by how well they answer a query")
    .description(
      "Scores every document of a file against a query and prints them by relevance. JSON lines have id (or _id), title and text;\n" +
        "other files and folders are read as `rankine index` reads them.",
    )
    .argument("<query>", "what is asked")
    .argument("<documents>", "JSON lines, another file, or a folder")
    .option(
      "--model <name|dir>",
      "a cross-encoder, embedding, late-interaction or T5 model; by default those that the package carries",
      "default",
    )
    .option("--method <name>", "how a language model reranks: yes-no, upr, setwise, first and others; --model names it")
    .option("-k, --top-k <n>", "documents to show (all)", wholeNumber(1))
  addModelOptions(command)
    .option("--json", "print the ranking as JSON")
    .addHelpText(
      "after",
      '\nExamples:\n  rankine rerank "how do birds sleep?" candidates.jsonl --top-k 5\n' +
        '  rankine rerank "how do birds sleep?" candidates.jsonl --method upr --model SmolLM2-135M-Instruct',
    )
    .action(async (query: string, path: string, flags: RerankFlags) => {
      const [{ emptyRanking }, { openCollection }, { sharedReranker }, { disposeModels }] = await Promise.all([
        import("../../core/index.js"),
        import("../collection.js"),
        import("../../../rerankers/open-reranker.js"),
        import("../../models/index.js"),
      ])
      const { signal } = context
      const collection = await openCollection([path], {}, signal)
      const hits: Hit[] = []
      for await (const document of collection.documents({ signal }))
        hits.push({ id: document.id, score: -hits.length, document })
      const started = performance.now()
      const reranker =
        flags.method === undefined
          ? await sharedReranker(flags.model, modelSettings(flags))
          : await methodReranker(flags.method, flags)
      const loadSeconds = (performance.now() - started) / 1000
      const begun = performance.now()
      const [ranking] = await context.withProgress((onProgress) =>
        reranker.rerank([{ ...emptyRanking({ id: "query", text: query }, "ordinal"), hits }], { signal, onProgress }),
      )
      const seconds = (performance.now() - begun) / 1000
      await disposeModels()
      const { status, scoreKind, warnings, usage } = ranking!
      const shown = ranking!.hits.slice(0, flags.topK).map(({ id, score, document }, rank) => ({
        rank: rank + 1,
        id,
        score,
        ...(document?.title ? { title: document.title } : {}),
        text: document?.text ?? "",
      }))
      if (flags.json)
        return context.json({
          query,
          model: reranker.name,
          status,
          scoreKind,
          hits: shown,
          warnings: countsOf([...collection.warnings, ...warnings]),
          usage,
          timings: { loadSeconds, rerankSeconds: seconds },
        })
      for (const { text, ...hit } of shown) {
        const snippet = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
        context.print(`${formatHit(context, { ...hit, snippet })}\n`)
      }
      context.print(
        context.style.dim(
          `${plural(hits.length, "document")} by ${reranker.name} in ${formatSeconds(seconds)} (loading: ${formatSeconds(loadSeconds)})`,
        ),
      )
      printWarnings(context, [...collection.warnings, ...warnings])
    })
}

/** A method of reranking by language models, as pipelines have it. */
async function methodReranker(method: string, flags: RerankFlags): Promise<Reranker> {
  const [{ RankineError }, { buildStage }] = await Promise.all([
    import("../../core/index.js"),
    import("../../pipelines/build.js"),
  ])
  if (flags.model === "default")
    throw new RankineError(
      "argument",
      `${method} asks a language model: name a folder, a GGUF file or a model with --model`,
    )
  const { workers, ...settings } = modelSettings(flags) as Record<string, unknown>
  if (workers !== undefined) throw new RankineError("argument", "--workers is for encoders: leave it out")
  return buildStage({ [method]: { model: { path: flags.model, ...settings } } })
}
