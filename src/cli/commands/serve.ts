import type { Command } from "commander"
import type { CliContext } from "../context.js"
import { wholeNumber } from "../parse.js"

interface ServeFlags {
  readonly config?: string
  readonly reranker?: readonly string[]
  readonly embedder?: readonly string[]
  readonly data?: string
  readonly host?: string
  readonly port?: number
}

export function addServeCommand(program: Command, context: CliContext): void {
  program
    .command("serve")
    .summary("answer rerank, embed and search requests over HTTP")
    .description(
      "Serves rerankers and embedding models in the forms of TEI, Jina, Cohere, Voyage, Mixedbread, vLLM and OpenAI.\n" +
        "Without options the embedded models answer, as model `default`.",
    )
    .option("--config <file>", "a YAML or JSON file; SIGHUP reads it again")
    .option("--reranker <model>", "a reranker's name or folder; may be given several times", collect)
    .option("--embedder <model>", "an embedding model's name or folder; may be given several times", collect)
    .option("--data <dir>", "the folder of indexes that change; without it there are none")
    .option("--host <address>", "where to listen (127.0.0.1)")
    .option("--port <n>", "where to listen (8080)", wholeNumber(0))
    .addHelpText(
      "after",
      "\nExamples:\n  rankine serve\n  rankine serve --reranker cross-encoder/ms-marco-MiniLM-L6-v2 --port 8081\n  rankine serve --config server.yaml",
    )
    .action(async (flags: ServeFlags) => {
      const { startServer } = await import("../../../server/index.js")
      const input = await configuration(flags)
      const server = await startServer(input)
      context.note(`listening at ${server.url}, API at ${server.url}/openapi`)
      const reload = async () => {
        try {
          await server.reload(await configuration(flags))
        } catch (thrown) {
          context.note(`goes on with the old configuration: ${(thrown as Error).message}`)
        }
      }
      process.on("SIGHUP", reload)
      try {
        await stopped(context.signal)
      } finally {
        process.off("SIGHUP", reload)
        await server.close()
      }
    })
}

/** Flags go before the file. */
async function configuration({ config, reranker, embedder, ...rest }: ServeFlags) {
  const { readServerConfig } = await import("../../../server/index.js")
  const named = (names: readonly string[] | undefined, key: string) =>
    names ? { [key]: Object.fromEntries(names.map((name) => [name, name])) } : {}
  return {
    ...(config === undefined ? {} : await readServerConfig(config)),
    ...named(reranker, "rerankers"),
    ...named(embedder, "embedders"),
    ...rest,
  }
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

/** Until Ctrl+C or the signal by which service managers and containers end a process. */
function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener("abort", () => resolve(), { once: true })
    process.once("SIGTERM", () => resolve())
  })
}
