/** Lines of large files, decoded strictly and in blocks. @module */
import { isUtf8 } from "node:buffer"
import type { Readable } from "node:stream"
import { RankineError, throwIfAborted, toRankineError } from "../src/core/errors.js"

/** Consecutive lines without their ends; `first` is the number of the first one, from 1. */
export interface LineBlock {
  readonly first: number
  readonly lines: readonly string[]
  /** Bytes read so far, for progress. */
  readonly bytes: number
  /** True for the block that holds the end of the file, when no line end closes it. */
  readonly unterminated: boolean
}

const NEWLINE = 10

/**
 * Reads a stream as blocks of whole lines. Blocks, because one check and one decoding of a megabyte is many times
 * faster than one per line. A byte order mark is dropped, `\r\n` counts as a line end.
 * Throws `data` naming file and line for bytes that are not UTF-8, `storage` when reading fails.
 */
export async function* readLineBlocks(
  stream: Readable,
  label: string,
  signal?: AbortSignal,
): AsyncGenerator<LineBlock, void, undefined> {
  let rest: Buffer[] = []
  let first = 1
  let bytes = 0
  const decode = (block: Buffer, unterminated: boolean): LineBlock => {
    if (!isUtf8(block)) throw invalidUtf8(block, label, first)
    let text = block.toString("utf8")
    if (first === 1 && text.charCodeAt(0) === 0xfeff) text = text.slice(1)
    const lines = text.split("\n")
    if (!unterminated) lines.pop()
    if (text.includes("\r"))
      for (let i = 0; i < lines.length; i++) if (lines[i]!.endsWith("\r")) lines[i] = lines[i]!.slice(0, -1)
    const result = { first, lines, bytes, unterminated }
    first += lines.length
    return result
  }
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      throwIfAborted(signal)
      bytes += chunk.length
      const end = chunk.lastIndexOf(NEWLINE) + 1
      if (end === 0) {
        rest.push(chunk)
        continue
      }
      const head = chunk.subarray(0, end)
      yield decode(rest.length > 0 ? Buffer.concat([...rest, head]) : head, false)
      rest = end < chunk.length ? [chunk.subarray(end)] : []
    }
    if (rest.length > 0) yield decode(Buffer.concat(rest), true)
  } catch (thrown) {
    if (thrown instanceof RankineError) throw thrown
    const error = toRankineError(thrown, "storage")
    const broken = /^Z_|incorrect|unexpected end|invalid/.test(
      `${(thrown as NodeJS.ErrnoException).code} ${error.message}`,
    )
    throw new RankineError(broken ? "data" : "storage", `cannot read ${label}: ${error.message}`, { cause: thrown })
  } finally {
    stream.destroy()
  }
}

function invalidUtf8(block: Buffer, label: string, first: number): RankineError {
  let line = first
  let start = 0
  for (;;) {
    const end = block.indexOf(NEWLINE, start)
    const bytes = block.subarray(start, end < 0 ? block.length : end)
    if (!isUtf8(bytes) || end < 0) break
    start = end + 1
    line++
  }
  return new RankineError("data", `${label}:${line}: bytes that are not UTF-8; convert the file (iconv -t UTF-8)`, {
    details: { file: label, line },
  })
}

/** Every line of a stream as one list; for files of queries and judgements. */
export async function readLines(stream: Readable, label: string, signal?: AbortSignal): Promise<string[]> {
  const lines: string[] = []
  for await (const block of readLineBlocks(stream, label, signal)) for (const line of block.lines) lines.push(line)
  return lines
}
