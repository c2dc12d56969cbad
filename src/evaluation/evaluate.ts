import { RankineError } from "../core/errors.js"
import { addUsage, mergeWarnings, noUsage, type Ranking, type Usage, type Warning } from "../core/ranking.js"
import type { JudgedRanking, Measure } from "./measures/measure.js"
import { parseMeasure } from "./measures/parse.js"
import type { Qrels, Run, RunHit } from "./types.js"

/** How the judged queries were answered; the five counts add up to the number of judged queries. */
export interface StatusCounts {
  readonly ranked: number
  readonly partial: number
  readonly fallback: number
  readonly failed: number
  readonly unanswered: number
}

export interface Evaluation {
  /** Means over all judged queries, by canonical name. Not rounded. */
  readonly measures: Readonly<Record<string, number>>
  /** Query id → measure → value, for every judged query, in the order of the qrels. */
  readonly perQuery: ReadonlyMap<string, Readonly<Record<string, number>>>
  /** Queries with at least one judgement: the denominator of every mean. */
  readonly queries: number
  /** Judged queries none of whose judgements is above 0: they count as 0, as under trec_eval -c. */
  readonly queriesWithoutRelevant: number
  readonly status: StatusCounts
  readonly warnings: readonly Warning[]
}

export interface EvaluateOptions {
  /** The lowest grade that counts as relevant, for measures that take `rel` and do not name it; 1 by default. */
  readonly rel?: number
}

/**
 * Evaluates a run in its given order. The means run over every query that has a judgement (trec_eval -c): unanswered
 * queries count as 0 and are reported (`unanswered-query`), queries of the run without judgements are left out and
 * counted (`unjudged-query`), and queries that have judgements but nothing relevant count as 0.
 * Throws `argument` for an unknown measure or empty qrels, `data` for a document twice in one ranking, `score-kind` for NaN.
 */
export function evaluate(
  run: Run,
  qrels: Qrels,
  measures: readonly (string | Measure)[],
  options: EvaluateOptions = {},
): Evaluation {
  return evaluateHits(run, qrels, measures, options, new Map())
}

/**
 * Evaluates rankings in their order, and counts how they came about. Failed rankings are evaluated with the hits they
 * have and counted as failed. Warnings and usage of the rankings are added up.
 * Throws as `evaluate` does, and `argument` for two rankings of one query or one that is not final.
 */
export function evaluateRankings(
  rankings: readonly Ranking[],
  qrels: Qrels,
  measures: readonly (string | Measure)[],
  options: EvaluateOptions = {},
): Evaluation & { readonly usage: Usage } {
  const run = new Map<string, readonly RunHit[]>()
  const statuses = new Map<string, Ranking["status"]>()
  for (const { query, hits, status, final } of rankings) {
    if (!final)
      throw new RankineError(
        "argument",
        `the ranking of query ${query.id} is not final; evaluate the last one of a stream`,
      )
    if (run.has(query.id)) throw new RankineError("argument", `there are two rankings of query ${query.id}`)
    run.set(query.id, hits)
    statuses.set(query.id, status)
  }
  const evaluation = evaluateHits(run, qrels, measures, options, statuses)
  return {
    ...evaluation,
    warnings: mergeWarnings(...rankings.map(({ warnings }) => warnings), evaluation.warnings),
    usage: rankings.reduce((sum, { usage }) => addUsage(sum, usage), noUsage),
  }
}

function evaluateHits(
  run: Run,
  qrels: Qrels,
  wanted: readonly (string | Measure)[],
  options: EvaluateOptions,
  statuses: ReadonlyMap<string, Ranking["status"]>,
): Evaluation {
  const measures = wanted.map((measure) => (typeof measure === "string" ? parseMeasure(measure, options) : measure))
  if (measures.length === 0) throw new RankineError("argument", "name at least one measure, such as nDCG@10")
  const judgedQueries = [...qrels].filter(([, judgements]) => judgements.size > 0)
  if (judgedQueries.length === 0)
    throw new RankineError("argument", "the qrels judge no query; check the file and the split")

  const annotated = new Set<string>()
  if (measures.some(({ definition }) => definition.name === "hole"))
    for (const judgements of qrels.values()) for (const id of judgements.keys()) annotated.add(id)

  const sums = measures.map(() => 0)
  const perQuery = new Map<string, Readonly<Record<string, number>>>()
  const status = { ranked: 0, partial: 0, fallback: 0, failed: 0, unanswered: 0 }
  const unanswered: string[] = []
  let queriesWithoutRelevant = 0
  for (const [queryId, judgements] of judgedQueries) {
    const hits = run.get(queryId) ?? []
    const given = statuses.get(queryId) ?? "ranked"
    if (hits.length > 0 || given === "failed") status[given]++
    else {
      status.unanswered++
      unanswered.push(queryId)
    }
    if (![...judgements.values()].some((grade) => grade > 0)) queriesWithoutRelevant++
    const ranking = judge(queryId, hits, judgements, annotated)
    const values = measures.map((measure) => measure.compute(ranking))
    values.forEach((value, index) => {
      sums[index]! += value
    })
    perQuery.set(queryId, Object.fromEntries(measures.map(({ name }, index) => [name, values[index]!])))
  }

  const unjudged = [...run.keys()].filter((queryId) => !(qrels.get(queryId)?.size ?? 0))
  const warnings: Warning[] = []
  if (unanswered.length > 0) warnings.push({ code: "unanswered-query", count: unanswered.length, ids: unanswered })
  if (unjudged.length > 0) warnings.push({ code: "unjudged-query", count: unjudged.length, ids: unjudged })
  const queries = judgedQueries.length
  return {
    measures: Object.fromEntries(measures.map(({ name }, index) => [name, sums[index]! / queries])),
    perQuery,
    queries,
    queriesWithoutRelevant,
    status,
    warnings,
  }
}

function judge(
  queryId: string,
  hits: readonly RunHit[],
  judgements: ReadonlyMap<string, number>,
  annotated: ReadonlySet<string>,
): JudgedRanking {
  const ids = hits.map(({ id }) => id)
  if (new Set(ids).size < ids.length) {
    const seen = new Set<string>()
    const twice = ids.find((id) => seen.has(id) || !seen.add(id))
    throw new RankineError(
      "data",
      `document ${twice} is twice in the ranking of query ${queryId}; remove one of the two`,
    )
  }
  const nan = hits.find(({ score }) => Number.isNaN(score))
  if (nan) throw new RankineError("score-kind", `document ${nan.id} of query ${queryId} has the score NaN`)
  return {
    ids,
    grades: ids.map((id) => judgements.get(id)),
    judgements,
    isJudgedAnywhere: (id) => annotated.has(id),
  }
}
