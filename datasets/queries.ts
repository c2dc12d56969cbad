/** Queries from JSONL files, with whatever else their lines carry. @module */
import type { Query } from "../src/core/document.js"
import { RankineError } from "../src/core/errors.js"
import { ID_FIELDS } from "./corpus.js"
import { idOf, type JsonRecord, lineError, readJsonl, textOf } from "./jsonl.js"
import { readLines } from "./lines.js"
import { type FileSource, fileLabel } from "./source.js"
import { parseTopics } from "./topics.js"

export interface QueryFile {
  readonly queries: readonly Query[]
  readonly fields: ReadonlyMap<string, JsonRecord>
}

const QUERY_IDS = [...ID_FIELDS, "query_id", "qid", "q_id"]
const QUERY_TEXTS = ["text", "query", "question"]
const KNOWN = new Set([...QUERY_IDS, ...QUERY_TEXTS, "instruction"])

/** Reads queries from JSONL, tab-separated topics or TREC's SGML. Throws `data` naming file and line. */
export async function readQueries(source: FileSource, path: string, signal?: AbortSignal): Promise<QueryFile> {
  const label = fileLabel(source, path)
  const stream = await source.open(path)
  if (!/\.jsonl(\.gz)?$/.test(path))
    return { queries: parseTopics(await readLines(stream, label, signal), label), fields: new Map() }
  const queries: Query[] = []
  const fields = new Map<string, JsonRecord>()
  const lines = new Map<string, number>()
  for await (const block of readJsonl(stream, label, signal))
    block.records.forEach((record, index) => {
      const query = toQuery(record, label, block.line(index))
      const before = lines.get(query.id)
      if (before !== undefined)
        throw lineError(label, block.line(index), `query id ${query.id} was used before, on line ${before}`)
      lines.set(query.id, block.line(index))
      queries.push(query)
      const others = otherFields(record, KNOWN)
      if (others) fields.set(query.id, others)
    })
  if (queries.length === 0) throw new RankineError("data", `${label} holds no queries; fetch it again`)
  return { queries, fields }
}

/** The record of one line as a query. Throws `data` where id or text is missing. */
export function toQuery(record: JsonRecord, label: string, line: number): Query {
  const id = idOf(record, QUERY_IDS)
  if (id === undefined) throw lineError(label, line, 'a query without id; give it "_id"')
  const text = textOf(record, QUERY_TEXTS)
  if (text === undefined) throw lineError(label, line, `query ${id} has no text; give it "text"`)
  const { instruction } = record
  return typeof instruction === "string" && instruction !== "" ? { id, text, instruction } : { id, text }
}

/** Fields of a line other than `known`, empty objects left out. */
export function otherFields(record: JsonRecord, known: ReadonlySet<string>): JsonRecord | undefined {
  const others: Record<string, unknown> = {}
  let some = false
  for (const key in record) {
    const value = record[key]
    const empty = value === null || (typeof value === "object" && Object.keys(value).length === 0)
    if (known.has(key) || empty) continue
    others[key] = value
    some = true
  }
  return some ? others : undefined
}
