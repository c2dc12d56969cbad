/** What a data set offers, whatever files it came from. @module */
import type { Document, Query } from "../src/core/document.js"
import type { OnProgress } from "../src/core/progress.js"
import type { Ranking, Warning } from "../src/core/ranking.js"
import type { Qrels } from "../src/evaluation/types.js"

export interface ReadOptions {
  readonly signal?: AbortSignal
  /** `done` counts documents; `total` is there when the number of documents is known. */
  readonly onProgress?: OnProgress
}

/** Documents to index: a data set's, or a folder of the user's own. */
export interface Collection {
  readonly name: string
  /** Documents, once known: from the registry's figures never, from a complete reading always. */
  readonly size: number | undefined
  /**
   * Reads every document once, in the order of the files, holding none of them. The first complete reading also checks
   * that ids are unique and counts what `warnings` reports. Throws `data` with file and line for malformed documents,
   * duplicate ids and an empty collection.
   */
  documents(options?: ReadOptions): AsyncIterable<Document>
  /** What was tolerated so far; what concerns documents is complete after `documents()` was read to its end. */
  readonly warnings: readonly Warning[]
  /** Everything that decides what a score on this collection means, as plain data for reports. */
  readonly description: CollectionDescription
}

export interface CollectionDescription {
  readonly name: string
  readonly [parameter: string]: unknown
}

/** From which grade on a document counts as relevant for measures that know only relevant or not. */
export interface Relevance {
  readonly threshold: number
  readonly note?: string
}

/**
 * A judged collection. What published scores depend on is settled here, so that no caller needs a flag: the split,
 * which queries count, and which documents a query must not retrieve (`Query.excludedIds`).
 */
export interface Dataset extends Collection {
  readonly split: string
  /** The queries of the split that have judgements, in the order of the file. Means run over these. */
  readonly queries: readonly Query[]
  /** Queries in the file, judged or not, of all splits. */
  readonly allQueries: number
  /** Other fields of the queries' lines (answers, reasoning, labels), by query id. */
  readonly queryFields: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  readonly qrels: Qrels
  readonly relevance: Relevance
  /** The measures that published results on it use. */
  readonly measures: readonly string[]
  /** A first stage that the data set brings: one ranking for each query, excluded documents removed. */
  readonly candidates?: readonly Ranking[]
  /** The data sets of which this is the mean, each with an index of its own (CQADupStack's twelve). */
  readonly parts?: readonly Dataset[]
}
