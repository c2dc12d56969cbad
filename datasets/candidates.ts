/** First-stage rankings that come with a data set: candidate files, pools of ids, TREC runs. @module */
import type { Document, Query } from "../src/core/document.js"
import { RankineError } from "../src/core/errors.js"
import { emptyRanking, type Hit, type Ranking, type ScoreKind } from "../src/core/ranking.js"
import { parseRunLine, sortAsTrecEval } from "../src/evaluation/read-run.js"
import { toDocument } from "./corpus.js"
import { idOf, type JsonRecord, lineError, readJsonl } from "./jsonl.js"
import { readLines } from "./lines.js"
import { toQuery } from "./queries.js"
import { type FileSource, fileLabel } from "./source.js"

/** A file of rankings; its variant is its name without depth and ending: `bm25` of `candidates/bm25.top100.jsonl`. */
export interface CandidateFile {
  readonly path: string
  readonly variant: string
}

/** The candidate files of a source for one split. */
export function candidateFiles(source: FileSource, split: string): CandidateFile[] {
  return source.files.flatMap((path) => {
    const ranked = /^candidates\/([^/]+?)(?:\.top\d+)?\.(?:jsonl|trec|txt)(?:\.gz)?$/.exec(path)
    const run = /^([^/]+?)\.top\d+\.trec(?:\.gz)?$/.exec(path)
    const pool = /^candidates(?:\.([^./]+))?\.ids\.jsonl(?:\.gz)?$/.exec(path)
    if (pool && (pool[1] === undefined || pool[1] === split)) return [{ path, variant: "pool" }]
    const variant = ranked?.[1] ?? run?.[1]
    return variant === undefined ? [] : [{ path, variant }]
  })
}

/** The file that `variant` names; without it BM25's, else the first. Throws `not-found` listing what is there. */
export function chooseCandidates(
  files: readonly CandidateFile[],
  variant: string | undefined,
  label: string,
): CandidateFile | undefined {
  if (variant === undefined) return files.find((file) => file.variant === "bm25") ?? files[0]
  const chosen = files.find((file) => file.variant === variant)
  if (chosen) return chosen
  const there = files.map((file) => file.variant).join(", ")
  throw new RankineError("not-found", `${label} has no candidates "${variant}"; there are: ${there || "none"}`)
}

interface Found {
  readonly hits: readonly Hit[]
  readonly scored: boolean
}

/** Rankings of `queries` from a candidate file, excluded documents removed and counted in each ranking. */
export async function loadCandidates(
  source: FileSource,
  file: CandidateFile,
  queries: readonly Query[],
  signal?: AbortSignal,
): Promise<{ rankings: Ranking[]; details: Record<string, unknown> }> {
  const found = /\.jsonl(\.gz)?$/.test(file.path)
    ? await readCandidates(source, file.path, signal)
    : await readTrec(source, file.path, signal)
  const rankings = queries.flatMap((query) => {
    const entry = found.get(query.id)
    return entry ? [toRanking(query, entry, file.variant)] : []
  })
  const depth = Math.max(0, ...rankings.map((ranking) => ranking.hits.length))
  return { rankings, details: { variant: file.variant, queries: rankings.length, depth } }
}

export function toRanking(query: Query, found: Found, variant: string): Ranking {
  const excluded = new Set(query.excludedIds)
  const hits = found.hits.filter((hit) => !excluded.has(hit.id))
  const removed = found.hits.length - hits.length
  return {
    ...emptyRanking(query, scoreKindOf(variant, found.scored)),
    hits,
    warnings: removed > 0 ? [{ code: "excluded-document", count: removed }] : [],
  }
}

/** Files do not say what their scores are. Every first stage published in this form is BM25 or a dot product. */
function scoreKindOf(variant: string, scored: boolean): ScoreKind {
  if (!scored) return "ordinal"
  return /^bm25/i.test(variant) ? "bm25" : "dot"
}

async function readTrec(source: FileSource, path: string, signal?: AbortSignal): Promise<Map<string, Found>> {
  const label = fileLabel(source, path)
  const run = new Map<string, Map<string, number>>()
  const lines = await readLines(await source.open(path), label, signal)
  lines.forEach((line, index) => {
    if (line.trim() === "") return
    const { query, id, score } = parseRunLine(line, label, index + 1)
    let hits = run.get(query)
    if (!hits) run.set(query, (hits = new Map()))
    if (hits.has(id)) throw lineError(label, index + 1, `document ${id} is twice in this ranking`)
    hits.set(id, score)
  })
  return new Map(
    [...run].map(([query, scores]) => {
      const hits = [...scores].map(([id, score]) => ({ id, score }))
      sortAsTrecEval(hits)
      return [query, { hits, scored: true }]
    }),
  )
}

async function readCandidates(source: FileSource, path: string, signal?: AbortSignal): Promise<Map<string, Found>> {
  const result = new Map<string, Found>()
  for await (const { query, found } of candidateLines(source, path, signal)) result.set(query, found)
  return result
}

export interface CandidateLine {
  readonly query: string
  readonly record: JsonRecord
  readonly line: number
  readonly found: Found
}

/** Lines `{query_id, candidates: [{id, text, score}]}` or `{query_id, candidate_ids}`. Throws `data` naming file and line. */
export async function* candidateLines(
  source: FileSource,
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<CandidateLine> {
  const label = fileLabel(source, path)
  const lines = new Map<string, number>()
  for await (const block of readJsonl(await source.open(path), label, signal))
    for (const [index, record] of block.records.entries()) {
      const line = block.line(index)
      const query = idOf(record, ["query_id", "qid", "_id", "id"])
      if (query === undefined) throw lineError(label, line, 'candidates without "query_id"')
      const before = lines.get(query)
      if (before !== undefined)
        throw lineError(label, line, `candidates of query ${query} were given on line ${before}`)
      lines.set(query, line)
      yield { query, record, line, found: candidatesOf(record, label, line) }
    }
}

function candidatesOf(record: JsonRecord, label: string, line: number): Found {
  const list = record.candidates ?? record.candidate_ids
  if (!Array.isArray(list)) throw lineError(label, line, 'no list "candidates" or "candidate_ids"')
  const seen = new Set<string>()
  let scored = true
  const hits = list.map((item: unknown, rank): Hit => {
    const entry: JsonRecord = typeof item === "object" && item !== null ? (item as JsonRecord) : { id: item }
    const id = idOf(entry, ["id", "_id", "docid", "pid"])
    if (id === undefined) throw lineError(label, line, `candidate ${rank + 1} has no id`)
    if (seen.has(id)) throw lineError(label, line, `candidate ${id} is there twice`)
    seen.add(id)
    const given = entry.score
    if (given !== undefined && (typeof given !== "number" || Number.isNaN(given)))
      throw lineError(label, line, `the score of candidate ${id} is not a number`)
    if (given === undefined) scored = false
    const document: Document | undefined =
      "text" in entry ? toDocument({ text: entry.text, title: entry.title, id }, label, line) : undefined
    // Without scores the order of the file stands for them.
    return { id, score: typeof given === "number" ? given : list.length - rank, ...(document ? { document } : {}) }
  })
  // Scores for some candidates only are no scores.
  return { hits: scored ? hits : hits.map((hit, rank) => ({ ...hit, score: list.length - rank })), scored }
}

/** Query of a candidate line that carries its text. */
export function candidateQuery({ record, line, query }: CandidateLine, label: string): Query {
  return toQuery({ _id: query, query: record.query ?? record.text }, label, line)
}
