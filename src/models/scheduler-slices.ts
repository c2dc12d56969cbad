import { RankineError, throwIfAborted } from "../core/errors.js"
import type { ScheduleOptions } from "./scheduler.js"
import { nextTurn, turnIsOver } from "./turns.js"

/** A slice ends with this many tokens or rows: many batches, sorted among themselves, in a few megabytes. */
const SLICE_TOKENS = 2 ** 18
const SLICE_ROWS = 2 ** 14
/** One slice waits in the queue while the next is prepared. */
const AHEAD = 2

export interface SlicedResults<Result> {
  readonly results: Result[]
  /** Tokens of each row. */
  readonly counts: Uint32Array
}

/**
 * Prepares any number of rows on this thread, without holding it for long, and runs them slice by slice: what is prepared and waits is
 * bounded, however much is asked for at once.
 *
 * @param prepare makes the row of a position, mostly by tokenizing a text
 * @throws RankineError `aborted` once the signal has fired; whatever `prepare` and `run` throw. Nothing of it goes on running then
 */
export async function runInSlices<Row extends { readonly ids: readonly number[] }, Result>(
  count: number,
  prepare: (index: number) => Row,
  run: (rows: readonly Row[], options: ScheduleOptions) => Promise<readonly Result[]>,
  options: ScheduleOptions = {},
): Promise<SlicedResults<Result>> {
  const { signal: outer, onRows, ...rest } = options
  throwIfAborted(outer)
  const failed = new AbortController()
  let signal: AbortSignal | undefined
  const results = new Array<Result>(count)
  const counts = new Uint32Array(count)
  const running = new Set<Promise<void>>()
  let done = 0
  let first: { readonly error: unknown } | undefined
  const fail = (error: unknown) => {
    first ??= { error }
    failed.abort()
  }

  const start = (from: number, rows: readonly Row[]) => {
    let told = 0
    const progress = (rowsDone: number) => {
      done += rowsDone - told
      told = rowsDone
      onRows?.(done)
    }
    const admitted = from > 0 || rest.admitted === true
    signal ??= outer ? AbortSignal.any([outer, failed.signal]) : failed.signal
    const work = run(rows, { ...rest, signal, admitted, onRows: progress })
      .then((answers) => {
        if (answers.length !== rows.length)
          throw new RankineError("internal", `${rows.length} rows gave ${answers.length} results`)
        answers.forEach((answer, at) => {
          results[from + at] = answer
        })
      })
      .catch(fail)
      .finally(() => running.delete(work))
    running.add(work)
  }

  try {
    let rows: Row[] = []
    let tokens = 0
    for (let index = 0; index < count && !first; index++) {
      const row = prepare(index)
      counts[index] = row.ids.length
      tokens += row.ids.length
      rows.push(row)
      if (tokens >= SLICE_TOKENS || rows.length >= SLICE_ROWS) {
        start(index + 1 - rows.length, rows)
        rows = []
        tokens = 0
        while (running.size >= AHEAD) await Promise.race(running)
      }
      if (turnIsOver()) await nextTurn(outer)
    }
    if (rows.length === count) {
      // One slice, as nearly always: nothing else to watch or to stop.
      const answers = [...(await run(rows, options))]
      if (answers.length !== count) throw new RankineError("internal", `${count} rows gave ${answers.length} results`)
      return { results: answers, counts }
    }
    if (rows.length > 0 && !first) start(count - rows.length, rows)
  } catch (thrown) {
    fail(thrown)
  }
  await Promise.all(running)
  if (first) throw first.error
  return { results, counts }
}
