/** Rankings, their honest status, and the one place that states how ties are broken. @module */
import type { Document, Query } from "./document.js"
import type { RankineError } from "./errors.js"

/** What a score means; fusion by score refuses `ordinal` ones, which only carry an order. */
export type ScoreKind = "bm25" | "dot" | "cosine" | "probability" | "logit" | "ordinal"

/** A sum of named parts: what `explain` shows. */
export interface Explanation {
  readonly value: number
  readonly description: string
  readonly details?: readonly Explanation[]
}

/** One retrieved document; its rank is its position in the ranking. `source` names the retriever it came from. */
export interface Hit {
  readonly id: string
  readonly score: number
  readonly document?: Document
  /** The part of the text that matched, as UTF-16 offsets [start, end). */
  readonly span?: readonly [number, number]
  readonly source?: string
  readonly explanation?: Explanation
}

/**
 * How far a ranking is what was asked for: `ranked` in full, `partial` when a budget ended it,
 * `fallback` when a second choice answered, `failed` when the order is only what came in.
 */
export type RankingStatus = "ranked" | "partial" | "fallback" | "failed"

export type WarningCode =
  | "truncated"
  | "repaired"
  | "escaped"
  | "fallback"
  | "failed-retriever"
  | "missing-document"
  | "missing-text"
  | "empty-document"
  | "empty-query"
  | "no-known-terms"
  | "duplicate-hit"
  | "duplicate-judgement"
  | "excluded-document"
  | "unknown-document"
  | "unknown-query"
  | "unjudged-query"
  | "unanswered-query"
  | "invalid-utf8"
  | "invalid-score"
  | "long-token"
  | "skipped-file"
  | "language-mismatch"

/** Something that was tolerated, with how often it happened. */
export interface Warning {
  readonly code: WarningCode
  readonly count: number
  readonly ids?: readonly string[]
}

/** What a ranking cost. Token counts are of the model's own tokenizer. */
export interface Usage {
  readonly calls: number
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
  readonly truncated: number
  readonly repaired: number
  readonly seconds: number
}

/** What one stage did to the order. */
export interface StageTrace {
  readonly stage: string
  readonly seconds: number
  /** Hits that came in and went out. */
  readonly input: number
  readonly output: number
  /** Hits among those that went out whose rank is not the one they came in with. */
  readonly moved: number
  /** The order after the stage, kept when `explain` was asked for. */
  readonly hits?: readonly { readonly id: string; readonly score: number }[]
}

export interface Ranking {
  readonly query: Query
  readonly hits: readonly Hit[]
  readonly status: RankingStatus
  /** False for the intermediate rankings of a stream. */
  readonly final: boolean
  readonly error?: RankineError
  readonly scoreKind: ScoreKind
  readonly stages: readonly StageTrace[]
  readonly warnings: readonly Warning[]
  readonly usage: Usage
}

export const noUsage: Usage = Object.freeze({
  calls: 0,
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  truncated: 0,
  repaired: 0,
  seconds: 0,
})

/** A ranking with nothing in it yet: `{ ...emptyRanking(query, "bm25"), hits }`. */
export function emptyRanking(query: Query, scoreKind: ScoreKind): Ranking {
  return { query, hits: [], status: "ranked", final: true, scoreKind, stages: [], warnings: [], usage: noUsage }
}

/** The ranking marked as failed: the hits stay as they came in, so that nothing is lost. */
export function failedRanking(ranking: Ranking, error: RankineError): Ranking {
  return { ...ranking, status: "failed", error }
}

export function addUsage(left: Usage, right: Usage): Usage {
  return {
    calls: left.calls + right.calls,
    promptTokens: left.promptTokens + right.promptTokens,
    cachedTokens: left.cachedTokens + right.cachedTokens,
    completionTokens: left.completionTokens + right.completionTokens,
    truncated: left.truncated + right.truncated,
    repaired: left.repaired + right.repaired,
    seconds: left.seconds + right.seconds,
  }
}

/** Warnings of several sources as one list, one entry per code, counts added. */
export function mergeWarnings(...lists: readonly (readonly Warning[])[]): Warning[] {
  const byCode = new Map<WarningCode, { count: number; ids: string[] }>()
  for (const list of lists)
    for (const warning of list) {
      let entry = byCode.get(warning.code)
      if (!entry) byCode.set(warning.code, (entry = { count: 0, ids: [] }))
      entry.count += warning.count
      if (warning.ids) entry.ids.push(...warning.ids)
    }
  return [...byCode].map(([code, { count, ids }]) => (ids.length > 0 ? { code, count, ids } : { code, count }))
}

/**
 * UTF-8 byte order of two ids. JavaScript compares UTF-16 units, which differs from it
 * exactly when one side has a surrogate and the other a unit above the surrogates.
 */
export function compareIds(left: string, right: string): number {
  if (left === right) return 0
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i)
    const b = right.charCodeAt(i)
    if (a === b) continue
    const aHigh = a >= 0xd800 && a <= 0xdfff
    const bHigh = b >= 0xd800 && b <= 0xdfff
    if (aHigh !== bHigh) return aHigh ? (b >= 0xe000 ? 1 : a - b) : a >= 0xe000 ? -1 : a - b
    return a - b
  }
  return left.length - right.length
}

/**
 * Ties, stated once. Retrievers: higher score first, equal scores by id in UTF-8 byte order, ascending.
 * Rerankers sort stably, so that equal scores keep their incoming rank. HTTP answers go by index.
 */
export function compareHits(left: Hit, right: Hit): number {
  return right.score - left.score || compareIds(left.id, right.id)
}

/** Hits in a reranker's order: by score descending, equal scores as they came in (Array.prototype.sort is stable). */
export function sortReranked(hits: readonly Hit[]): Hit[] {
  return [...hits].sort((left, right) => right.score - left.score)
}
