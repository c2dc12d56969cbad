import { writeFile } from "node:fs/promises"
import type { Command } from "commander"
import type { CliContext } from "../context.js"
import { formatBytes, formatCount, formatSeconds, plural } from "../format.js"
import { addModelOptions, type ModelFlags, modelSettings } from "../model-flags.js"
import { oneOf, wholeNumber } from "../parse.js"
import { formatPairs } from "../table.js"

interface EmbedFlags extends ModelFlags {
  readonly model: string
  readonly data: string
  readonly output: string
  readonly limit?: number
  readonly side: "query" | "document"
  readonly json?: true
}

/** Texts that are read ahead: batches are filled by length from among them. */
const AT_ONCE = 4096

export function addEmbedCommand(program: Command, context: CliContext): void {
  const command = program
    .command("embed")
    .summary("turn documents into vectors")
    .description(
      "Embeds documents (title and text) and writes the vectors as a NumPy file, float32, and the ids beside it, one a line.",
    )
    .requiredOption("--data <dir|file>", "a folder, a file, or a collection in BEIR's form")
    .option("--model <name|dir>", "an embedding model; by default the one that the package carries", "potion-base-4M")
    .option("-o, --output <file>", "where to write; ids go to FILE with .ids.txt for .npy", "vectors.npy")
    .option("--limit <n>", "only the first documents", wholeNumber(1))
    .option("--side <name>", "read the texts as query or document", oneOf(["query", "document"]), "document")
  addModelOptions(command)
    .option("--json", "print counts, speed and peak memory as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine embed --data docs --output docs.npy\n" +
        "  rankine embed --model all-MiniLM-L6-v2 --data corpus.jsonl --limit 1000 --json",
    )
    .action(async (flags: EmbedFlags) => {
      const [
        { documentText, throwIfAborted },
        { openCollection },
        { openEmbedder },
        { NpyWriter },
        { peakMemoryBytes },
      ] = await Promise.all([
        import("../../core/index.js"),
        import("../collection.js"),
        import("../../models/index.js"),
        import("../npy.js"),
        import("../../pipelines/environment.js"),
      ])
      const { signal } = context
      const collection = await openCollection([flags.data], {}, signal)
      const started = performance.now()
      const model = await openEmbedder(flags.model, modelSettings(flags))
      const loadSeconds = (performance.now() - started) / 1000
      const file = await NpyWriter.create(flags.output, model.dimension)
      const ids: string[] = []
      let [tokens, truncated, seconds] = [0, 0, 0]
      try {
        await context.withProgress(async (onProgress) => {
          let batch: { id: string; text: string }[] = []
          const flush = async () => {
            const begun = performance.now()
            const texts = batch.map(({ text }) => text)
            const before = ids.length
            const result = await model.embed(texts, flags.side, {
              signal,
              onProgress: ({ stage, done, unit }) => onProgress({ stage, done: before + done, unit }),
            })
            seconds += (performance.now() - begun) / 1000
            tokens += result.tokens
            truncated += result.truncated.length
            await file.write(result.vectors)
            for (const { id } of batch) ids.push(id)
            batch = []
          }
          for await (const document of collection.documents({ signal })) {
            throwIfAborted(signal)
            if (ids.length + batch.length === flags.limit) break
            batch.push({ id: document.id, text: documentText(document) })
            if (batch.length === AT_ONCE) await flush()
          }
          if (batch.length > 0) await flush()
        })
        await file.finish()
      } catch (thrown) {
        await file.abandon()
        throw thrown
      } finally {
        if (Symbol.asyncDispose in model) await model[Symbol.asyncDispose]()
      }
      const idsFile = flags.output.replace(/(\.npy)?$/, ".ids.txt")
      await writeFile(idsFile, ids.map((id) => `${id}\n`).join(""))
      const summary = {
        texts: ids.length,
        tokens,
        seconds,
        tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
        peakMemoryBytes: peakMemoryBytes(),
        truncated,
      }
      if (flags.json)
        return context.json({
          ...summary,
          model: model.name,
          dimension: model.dimension,
          loadSeconds,
          output: flags.output,
          ids: idsFile,
        })
      context.print(
        formatPairs(context, [
          ["embedded", `${plural(ids.length, "text")}, ${plural(tokens, "token")} in ${formatSeconds(seconds)}`],
          ["speed", `${formatCount(Math.round(summary.tokensPerSecond))} tokens/s`],
          ["model", `${model.name}, ${model.dimension} dimensions (loading: ${formatSeconds(loadSeconds)})`],
          ["peak memory", formatBytes(summary.peakMemoryBytes)],
          ["vectors", `${flags.output}, ids in ${idsFile}`],
        ]),
      )
      if (truncated > 0)
        context.note(
          `${context.style.yellow("warning")} ${plural(truncated, "text")} longer than the model reads: only the beginning was embedded`,
        )
    })
}
