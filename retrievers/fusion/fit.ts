import { type Hit, Random, RankineError } from "../../src/core/index.js"
import { evaluate, type Qrels, type Run } from "../../src/evaluation/index.js"
import { rankUnion, type Union, unite } from "./kernel.js"
import { type FusionSpec, resolveSpec } from "./spec.js"

/** Query id → the lists to fuse, in the same order for every query. */
export type ListsByQuery = ReadonlyMap<string, readonly (readonly Hit[])[]>

/** What is to be made as large as possible: a measure's name such as `nDCG@10`, or a function of a run and its judgements. */
export type FitMeasure = string | ((run: Run, qrels: Qrels) => number)

export interface FitOptions extends Omit<FusionSpec, "weights"> {
  /** Grid of each weight, at most 1. Default 0.1. */
  readonly step?: number
}

export interface FittedWeights {
  /** One per list; they add up to 1. */
  readonly weights: readonly number[]
  /** The measure's mean on the training queries, with these weights and with equal ones. */
  readonly score: number
  readonly equalScore: number
  /** How many weightings were tried. */
  readonly tried: number
}

/**
 * Fits the weights of a fusion (default `wsum`, min-max) on judged queries. Up to three lists: every point of the grid on the simplex; more: coordinate
 * ascent from equal weights. Between weightings that score the same the one closest to equal weights is taken, so
 * the result does not depend on chance. Judged queries without lists count as the measure counts unanswered queries.
 * Throws `argument` for lists of different number, a method without weights, or a step out of (0, 1].
 */
export function fitWeights(
  lists: ListsByQuery,
  qrels: Qrels,
  measure: FitMeasure,
  options: FitOptions = {},
): FittedWeights {
  const { step = 0.1, ...given } = options
  if (!(step > 0 && step <= 1)) throw new RankineError("argument", `step must lie in (0, 1], got ${step}`)
  const spec: FusionSpec = { method: "wsum", ...given }
  const count = countLists(lists)
  if (!resolveSpec(spec, count).method.weighted)
    throw new RankineError("argument", `${spec.method} takes no weights: fit wsum, wmnz, rrf, rbc, dbsf or borda`)
  const resolved = resolveSpec(spec, count)
  const judged = [...lists].filter(([query]) => (qrels.get(query)?.size ?? 0) > 0)
  if (judged.length === 0)
    throw new RankineError("argument", "none of the queries is judged: pass qrels of the same split as the lists")
  const unions = judged.map(([query, queryLists]): [string, Union] => [query, unite(queryLists, resolved)])
  const tried = new Map<string, number>()
  const score = (weights: readonly number[]): number => {
    const key = weights.join(" ")
    let value = tried.get(key)
    if (value === undefined) {
      value = scoreRun(runOf(unions, weights, spec, count), qrels, measure)
      tried.set(key, value)
    }
    return value
  }
  const equal = new Array<number>(count).fill(1 / count)
  const equalScore = score(equal)
  const intervals = Math.max(1, Math.round(1 / step))
  const weights = count <= 3 ? searchGrid(equal, intervals, score) : climb(equal, intervals, score)
  return { weights, score: score(weights), equalScore, tried: tried.size }
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

function runOf(unions: readonly [string, Union][], weights: readonly number[], spec: FusionSpec, count: number): Run {
  const resolved = resolveSpec({ ...spec, weights }, count)
  return new Map(
    unions.map(([query, union]) => {
      const { fused, order } = rankUnion(union, resolved)
      return [query, order.map((document) => ({ id: union.ids[document]!, score: fused.scores[document]! }))]
    }),
  )
}

function scoreRun(run: Run, qrels: Qrels, measure: FitMeasure): number {
  const value =
    typeof measure === "function" ? measure(run, qrels) : Object.values(evaluate(run, qrels, [measure]).measures)[0]!
  if (!Number.isFinite(value))
    throw new RankineError("argument", `the measure gave ${value}: it must be a finite number`)
  return value
}

type Score = (weights: readonly number[]) => number

function searchGrid(equal: readonly number[], intervals: number, score: Score): readonly number[] {
  const points = simplex(equal.length, intervals).map((point) => point.map((part) => part / intervals))
  points.sort((left, right) => distance(left, equal) - distance(right, equal) || compareWeights(left, right))
  return best([equal, ...points], score)
}

/** Moves one weight at a time over the grid, the others keeping their proportions, until nothing improves. */
function climb(equal: readonly number[], intervals: number, score: Score): readonly number[] {
  let current = equal
  for (let improved = true; improved; ) {
    const before = score(current)
    for (let list = 0; list < equal.length; list++) {
      const others = 1 - current[list]!
      const moves = Array.from({ length: intervals + 1 }, (_, part) => {
        const value = part / intervals
        return current.map((weight, other) =>
          other === list ? value : (1 - value) * (others > 0 ? weight / others : 1 / (equal.length - 1)),
        )
      })
      moves.sort((left, right) => distance(left, current) - distance(right, current) || compareWeights(left, right))
      current = best([current, ...moves], score)
    }
    improved = score(current) > before
  }
  return current
}

/** The first of the best: later ones must be better by more than rounding. */
function best(points: readonly (readonly number[])[], score: Score): readonly number[] {
  let winner = points[0]!
  let winning = score(winner)
  for (const point of points.slice(1)) {
    const value = score(point)
    if (value > winning + 1e-12) {
      winner = point
      winning = value
    }
  }
  return winner
}

/** All ways to write `total` as an ordered sum of `parts` whole numbers. */
function simplex(parts: number, total: number): number[][] {
  if (parts === 1) return [[total]]
  return Array.from({ length: total + 1 }, (_, first) =>
    simplex(parts - 1, total - first).map((rest) => [first, ...rest]),
  ).flat()
}

function distance(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + (value - right[index]!) ** 2, 0)
}

function compareWeights(left: readonly number[], right: readonly number[]): number {
  const at = left.findIndex((value, index) => value !== right[index])
  return at === -1 ? 0 : left[at]! - right[at]!
}

export interface CrossValidation {
  readonly folds: readonly {
    readonly weights: readonly number[]
    readonly queries: number
    readonly trainScore: number
    readonly testScore: number
    readonly equalTestScore: number
  }[]
  /** Means over the folds, weighted by their number of queries: what fitted and equal weights give on queries they were not fitted on. */
  readonly testScore: number
  readonly equalTestScore: number
  /** Fitted on all queries: the weights to use. */
  readonly final: FittedWeights
}

/** How well fitted weights carry over to other queries: k-fold cross-validation (default 5), the folds drawn by `seed`. */
export function crossValidateWeights(
  lists: ListsByQuery,
  qrels: Qrels,
  measure: FitMeasure,
  options: FitOptions & { readonly folds?: number; readonly seed?: number } = {},
): CrossValidation {
  const { folds: foldCount = 5, seed = 0, ...fit } = options
  const judged = [...lists.keys()].filter((query) => (qrels.get(query)?.size ?? 0) > 0)
  if (!Number.isInteger(foldCount) || foldCount < 2 || foldCount > judged.length)
    throw new RankineError(
      "argument",
      `folds must be a whole number from 2 to the number of judged queries (${judged.length}), got ${foldCount}`,
    )
  const shuffled = new Random(seed, "fusion folds").shuffle(judged)
  const count = countLists(lists)
  const { step: _, ...given } = fit
  const spec: FusionSpec = { method: "wsum", ...given }
  const folds = Array.from({ length: foldCount }, (_, fold) => {
    const test = new Set(shuffled.filter((_, index) => index % foldCount === fold))
    const train = new Set(judged.filter((query) => !test.has(query)))
    const fitted = fitWeights(pick(lists, train), pick(qrels, train), measure, fit)
    const testQrels = pick(qrels, test)
    const resolved = resolveSpec(spec, count)
    const unions = [...pick(lists, test)].map(([query, queryLists]): [string, Union] => [
      query,
      unite(queryLists, resolved),
    ])
    const testScore = (weights: readonly number[]) => scoreRun(runOf(unions, weights, spec, count), testQrels, measure)
    return {
      weights: fitted.weights,
      queries: test.size,
      trainScore: fitted.score,
      testScore: testScore(fitted.weights),
      equalTestScore: testScore(new Array<number>(count).fill(1 / count)),
    }
  })
  const mean = (value: (fold: (typeof folds)[number]) => number) =>
    folds.reduce((sum, fold) => sum + fold.queries * value(fold), 0) / judged.length
  return {
    folds,
    testScore: mean((fold) => fold.testScore),
    equalTestScore: mean((fold) => fold.equalTestScore),
    final: fitWeights(lists, qrels, measure, fit),
  }
}

function pick<Value>(map: ReadonlyMap<string, Value>, keys: ReadonlySet<string>): Map<string, Value> {
  return new Map([...map].filter(([key]) => keys.has(key)))
}
