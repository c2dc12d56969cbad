/** Which file of a source is what, in the forms that collections come in. @module */
import { RankineError } from "../src/core/errors.js"
import type { Warning } from "../src/core/ranking.js"
import { readQrels } from "../src/evaluation/read-qrels.js"
import type { Qrels } from "../src/evaluation/types.js"
import { idOf, lineError, readJsonl } from "./jsonl.js"
import { withLocalFile } from "./local-file.js"
import { type FileSource, fileLabel } from "./source.js"

/** Files of one collection: BEIR's names, R2MED's (`query.jsonl`, `qrels.txt`), TREC's (`topics.*`, `qrels.*`, `collection.tsv`). */
export interface Layout {
  readonly corpus: readonly string[]
  /** Split → file of judgements. */
  readonly qrels: ReadonlyMap<string, string>
  queries(split: string): string | undefined
}

const CORPUS = [/^corpus\.jsonl(\.gz)?$/, /^(documents|docs)\.jsonl(\.gz)?$/, /^collection\.tsv(\.gz)?$/]
const CORPUS_SHARDS = /^(corpus|collection|documents)[-_/][^/]+\.(jsonl|tsv)(\.gz)?$/
const QUERIES = [
  /^quer(y|ies)\.jsonl(\.gz)?$/,
  /^queries(?:\.(?<split>[\w-]+))?\.(jsonl|tsv)(\.gz)?$/,
  /^topics(?:\.(?<split>[^/]+?))?(\.(tsv|txt|trec))?(\.gz)?$/,
]
const QRELS = [
  /^qrels\/(?<split>[^/]+?)\.(tsv|txt|trec|qrels|jsonl)(\.gz)?$/,
  /^qrels\.(tsv|txt|trec|jsonl)(\.gz)?$/,
  /^qrels\.(?<split>[^/]+?)\.(tsv|txt|trec|jsonl)(\.gz)?$/,
]

/** Finds the files of a collection at the top of a source. */
export function findLayout(source: FileSource): Layout {
  const { files } = source
  const single = CORPUS.map((pattern) => files.find((path) => pattern.test(path))).find((path) => path !== undefined)
  const qrels = new Map<string, string>()
  for (const pattern of QRELS)
    for (const path of files) {
      const match = pattern.exec(path)
      // A file without the name of a split is the only one there is: the test split.
      const split = match && (match.groups?.split ?? "test")
      if (split && !qrels.has(split)) qrels.set(split, path)
    }
  return {
    corpus: single !== undefined ? [single] : files.filter((path) => CORPUS_SHARDS.test(path)),
    qrels,
    queries(split) {
      const matches = QUERIES.flatMap((pattern) =>
        files.flatMap((path) => {
          const match = pattern.exec(path)
          return match ? [{ path, split: match.groups?.split }] : []
        }),
      )
      const exact = matches.find((match) => match.split === split)
      return (exact ?? matches.find((match) => match.split === undefined) ?? matches[0])?.path
    },
  }
}

/** The split to open: the one asked for, else the default, else the only one. Throws `not-found` listing what is there. */
export function chooseSplit(
  splits: readonly string[],
  asked: string | undefined,
  standard: string | undefined,
  label: string,
): string {
  if (asked !== undefined && splits.includes(asked)) return asked
  const list = splits.join(", ") || "none"
  if (asked !== undefined) throw new RankineError("not-found", `${label} has no split "${asked}"; there are: ${list}`)
  for (const split of [standard ?? "test", "test"]) if (splits.includes(split)) return split
  if (splits.length === 1) return splits[0]!
  throw new RankineError("not-found", `${label} has no test split; name one of: ${list}`)
}

/** Judgements in any form: TREC, BEIR, or R2MED's JSONL (`q_id`, `p_id`, `score`). */
export async function loadQrels(
  source: FileSource,
  path: string,
  signal?: AbortSignal,
): Promise<{ qrels: Qrels; warnings: readonly Warning[] }> {
  if (!/\.jsonl(\.gz)?$/.test(path))
    return withLocalFile(source, path, (file) => readQrels(file, signal ? { signal } : {}))
  const label = fileLabel(source, path)
  const judgements = new Judgements()
  for await (const block of readJsonl(await source.open(path), label, signal))
    block.records.forEach((record, index) => {
      const query = idOf(record, ["q_id", "query-id", "query_id", "qid"])
      const document = idOf(record, ["p_id", "corpus-id", "corpus_id", "doc_id", "docid", "pid"])
      const grade = Number(record.score ?? record.relevance ?? Number.NaN)
      if (query === undefined || document === undefined || Number.isNaN(grade))
        throw lineError(label, block.line(index), 'not a judgement; give it "q_id", "p_id" and "score"')
      judgements.add(query, document, grade)
    })
  return judgements
}

/** Collects judgements; of several for one document the highest stays, and all but the first are counted. */
export class Judgements {
  readonly qrels = new Map<string, Map<string, number>>()
  #repeated = 0

  add(query: string, document: string, grade: number): void {
    let grades = this.qrels.get(query)
    if (!grades) this.qrels.set(query, (grades = new Map()))
    const before = grades.get(document)
    if (before !== undefined) this.#repeated++
    grades.set(document, before === undefined ? grade : Math.max(before, grade))
  }

  get warnings(): Warning[] {
    return this.#repeated > 0 ? [{ code: "duplicate-judgement", count: this.#repeated }] : []
  }
}
