/** Collections whose score is the mean of their parts. @module */
import type { Document } from "../src/core/document.js"
import { RankineError } from "../src/core/errors.js"
import { mergeWarnings, type Warning } from "../src/core/ranking.js"
import type { Collection, CollectionDescription, Dataset, ReadOptions } from "./dataset.js"
import type { DatasetEntry } from "./registry.js"

/**
 * Joins data sets of which each is searched with an index of its own. Queries and judgements are those of the parts, their
 * ids prefixed with the part's name, to count them; documents are read from the parts.
 */
export function compositeDataset(entry: DatasetEntry, parts: readonly Dataset[]): Dataset {
  if (parts.length === 0) throw new RankineError("data", `${entry.name} has no parts`)
  return new Composite(entry, parts)
}

/** The mean of each measure over the parts of a composite; a measure that a part lacks is an `argument` error. */
export function meanOfParts(measures: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const result: Record<string, number> = {}
  for (const name of Object.keys(measures[0] ?? {})) {
    const values = measures.map((each) => each[name])
    if (values.some((value) => value === undefined))
      throw new RankineError("argument", `the measure ${name} was not computed on every part`)
    result[name] = (values as number[]).reduce((sum, value) => sum + value, 0) / measures.length
  }
  return result
}

class Composite implements Dataset {
  readonly name: string
  readonly split: string
  readonly queries: Dataset["queries"]
  readonly allQueries: number
  readonly queryFields: Dataset["queryFields"]
  readonly qrels: Dataset["qrels"]
  readonly relevance: Dataset["relevance"]
  readonly measures: readonly string[]

  constructor(
    readonly entry: DatasetEntry,
    readonly parts: readonly Dataset[],
  ) {
    const prefixed = <T>(pick: (part: Dataset) => Iterable<readonly [string, T]>): [string, T][] =>
      parts.flatMap((part) => [...pick(part)].map(([id, value]): [string, T] => [`${part.name}/${id}`, value]))
    this.name = entry.name
    this.split = parts[0]!.split
    this.queries = parts.flatMap((part) => part.queries.map((query) => ({ ...query, id: `${part.name}/${query.id}` })))
    this.allQueries = parts.reduce((sum, part) => sum + part.allQueries, 0)
    this.queryFields = new Map(prefixed((part) => part.queryFields))
    this.qrels = new Map(prefixed((part) => part.qrels))
    this.relevance = parts[0]!.relevance
    this.measures = parts[0]!.measures
  }

  get size(): number | undefined {
    const sizes = this.parts.map((part) => part.size)
    return sizes.includes(undefined) ? undefined : (sizes as number[]).reduce((sum, size) => sum + size, 0)
  }

  get warnings(): readonly Warning[] {
    return mergeWarnings(...this.parts.map((part: Collection) => part.warnings))
  }

  get description(): CollectionDescription {
    return {
      name: this.name,
      split: this.split,
      form: "composite",
      suite: this.entry.suite,
      terms: this.entry.terms,
      result: "mean over parts",
      parts: this.parts.map((part) => part.description),
    }
  }

  documents(_options?: ReadOptions): AsyncIterable<Document> {
    const names = this.parts.map((part) => part.name).join(", ")
    throw new RankineError(
      "argument",
      `${this.name} is ${this.parts.length} collections, each with an index of its own: run every one of dataset.parts ` +
        `(${names}) and take the mean (meanOfParts)`,
    )
  }
}
