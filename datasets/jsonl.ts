import type { Readable } from "node:stream"
import { RankineError } from "../src/core/errors.js"
import { type LineBlock, readLineBlocks } from "./lines.js"

export type JsonRecord = Readonly<Record<string, unknown>>

/** Records of one block of lines: `line(i)` is the number of record i's line. */
export interface RecordBlock {
  readonly records: readonly JsonRecord[]
  line(index: number): number
  readonly bytes: number
}

/**
 * Reads one JSON object per line, a block at a time; blank lines are passed over.
 * Throws `data` naming file and line for a line that is not a JSON object, and says so when the file seems cut short.
 */
export async function* readJsonl(
  stream: Readable,
  label: string,
  signal?: AbortSignal,
): AsyncGenerator<RecordBlock, void, undefined> {
  for await (const block of readLineBlocks(stream, label, signal)) {
    const records: JsonRecord[] = []
    let blanks: number[] | undefined
    block.lines.forEach((line, index) => {
      if (line === "" || (line.charCodeAt(0) <= 32 && line.trim() === "")) {
        blanks ??= []
        blanks.push(index)
      } else records.push(parseLine(line, label, block, index))
    })
    const numbers = blanks && lineNumbers(block, new Set(blanks))
    yield { records, line: (index) => (numbers ? numbers[index]! : block.first + index), bytes: block.bytes }
  }
}

function parseLine(line: string, label: string, block: LineBlock, index: number): JsonRecord {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (thrown) {
    const last = block.unterminated && index === block.lines.length - 1
    const reason = last ? "the file ends in the middle of a line: it was cut short, fetch it again" : "not JSON"
    throw lineError(label, block.first + index, reason, thrown)
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw lineError(label, block.first + index, "not a JSON object; every line must be one, {...}")
  return value as JsonRecord
}

function lineNumbers(block: LineBlock, blanks: ReadonlySet<number>): number[] {
  return block.lines.flatMap((_, index) => (blanks.has(index) ? [] : [block.first + index]))
}

/** The error for a line of a file: `file:line: reason`. */
export function lineError(label: string, line: number, reason: string, cause?: unknown): RankineError {
  return new RankineError("data", `${label}:${line}: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { file: label, line },
  })
}

/** The id in a record under the first of `names` it has: text as it is, numbers as text. */
export function idOf(record: JsonRecord, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = record[name]
    if (typeof value === "string" && value !== "") return value
    if (typeof value === "number" && Number.isFinite(value)) return String(value)
  }
  return undefined
}

/** The text in a record under the first of `names` it has. */
export function textOf(record: JsonRecord, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = record[name]
    if (typeof value === "string") return value
  }
  return undefined
}
