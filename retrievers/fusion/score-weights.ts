import { type Hit, RankineError } from "../../src/core/index.js"
import { evaluate } from "../../src/evaluation/evaluate.js"
import type { Qrels, Run } from "../../src/evaluation/types.js"
import { rankUnion, type Union, unite } from "./kernel.js"
import { type FusionSpec, resolveSpec } from "./spec.js"

/** Query id → the lists to fuse, in the same order for every query. */
export type ListsByQuery = ReadonlyMap<string, readonly (readonly Hit[])[]>

/** What is to be made as large as possible: a measure's name such as `nDCG@10`, or a function of a run and its judgements. */
export type FitMeasure = string | ((run: Run, qrels: Qrels) => number)

/** Fuses judged queries with any weights and measures the outcome; lists are brought together once. */
export class WeightScorer {
  readonly listCount: number
  /** The judged queries, those without lists among them. */
  readonly queries: readonly string[]
  readonly #unions: ReadonlyMap<string, Union>
  readonly #perQuery = new Map<string, ReadonlyMap<string, number>>()

  constructor(
    lists: ListsByQuery,
    private readonly qrels: Qrels,
    private readonly measure: FitMeasure,
    private readonly spec: FusionSpec,
  ) {
    this.listCount = countLists(lists)
    const resolved = resolveSpec(spec, this.listCount)
    if (!resolved.method.weighted)
      throw new RankineError("argument", `${spec.method} takes no weights: fit wsum, wmnz, rrf, rbc, dbsf or borda`)
    this.queries = [...qrels].flatMap(([query, judgements]) => (judgements.size > 0 ? [query] : []))
    const judged = this.queries.filter((query) => lists.has(query))
    if (judged.length === 0)
      throw new RankineError("argument", "none of the queries is judged: pass qrels of the same split as the lists")
    this.#unions = new Map(judged.map((query) => [query, unite(lists.get(query)!, resolved)]))
  }

  /** The measure's mean over some of the judged queries. */
  score(weights: readonly number[], queries: readonly string[]): number {
    const { measure } = this
    const value =
      typeof measure === "function"
        ? measure(this.#run(weights, queries), new Map(queries.map((query) => [query, this.qrels.get(query)!])))
        : this.#mean(this.#values(weights, measure), queries)
    if (!Number.isFinite(value))
      throw new RankineError("argument", `the measure gave ${value}: it must be a finite number`)
    return value
  }

  #mean(values: ReadonlyMap<string, number>, queries: readonly string[]): number {
    return queries.reduce((sum, query) => sum + values.get(query)!, 0) / queries.length
  }

  /** Values of all queries, kept: the folds of a cross-validation ask for the same weights on other queries. */
  #values(weights: readonly number[], measure: string): ReadonlyMap<string, number> {
    const key = weights.join(" ")
    let values = this.#perQuery.get(key)
    if (!values) {
      const { perQuery } = evaluate(this.#run(weights, this.queries), this.qrels, [measure])
      values = new Map([...perQuery].map(([query, measures]) => [query, Object.values(measures)[0]!]))
      this.#perQuery.set(key, values)
    }
    return values
  }

  #run(weights: readonly number[], queries: readonly string[]): Run {
    const resolved = resolveSpec({ ...this.spec, weights }, this.listCount)
    return new Map(
      queries.flatMap((query) => {
        const union = this.#unions.get(query)
        if (!union) return []
        const { fused, order } = rankUnion(union, resolved)
        return [
          [query, order.map((document) => ({ id: union.ids[document]!, score: fused.scores[document]! }))] as const,
        ]
      }),
    )
  }
}

function countLists(lists: ListsByQuery): number {
  const counts = new Set([...lists.values()].map((queryLists) => queryLists.length))
  const [count] = counts
  if (counts.size !== 1 || !count)
    throw new RankineError(
      "argument",
      "every query needs the same number of lists, at least one: give an empty list where one found nothing",
    )
  return count
}
