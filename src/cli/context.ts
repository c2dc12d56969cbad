/** What every command is given: streams, the signal of Ctrl+C, the exit code it may set. @module */
import type { OnProgress } from "../core/index.js"
import { type ProgressDisplay, showProgress } from "./progress.js"
import type { CliStreams } from "./streams.js"
import { type Style, styleFor } from "./style.js"

export class CliContext {
  exitCode = 0
  readonly style: Style

  constructor(
    readonly streams: CliStreams,
    readonly signal: AbortSignal,
  ) {
    this.style = styleFor(streams.out, streams.env)
  }

  /** One line, or several, on standard output. */
  print(text = ""): void {
    this.streams.out.write(`${text}\n`)
  }

  /** The machine-readable form of a command's result: the only thing that `--json` writes to standard output. */
  json(value: unknown): void {
    this.print(JSON.stringify(value, null, 2))
  }

  /** A remark that is no result: standard error, so that pipes stay clean. */
  note(text: string): void {
    this.streams.err.write(`${text}\n`)
  }

  /** Runs work with a progress bar where standard error is a terminal, and takes the bar away whatever happens. */
  async withProgress<Result>(work: (onProgress: OnProgress) => Promise<Result>): Promise<Result> {
    const display: ProgressDisplay = await showProgress(this.streams)
    try {
      return await work(display.onProgress)
    } finally {
      display.stop()
    }
  }
}
