import type { RunOptions } from "../src/core/contracts.js"
import { RankineError } from "../src/core/errors.js"
import { candidateFiles, chooseCandidates, loadCandidates } from "./candidates.js"
import type { Dataset } from "./dataset.js"
import { idOf, readJsonl } from "./jsonl.js"
import { judgedDataset } from "./judged.js"
import { chooseSplit, findLayout, loadQrels } from "./layout.js"
import { readQueries } from "./queries.js"
import { type DatasetEntry, findEntry } from "./registry.js"
import { type FileSource, fileLabel } from "./source.js"

/** How a data set is opened, whatever its form. */
export interface FormOptions extends Pick<RunOptions, "signal"> {
  readonly split?: string
  /** BRIGHT: the judgements of whole documents (`gold_ids_long`). */
  readonly long?: boolean
  /** Which of several first stages `candidates` holds; BRIGHT: also the file of rewritten examples. */
  readonly variant?: string
  /**
   * Whether a query's own id is excluded. By default what the registry says of the name; for other collections in BEIR's form yes, as BEIR's own
   * evaluation (`ignore_identical_ids`) and Anserini (`-removeQuery`) do on every set, unless they bring exclusions or candidates of their own.
   * Relevant documents that are lost by it are counted as `excluded-document`.
   */
  readonly excludeIdentical?: boolean
  readonly name?: string
}

/** Whether a source looks like a collection of this form. */
export function isBeir(source: FileSource): boolean {
  const { corpus, qrels, queries } = findLayout(source)
  return corpus.length > 0 || (qrels.size > 0 && queries("test") !== undefined)
}

/**
 * Opens corpus, queries and judgements as BEIR, R2MED and TREC tracks lay them out; `excluded_ids.jsonl`, candidate files and pools are
 * taken where they lie. Without any judgement every query stays and `qrels` is empty.
 */
export async function openBeir(source: FileSource, options: FormOptions = {}): Promise<Dataset> {
  const { signal } = options
  const layout = findLayout(source)
  const r2med = source.files.some((path) => /^query\.jsonl(\.gz)?$/.test(path))
  const given = options.name ?? source.name
  const entry = entryOf(source, given, r2med)
  const name = options.name ?? entry?.name ?? (r2med ? `r2med-${given.toLowerCase()}` : given)
  let split = options.split ?? "test"
  if (layout.qrels.size > 0) {
    split = chooseSplit([...layout.qrels.keys()], options.split, entry?.defaultSplit, source.label)
    if (options.long) split = chooseSplit([...layout.qrels.keys()], `${split}_long`, undefined, source.label)
  }
  const queryPath = layout.queries(split)
  const qrelsPath = layout.qrels.get(split)
  if (qrelsPath !== undefined && queryPath === undefined)
    throw new RankineError("not-found", `${source.label} has judgements and no queries; put queries.jsonl there`)
  const judged = qrelsPath === undefined ? undefined : await loadQrels(source, qrelsPath, signal)
  const queryFile =
    queryPath === undefined ? { queries: [], fields: new Map() } : await readQueries(source, queryPath, signal)
  const excluded = await readExclusions(source, signal)
  const file = chooseCandidates(candidateFiles(source, split), options.variant, source.label)
  return judgedDataset({
    name,
    split,
    form: r2med ? "r2med" : "beir",
    entry,
    source,
    corpus: layout.corpus,
    queryFile,
    qrels: judged?.qrels,
    warnings: judged?.warnings ?? [],
    excludeIdentical:
      options.excludeIdentical ?? (entry ? entry.excludeIdentical === true : !(r2med || file || excluded)),
    ...(excluded ? { excluded } : {}),
    ...(file ? { candidates: (queries) => loadCandidates(source, file, queries, signal) } : {}),
  })
}

/** The folder above tells `cqadupstack/android` and `birco/arguana` from others of the name. */
function entryOf(source: FileSource, name: string, r2med: boolean): DatasetEntry | undefined {
  const above = source.label.split(/[\\/]/).at(-2) ?? ""
  if (r2med) return findEntry(`r2med-${name}`)
  return findEntry(`${above}-${name}`) ?? findEntry(name)
}

/** `excluded_ids.jsonl`: `{query_id, excluded_ids}` on each line. */
async function readExclusions(
  source: FileSource,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
  const path = source.files.find((file) => /^excluded_ids\.jsonl(\.gz)?$/.test(file))
  if (path === undefined) return undefined
  const result = new Map<string, readonly string[]>()
  for await (const block of readJsonl(await source.open(path), fileLabel(source, path), signal))
    for (const record of block.records) {
      const query = idOf(record, ["query_id", "_id", "id"])
      const ids = excludedIds(record.excluded_ids)
      if (query !== undefined && ids.length > 0) result.set(query, ids)
    }
  return result.size > 0 ? result : undefined
}

/** BRIGHT writes `["N/A"]` where nothing is excluded. */
export function excludedIds(list: unknown): string[] {
  if (!Array.isArray(list)) return []
  return [...new Set(list.filter((id): id is string => typeof id === "string" && id !== "N/A"))]
}
