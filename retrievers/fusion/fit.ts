import { Random, RankineError } from "../../src/core/index.js"
import type { Qrels } from "../../src/evaluation/types.js"
import { type FitMeasure, type ListsByQuery, WeightScorer } from "./score-weights.js"
import { climb, searchGrid } from "./search-weights.js"
import type { FusionSpec } from "./spec.js"

export type { FitMeasure, ListsByQuery } from "./score-weights.js"

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
 * Fits the weights of a fusion (default `wsum`, min-max) on judged queries. Up to three lists: every point of the grid on the
 * simplex; more: coordinate ascent from equal weights. Between weightings that score the same the one closest to equal weights
 * is taken, so the result does not depend on chance. Judged queries without lists count as the measure counts unanswered queries.
 * Throws `argument` for lists of different number, a method without weights, or a step out of (0, 1].
 */
export function fitWeights(
  lists: ListsByQuery,
  qrels: Qrels,
  measure: FitMeasure,
  options: FitOptions = {},
): FittedWeights {
  const { step = 0.1, ...spec } = options
  const scorer = new WeightScorer(lists, qrels, measure, { method: "wsum", ...spec })
  return fitOn(scorer, scorer.queries, step)
}

function fitOn(scorer: WeightScorer, queries: readonly string[], step: number): FittedWeights {
  if (!(step > 0 && step <= 1)) throw new RankineError("argument", `step must lie in (0, 1], got ${step}`)
  const tried = new Map<string, number>()
  const score = (weights: readonly number[]): number => {
    const key = weights.join(" ")
    let value = tried.get(key)
    if (value === undefined) tried.set(key, (value = scorer.score(weights, queries)))
    return value
  }
  const equal = equalWeights(scorer.listCount)
  const intervals = Math.max(1, Math.round(1 / step))
  const weights = equal.length <= 3 ? searchGrid(equal, intervals, score) : climb(equal, intervals, score)
  return { weights, score: score(weights), equalScore: score(equal), tried: tried.size }
}

function equalWeights(count: number): readonly number[] {
  return new Array<number>(count).fill(1 / count)
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
  const { folds: foldCount = 5, seed = 0, step = 0.1, ...spec } = options
  const scorer = new WeightScorer(lists, qrels, measure, { method: "wsum", ...spec })
  const { queries, listCount } = scorer
  if (!Number.isInteger(foldCount) || foldCount < 2 || foldCount > queries.length)
    throw new RankineError(
      "argument",
      `folds must be a whole number from 2 to the number of judged queries (${queries.length}), got ${foldCount}`,
    )
  const shuffled = new Random(seed, "fusion folds").shuffle(queries)
  const folds = Array.from({ length: foldCount }, (_, fold) => {
    const test = shuffled.filter((_, index) => index % foldCount === fold)
    const train = shuffled.filter((_, index) => index % foldCount !== fold)
    const { weights, score } = fitOn(scorer, train, step)
    return {
      weights,
      queries: test.length,
      trainScore: score,
      testScore: scorer.score(weights, test),
      equalTestScore: scorer.score(equalWeights(listCount), test),
    }
  })
  const mean = (value: (fold: (typeof folds)[number]) => number) =>
    folds.reduce((sum, fold) => sum + fold.queries * value(fold), 0) / queries.length
  return {
    folds,
    testScore: mean((fold) => fold.testScore),
    equalTestScore: mean((fold) => fold.equalTestScore),
    final: fitOn(scorer, queries, step),
  }
}
