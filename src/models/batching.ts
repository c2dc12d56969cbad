/** Fills batches by length, so that little is padded and none is larger than its budget. @module */
import { RankineError, throwIfAborted } from "../core/errors.js"

export interface BatchLimits {
  /** Most tokens of a batch, padding included; one longer row is a batch of its own. Default 1024: larger ones leave the processor's cache. */
  readonly maxTokens?: number
  /** Most rows of a batch. Default 64. */
  readonly maxRows?: number
}

/**
 * Plans batches over rows of these lengths: rows in order of length, the longest first, filled up to the limits. Each row appears once.
 *
 * The longest come first so that what does not fit in memory fails at once. Rows of equal length keep their order.
 * @returns for each batch the positions of its rows; the first row of a batch is its longest
 * @throws RankineError `argument` for limits that are not whole numbers of at least 1
 */
export function planBatches(lengths: readonly number[], limits: BatchLimits = {}): number[][] {
  const { maxTokens = 1024, maxRows = 64 } = limits
  for (const [name, value] of Object.entries({ maxTokens, maxRows }))
    if (!Number.isInteger(value) || value < 1)
      throw new RankineError("argument", `${name} must be a whole number of at least 1, got ${value}`)
  // Length and row as one number, since sorting numbers is many times faster than sorting with a function.
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0)
  const count = lengths.length
  const order = Float64Array.from(lengths, (length, row) => (longest - length) * count + row).sort()
  const batches: number[][] = []
  let batch: number[] = []
  for (const key of order) {
    const row = key % count
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

export interface RunBatchesOptions extends BatchLimits {
  readonly signal?: AbortSignal | undefined
  /** Batches under way at once: the next is prepared while one runs. Default 2. */
  readonly concurrency?: number
  /** Called after each batch with the number of rows done. */
  readonly onRows?: (done: number) => void
}

/**
 * Runs planned batches and gives the results back in the caller's order.
 *
 * @param run gives one result for each of the rows it is given, in their order
 * @throws RankineError `aborted` between batches once the signal has fired; whatever `run` throws
 */
export async function runBatches<Result>(
  lengths: readonly number[],
  run: (rows: readonly number[]) => Promise<readonly Result[]>,
  options: RunBatchesOptions = {},
): Promise<Result[]> {
  throwIfAborted(options.signal)
  const batches = planBatches(lengths, options)
  const results = new Array<Result>(lengths.length)
  let next = 0
  let done = 0
  let failed = false
  const work = async () => {
    while (next < batches.length && !failed) {
      const rows = batches[next++]
      try {
        throwIfAborted(options.signal)
        const answers = await run(rows)
        if (answers.length !== rows.length)
          throw new RankineError("internal", `a batch of ${rows.length} rows gave ${answers.length} results`)
        rows.forEach((row, index) => {
          results[row] = answers[index]
        })
      } catch (thrown) {
        failed = true
        throw thrown
      }
      done += rows.length
      options.onRows?.(done)
    }
  }
  const workers = Array.from({ length: Math.min(options.concurrency ?? 2, batches.length) }, work)
  // All must have ended before the error is passed on: a caller that disposes the session must not pull it away from a running batch.
  const outcomes = await Promise.allSettled(workers)
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason
  return results
}
