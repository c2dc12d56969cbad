/** Fills batches by length, so that little is padded and none is larger than its budget. @module */
import { RankineError } from "../core/errors.js"

export interface BatchLimits {
  /** Most tokens of a batch, padding included; one longer row is a batch of its own. Default 1024: larger ones leave the processor's cache. */
  readonly maxTokens?: number
  /** Most rows of a batch. Default 64. */
  readonly maxRows?: number
}

/** The limits with their defaults. Throws `argument` for limits that are not whole numbers of at least 1. */
export function resolveBatchLimits({ maxTokens = 1024, maxRows = 64 }: BatchLimits): Required<BatchLimits> {
  for (const [name, value] of Object.entries({ maxTokens, maxRows }))
    if (!Number.isInteger(value) || value < 1)
      throw new RankineError("argument", `${name} must be a whole number of at least 1, got ${value}`)
  return { maxTokens, maxRows }
}

/** Positions of rows of these lengths, the longest first; rows of equal length keep their order. */
export function longestFirst(lengths: readonly number[]): number[] {
  // Length and row as one number, since sorting numbers is many times faster than sorting with a function.
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0)
  const count = lengths.length
  const order = Float64Array.from(lengths, (length, row) => (longest - length) * count + row).sort()
  return Array.from(order, (key) => key % count)
}

/**
 * Plans batches over rows of these lengths: rows in order of length, the longest first, filled up to the limits. Each row appears once.
 *
 * The longest come first so that what does not fit in memory fails at once. Rows of equal length keep their order.
 * @returns for each batch the positions of its rows; the first row of a batch is its longest
 * @throws RankineError `argument` for limits that are not whole numbers of at least 1
 */
export function planBatches(lengths: readonly number[], limits: BatchLimits = {}): number[][] {
  const { maxTokens, maxRows } = resolveBatchLimits(limits)
  const batches: number[][] = []
  let batch: number[] = []
  for (const row of longestFirst(lengths)) {
    const width = batch.length > 0 ? lengths[batch[0]] : lengths[row]
    if (batch.length > 0 && (batch.length === maxRows || (batch.length + 1) * width > maxTokens)) {
      batches.push(batch)
      batch = []
    }
    batch.push(row)
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}
