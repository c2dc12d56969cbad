/** Choosing among settings without flattering the choice: k-fold cross-validation over queries. @module */
import { Random, RankineError } from "../core/index.js"

/** One setting with what it achieved on every training query. */
export interface Trial<Setting> {
  readonly setting: Setting
  /** Query id → value of the measure that decides. */
  readonly values: ReadonlyMap<string, number>
  /** 95th percentile of a query's time, one query at a time. */
  readonly p95Ms: number
}

export interface Fold<Setting> {
  readonly queries: number
  /** What the other folds chose, and its mean there and here. */
  readonly chosen: Setting
  readonly trained: number
  readonly heldOut: number
}

export interface Choice<Setting> {
  /** Best over all queries, among the settings within the latency limit. */
  readonly best: Trial<Setting>
  /** Its mean on the queries it was chosen on: an optimistic figure. */
  readonly mean: number
  /** Mean over queries of what each query's fold got from a choice made without it: an honest figure. */
  readonly crossValidated: number
  readonly folds: readonly Fold<Setting>[]
  readonly tooSlow: number
}

export interface CrossValidationOptions {
  /** Default 5, at most the number of queries. */
  readonly folds?: number
  readonly seed?: number
  readonly maxLatencyMs?: number
  readonly higherIsBetter?: boolean
}

/**
 * Picks the setting with the best mean; equal means go to the earlier trial, so list the defaults first.
 * Queries are dealt into folds at random, the same way for the same seed.
 * Throws `argument` without trials, with fewer than two queries, or when every setting is slower than the limit.
 */
export function crossValidate<Setting>(
  trials: readonly Trial<Setting>[],
  options: CrossValidationOptions = {},
): Choice<Setting> {
  const first = trials[0]
  if (!first) throw new RankineError("argument", "there is no setting to choose from")
  const ids = [...first.values.keys()]
  if (ids.length < 2) throw new RankineError("argument", `choosing needs at least 2 judged queries, got ${ids.length}`)
  const limit = options.maxLatencyMs ?? Number.POSITIVE_INFINITY
  const allowed = trials.filter(({ p95Ms }) => p95Ms <= limit)
  if (allowed.length === 0) {
    const fastest = Math.min(...trials.map(({ p95Ms }) => p95Ms))
    throw new RankineError(
      "argument",
      `no setting stays within ${limit} ms: the fastest takes ${fastest.toFixed(2)} ms at the 95th percentile; raise the limit`,
    )
  }
  const sign = options.higherIsBetter === false ? -1 : 1
  const pick = (some: readonly string[]): Trial<Setting> => {
    let best = allowed[0]!
    let bestMean = sign * meanOf(best, some)
    for (const trial of allowed.slice(1)) {
      const mean = sign * meanOf(trial, some)
      if (mean > bestMean) [best, bestMean] = [trial, mean]
    }
    return best
  }

  const count = Math.min(options.folds ?? 5, ids.length)
  const dealt = new Random(options.seed ?? 0, "cross-validation").shuffle(ids)
  const folds: Fold<Setting>[] = []
  let sum = 0
  for (let fold = 0; fold < count; fold++) {
    const held = dealt.filter((_, index) => index % count === fold)
    const rest = dealt.filter((_, index) => index % count !== fold)
    const chosen = pick(rest)
    const heldOut = meanOf(chosen, held)
    sum += heldOut * held.length
    folds.push({ queries: held.length, chosen: chosen.setting, trained: meanOf(chosen, rest), heldOut })
  }
  const best = pick(ids)
  return {
    best,
    mean: meanOf(best, ids),
    crossValidated: sum / ids.length,
    folds,
    tooSlow: trials.length - allowed.length,
  }
}

function meanOf<Setting>({ values }: Trial<Setting>, ids: readonly string[]): number {
  let sum = 0
  for (const id of ids) sum += values.get(id)!
  return sum / ids.length
}
