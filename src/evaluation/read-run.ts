import { compareIds } from "../core/ranking.js"
import { lineError, readLines } from "./lines.js"
import type { Run, RunHit } from "./types.js"

export interface RunFile {
  readonly run: Run
  readonly format: "trec" | "candidates"
  /** The last column of a TREC run. */
  readonly tag?: string
}

/**
 * Reads a TREC run (`query Q0 document rank score tag`) or a file of candidates (one JSON object a line:
 * `query_id`, `candidates: [{id, score?}]` or `candidate_ids`), plain or gzipped.
 *
 * A TREC run is sorted as trec_eval sorts it, whatever its rank column says: by score as a 32-bit float, highest first,
 * then by document id in UTF-8 byte order, descending. Candidates keep the order of the file.
 * Throws `data` with file and line for a malformed line, a NaN score, or a document twice under one query.
 */
export async function readRun(file: string, options: { readonly signal?: AbortSignal } = {}): Promise<RunFile> {
  const run = new Map<string, RunHit[]>()
  const seen = new Map<string, Set<string>>()
  let format: RunFile["format"] | undefined
  let tag: string | undefined
  for await (const lines of readLines(file, options.signal))
    for (const { text, number } of lines) {
      format ??= text.trimStart().startsWith("{") ? "candidates" : "trec"
      if (format === "candidates") {
        const { query, hits } = parseCandidates(text, file, number)
        if (run.has(query)) throw lineError(file, number, `query ${query} is there twice`)
        const ids = new Set<string>()
        for (const { id } of hits) {
          if (ids.has(id))
            throw lineError(file, number, `document ${id} is twice among the candidates of query ${query}`)
          ids.add(id)
        }
        run.set(query, hits)
        continue
      }
      const line = parseRunLine(text, file, number)
      tag ??= line.tag
      let hits = run.get(line.query)
      if (!hits) {
        run.set(line.query, (hits = []))
        seen.set(line.query, new Set())
      }
      const ids = seen.get(line.query)!
      if (ids.has(line.id))
        throw lineError(
          file,
          number,
          `document ${line.id} is twice in the ranking of query ${line.query}; remove one of the two`,
        )
      ids.add(line.id)
      hits.push({ id: line.id, score: line.score })
    }
  if (format !== "candidates") for (const hits of run.values()) sortAsTrecEval(hits)
  return { run, format: format ?? "trec", ...(tag === undefined ? {} : { tag }) }
}

/** Sorts in place as trec_eval does: score as a 32-bit float, descending, then id in byte order, descending. */
export function sortAsTrecEval(hits: RunHit[]): void {
  hits.sort((left, right) => {
    const a = Math.fround(left.score)
    const b = Math.fround(right.score)
    return a === b ? compareIds(right.id, left.id) : a > b ? -1 : 1
  })
}

/** Ids of BRIGHT have spaces in them: then the first two columns and the last three are counted from the ends. */
const SPACED_LINE = /^\s*(\S+)\s+(\S+)\s+(\S.*?)\s+(\d+)\s+(\S+)\s+(\S+)\s*$/

/** One line of a TREC run. Throws `data` with file and line where it is none. */
export function parseRunLine(
  text: string,
  file: string,
  number: number,
): { query: string; id: string; score: number; tag: string } {
  // Five tabs: writeRun writes runs whose ids contain spaces with tabs.
  let cells = text.includes("\t") ? text.split("\t").map((cell) => cell.trim()) : []
  if (cells.length !== 6) cells = text.trim().split(/\s+/)
  if (cells.length > 6) cells = SPACED_LINE.exec(text)?.slice(1) ?? cells
  if (cells.length !== 6)
    throw lineError(file, number, `${cells.length} columns; a run has six (query Q0 document rank score tag)`)
  const [query, , id, , score, tag] = cells as [string, string, string, string, string, string]
  if (query === "" || id === "") throw lineError(file, number, "an id is empty")
  return { query, id, score: parseScore(score, file, number), tag }
}

function parseScore(text: string, file: string, number: number): number {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text)
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text)
  if (infinite) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  throw lineError(
    file,
    number,
    /^[+-]?nan$/i.test(text)
      ? "the score is NaN, which has no place in an order; repair what wrote the run"
      : `the score must be a number, not "${text}"`,
  )
}

function parseCandidates(text: string, file: string, number: number): { query: string; hits: RunHit[] } {
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch (thrown) {
    throw lineError(file, number, `not valid JSON (${(thrown as Error).message}); is the line cut short?`)
  }
  const { query_id, candidates, candidate_ids } = line as Record<string, unknown>
  const query = readId(query_id)
  if (query === undefined) throw lineError(file, number, "a line of candidates needs a query_id")
  const list = candidates ?? candidate_ids
  if (!Array.isArray(list))
    throw lineError(file, number, "a line of candidates needs candidates, a list of {id, score?}")
  const hits = list.map((entry: unknown, index) => {
    const candidate = typeof entry === "object" && entry !== null ? (entry as Record<string, unknown>) : { id: entry }
    const id = readId(candidate.id)
    if (id === undefined) throw lineError(file, number, `candidate ${index + 1} of query ${query} has no id`)
    // Without scores the order of the file stands for them.
    const score = candidate.score ?? list.length - index
    if (typeof score !== "number" || Number.isNaN(score))
      throw lineError(
        file,
        number,
        `candidate ${id} of query ${query}: the score must be a number, not ${JSON.stringify(score)}`,
      )
    return { id, score }
  })
  return { query, hits }
}

function readId(value: unknown): string | undefined {
  if (typeof value === "number") return String(value)
  return typeof value === "string" && value !== "" ? value : undefined
}
