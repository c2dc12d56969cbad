import type { Document, Query } from "../src/core/document.js"
import { RankineError, throwIfAborted } from "../src/core/errors.js"
import type { Ranking, Warning } from "../src/core/ranking.js"
import type { Qrels } from "../src/evaluation/types.js"
import { readCorpus } from "./corpus.js"
import type { CollectionDescription, Dataset, ReadOptions, Relevance } from "./dataset.js"
import type { QueryFile } from "./queries.js"
import { type DatasetEntry, DEFAULT_MEASURES } from "./registry.js"
import type { FileSource } from "./source.js"

/** What a loader found; `judgedDataset` makes one object of it, the same for every form. */
export interface JudgedParts {
  readonly name: string
  readonly split: string
  readonly form: string
  readonly entry: DatasetEntry | undefined
  readonly source: FileSource
  /** Paths of the documents' files. */
  readonly corpus: readonly string[]
  /** Documents that came along with another file, instead of `corpus`. */
  readonly inMemory?: ReadonlyMap<string, Document>
  /** What to say when documents are asked for and there are none. */
  readonly withoutCorpus?: string
  readonly queryFile: QueryFile
  /** Absent when the collection has no judgements at all: every query is kept. */
  readonly qrels: Qrels | undefined
  readonly warnings: readonly Warning[]
  /** Each query's own id is excluded from its ranking. */
  readonly excludeIdentical: boolean
  /** Further exclusions by query id. */
  readonly excluded?: ReadonlyMap<string, readonly string[]>
  readonly measures?: readonly string[]
  readonly details?: Readonly<Record<string, unknown>>
  /** Makes the first-stage rankings of the queries that count. */
  candidates?(queries: readonly Query[]): Promise<{ rankings: readonly Ranking[]; details: Record<string, unknown> }>
}

/** Puts a data set together: exclusions, the queries that count, what was tolerated, and its description. */
export async function judgedDataset(parts: JudgedParts): Promise<Dataset> {
  const { entry, queryFile } = parts
  const qrels = parts.qrels ?? new Map()
  const judged = parts.qrels ? queryFile.queries.filter((query) => parts.qrels!.has(query.id)) : [...queryFile.queries]
  const queries = judged.map((query) => withExclusions(query, parts))
  if (parts.qrels && queries.length === 0)
    throw new RankineError(
      "data",
      `${parts.source.label}: none of the ${queryFile.queries.length} queries has a judgement in the split ` +
        `${parts.split}; queries and qrels are not of the same collection`,
    )
  const relevance = {
    threshold: entry?.threshold ?? 1,
    ...(entry?.note !== undefined && entry.threshold !== undefined ? { note: entry.note } : {}),
  }
  const first = await parts.candidates?.(queries)
  const excludedIds = queries.reduce((sum, query) => sum + (query.excludedIds?.length ?? 0), 0)
  const description: CollectionDescription = {
    name: parts.name,
    split: parts.split,
    form: parts.form,
    ...(entry ? { suite: entry.suite, terms: entry.terms, ...(entry.note ? { note: entry.note } : {}) } : {}),
    relevanceThreshold: relevance.threshold,
    exclusions: parts.excludeIdentical ? "identical-ids" : parts.excluded ? "listed" : "none",
    ...(parts.excluded ? { excludedIds } : {}),
    ...parts.details,
    ...(first ? { candidates: first.details } : {}),
  }
  const warnings = [
    ...parts.warnings,
    ...queryWarnings(queries, queryFile, qrels),
    ...unansweredWarning(queries, first?.rankings),
  ]
  return new Judged(parts, queries, qrels, relevance, description, warnings, first?.rankings)
}

function withExclusions(query: Query, parts: JudgedParts): Query {
  const listed = parts.excluded?.get(query.id) ?? []
  const excludedIds = parts.excludeIdentical && !listed.includes(query.id) ? [query.id, ...listed] : listed
  return excludedIds.length > 0 ? { ...query, excludedIds } : query
}

class Judged implements Dataset {
  readonly name: string
  readonly split: string
  readonly allQueries: number
  readonly queryFields: Dataset["queryFields"]
  readonly measures: readonly string[]
  declare readonly candidates?: readonly Ranking[]
  readonly #parts: JudgedParts
  readonly #warnings: readonly Warning[]
  readonly #check: { size: number | undefined; warnings: readonly Warning[] } = { size: undefined, warnings: [] }

  constructor(
    parts: JudgedParts,
    readonly queries: readonly Query[],
    readonly qrels: Qrels,
    readonly relevance: Relevance,
    readonly description: CollectionDescription,
    warnings: readonly Warning[],
    candidates: readonly Ranking[] | undefined,
  ) {
    this.#parts = parts
    this.#warnings = warnings
    this.name = parts.name
    this.split = parts.split
    this.allQueries = parts.queryFile.queries.length
    this.queryFields = parts.queryFile.fields
    this.measures = parts.measures ?? parts.entry?.measures ?? DEFAULT_MEASURES
    if (candidates) this.candidates = candidates
  }

  get size(): number | undefined {
    return this.#check.size
  }

  get warnings(): readonly Warning[] {
    return [...this.#warnings, ...this.#check.warnings]
  }

  documents(options: ReadOptions = {}): AsyncIterable<Document> {
    const { source, corpus, inMemory, withoutCorpus } = this.#parts
    if (inMemory) return this.#documentsInMemory(inMemory, options)
    if (corpus.length === 0)
      throw new RankineError("not-found", withoutCorpus ?? `${source.label} holds no documents; put corpus.jsonl there`)
    return readCorpus(source, corpus, this.#check, options, (ids) => unknownDocuments(this.qrels, ids))
  }

  async *#documentsInMemory(documents: ReadonlyMap<string, Document>, options: ReadOptions): AsyncGenerator<Document> {
    for (const document of documents.values()) {
      throwIfAborted(options.signal)
      yield document
    }
    this.#check.size = documents.size
    this.#check.warnings = unknownDocuments(this.qrels, documents)
    options.onProgress?.({ stage: "documents", done: documents.size, total: documents.size, unit: "documents" })
  }
}

/** Judged documents that the collection does not hold: tolerated, as every tool does (BEIR's ArguAna has five). */
function unknownDocuments(qrels: Qrels, ids: ReadonlyMap<string, unknown>): Warning[] {
  const unknown = new Set<string>()
  for (const judgements of qrels.values()) for (const id of judgements.keys()) if (!ids.has(id)) unknown.add(id)
  return unknown.size > 0 ? [{ code: "unknown-document", count: unknown.size, ids: [...unknown] }] : []
}

function queryWarnings(queries: readonly Query[], file: QueryFile, qrels: Qrels): Warning[] {
  const warnings: Warning[] = []
  const known = new Set(file.queries.map((query) => query.id))
  const unknown = [...qrels.keys()].filter((id) => !known.has(id))
  if (unknown.length > 0) warnings.push({ code: "unknown-query", count: unknown.length, ids: unknown })
  const empty = queries.filter((query) => query.text.trim() === "").map((query) => query.id)
  if (empty.length > 0) warnings.push({ code: "empty-query", count: empty.length, ids: empty })
  const excluded = queries.flatMap((query) =>
    (query.excludedIds ?? []).filter((id) => (qrels.get(query.id)?.get(id) ?? 0) > 0),
  )
  // Relevant by the qrels, yet never to be retrieved: recall cannot reach 1.
  if (excluded.length > 0) warnings.push({ code: "excluded-document", count: excluded.length, ids: excluded })
  return warnings
}

function unansweredWarning(queries: readonly Query[], rankings: readonly Ranking[] | undefined): Warning[] {
  if (!rankings) return []
  const answered = new Set(rankings.map((ranking) => ranking.query.id))
  const ids = queries.filter((query) => !answered.has(query.id)).map((query) => query.id)
  return ids.length > 0 ? [{ code: "unanswered-query", count: ids.length, ids }] : []
}
