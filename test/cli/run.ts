/** Runs command lines inside the test's own process, and keeps what they wrote. */
import { Writable } from "node:stream"
import type { CliStreams } from "../../src/cli/streams.js"

export interface Captured {
  readonly streams: CliStreams
  readonly out: () => string
  readonly err: () => string
}

export function captureStreams(env: Record<string, string> = {}): Captured {
  const chunks = { out: "", err: "" }
  const writer = (name: keyof typeof chunks) =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks[name] += chunk.toString()
        done()
      },
    })
  return {
    streams: { out: writer("out"), err: writer("err"), env },
    out: () => chunks.out,
    err: () => chunks.err,
  }
}

export interface CliResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

export async function rankine(args: readonly string[], signal?: AbortSignal): Promise<CliResult> {
  const { runCli } = await import("../../src/cli/program.js")
  const captured = captureStreams()
  const code = await runCli(args, captured.streams, signal)
  return { code, out: captured.out(), err: captured.err() }
}
