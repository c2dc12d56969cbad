/** The command line as one function: arguments in, exit code out. @module */
import { Command, CommanderError } from "commander"
import { exitCodes, RankineError, throwIfAborted, toRankineError } from "../core/index.js"
import { packageVersion } from "../pipelines/environment.js"
import { addBenchCommand } from "./commands/bench.js"
import { addCompareCommand } from "./commands/compare.js"
import { addDatasetsCommand } from "./commands/datasets.js"
import { addDescribeCommand } from "./commands/describe.js"
import { addDoctorCommand } from "./commands/doctor.js"
import { addEmbedCommand } from "./commands/embed.js"
import { addEvaluateCommand } from "./commands/evaluate.js"
import { addGenerateCommand } from "./commands/generate.js"
import { addIndexCommand } from "./commands/index-documents.js"
import { addRerankCommand } from "./commands/rerank.js"
import { addSearchCommand } from "./commands/search.js"
import { addServeCommand } from "./commands/serve.js"
import { addTuneCommand } from "./commands/tune.js"
import { addVerifyCommand } from "./commands/verify.js"
import { CliContext } from "./context.js"
import type { CliStreams } from "./streams.js"

/**
 * Runs one command line and returns its exit code: 0 done, 2 misuse, and for the rest the table in `core/errors.ts`.
 * Results go to `streams.out`, everything else to `streams.err`. Never throws for what a user can cause.
 */
export async function runCli(
  args: readonly string[],
  streams: CliStreams,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const context = new CliContext(streams, signal)
  try {
    await createProgram(context).parseAsync(args.length === 0 ? ["--help"] : [...args], { from: "user" })
    throwIfAborted(signal)
    return context.exitCode
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : exitCodes.argument
    const error = explainSystemError(thrown)
    report(context, error, args.includes("--json"))
    return exitCodes[error.code]
  }
}

function createProgram(context: CliContext): Command {
  const { out, err } = context.streams
  const program = new Command("rankine")
    .description("Retrieval and reranking: index, search, measure, compare.")
    .version(packageVersion(), "-v, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(text),
      getOutHelpWidth: () => out.columns ?? 100,
      getErrHelpWidth: () => err.columns ?? 100,
    })
    .showHelpAfterError("(--help shows what there is)")
    .addHelpText(
      "after",
      "\nExamples:\n  rankine index docs --output docs.index\n  rankine search docs.index 'how to install'",
    )
  addIndexCommand(program, context)
  addSearchCommand(program, context)
  addServeCommand(program, context)
  addEmbedCommand(program, context)
  addRerankCommand(program, context)
  addGenerateCommand(program, context)
  addBenchCommand(program, context)
  addEvaluateCommand(program, context)
  addCompareCommand(program, context)
  addTuneCommand(program, context)
  addDatasetsCommand(program, context)
  addDescribeCommand(program, context)
  addDoctorCommand(program, context)
  addVerifyCommand(program, context)
  return program
}

const systemErrors: Readonly<Record<string, (path: string) => RankineError>> = {
  ENOENT: (path) => new RankineError("not-found", `${path} does not exist: check the path`),
  EISDIR: (path) => new RankineError("argument", `${path} is a directory where a file is needed`),
  ENOTDIR: (path) => new RankineError("argument", `${path} is a file where a directory is needed`),
  EACCES: (path) => new RankineError("storage", `no permission for ${path}`),
  EPERM: (path) => new RankineError("storage", `no permission for ${path}`),
  EROFS: (path) => new RankineError("storage", `${path} lies on a read-only file system`),
  ENOSPC: (path) => new RankineError("storage", `the disk is full (writing ${path}): free some space and try again`),
}

/** A file system error that nobody caught gets a code and words of ours. */
function explainSystemError(thrown: unknown): RankineError {
  const { code, path } = (thrown ?? {}) as { code?: string; path?: string }
  if (thrown instanceof Error && !(thrown instanceof RankineError) && code !== undefined && systemErrors[code])
    return systemErrors[code](path ?? "a file")
  return toRankineError(thrown)
}

function report(context: CliContext, error: RankineError, asJson: boolean): void {
  if (asJson) {
    context.note(JSON.stringify({ error: { code: error.code, message: error.message, details: error.details } }))
    return
  }
  context.note(`rankine: ${error.message}`)
  if (error.code !== "internal") return
  const cause = error.cause instanceof Error ? error.cause : error
  context.note(`This is a bug of Rankine's. Please report it with these lines:\n${cause.stack ?? cause.message}`)
}
