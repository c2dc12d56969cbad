import type { Budget } from "../../src/core/index.js"
import type { TextPair } from "../../src/models/index.js"
import type { PairWork } from "./pair-work.js"

/** Pairs of a query's first round where time is limited: how long one takes is not known yet. */
const FIRST = 8

/** Tokens of a prompt around a pair, special ones included; what models add is far less. */
const AROUND = 32

/**
 * How many of its next pairs a query may have scored within its budget, at most `chunk`. 0 means that the budget is at its end.
 *
 * Tokens are not counted before a model reads them; a pair may take as many as it has bytes, which no tokenizer exceeds, and not more
 * than the model reads, so that the budget is not passed; only documents read in overlapping windows may pass it, by their overlap.
 * Of the time left half is given out at once, by the pace so far.
 *
 * @param maxLength most tokens that the model reads of a pair
 */
export function nextPairs(work: PairWork, budget: Budget, maxLength: number, chunk: number): number {
  const { scored, pairs, tokens, seconds } = work
  const { maxCalls = Infinity, maxTokens, maxSeconds } = budget
  let count = Math.min(chunk, pairs.length - scored, Math.floor(maxCalls) - scored)
  if (maxTokens !== undefined) {
    let left = maxTokens - tokens
    let fit = 0
    while (fit < count && (left -= mostTokens(pairs[scored + fit]!, maxLength)) >= 0) fit++
    count = fit
  }
  if (maxSeconds !== undefined) {
    const left = maxSeconds - seconds
    if (left <= 0) return 0
    const pace = seconds / scored
    count = Math.min(count, scored === 0 ? FIRST : Math.max(1, Math.floor(left / 2 / pace)))
  }
  return Math.max(0, count)
}

function mostTokens({ query, document }: TextPair, maxLength: number): number {
  return Math.min(maxLength, Buffer.byteLength(query) + Buffer.byteLength(document) + AROUND)
}
