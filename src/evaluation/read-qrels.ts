import type { Warning } from "../core/ranking.js"
import { lineError, readLines } from "./lines.js"
import type { Qrels } from "./types.js"

export interface QrelsFile {
  readonly qrels: Qrels
  /** `duplicate-judgement`: lines that repeat an earlier one. */
  readonly warnings: readonly Warning[]
}

const header = /^((query|topic|q)[-_ ]?(id|no|num)|query|topic)$/i

/**
 * Reads judgements: TREC's four columns (`query iteration document grade`) or BEIR's three (`query document grade`), with
 * or without a header line, separated by tabs or white space; plain or gzipped. Where the first line has tabs, tabs alone
 * separate, so that ids may contain spaces.
 * Throws `data` with file and line for a malformed line or two different grades for one document of a query,
 * `not-found` and `storage`. Lines that only repeat a judgement are counted.
 */
export async function readQrels(file: string, options: { readonly signal?: AbortSignal } = {}): Promise<QrelsFile> {
  const qrels = new Map<string, Map<string, number>>()
  let columns = 0
  let separator: RegExp | string = /\s+/
  let repeated = 0
  for await (const lines of readLines(file, options.signal))
    for (const { text, number } of lines) {
      const first = columns === 0
      if (first && text.includes("\t")) separator = "\t"
      const cells = (separator === "\t" ? text : text.trim()).split(separator)
      if (first) {
        columns = cells.length
        if (columns !== 3 && columns !== 4)
          throw lineError(
            file,
            number,
            `${columns} columns; qrels have four (query iteration document grade) or three (query document grade)`,
          )
        if (header.test(cells[0]!.trim()) && !isGrade(cells.at(-1)!)) continue
      }
      if (cells.length !== columns)
        throw lineError(file, number, `${cells.length} columns where the first line has ${columns}`)
      const query = cells[0]!.trim()
      const document = cells[columns - 2]!.trim()
      const grade = cells.at(-1)!.trim()
      if (query === "" || document === "") throw lineError(file, number, "an id is empty")
      if (!isGrade(grade)) throw lineError(file, number, `the grade must be a number, not "${grade}"`)
      let judgements = qrels.get(query)
      if (!judgements) qrels.set(query, (judgements = new Map()))
      const known = judgements.get(document)
      if (known === undefined) judgements.set(document, Number(grade))
      else if (known === Number(grade)) repeated++
      else
        throw lineError(
          file,
          number,
          `document ${document} of query ${query} has the grade ${known} above and ${grade} here; keep one of the two`,
        )
    }
  return { qrels, warnings: repeated > 0 ? [{ code: "duplicate-judgement", count: repeated }] : [] }
}

function isGrade(text: string): boolean {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)
}
