/** One queue in front of a model: the rows of all who ask share batches, and each gets its own answers. @module */
import type { RunOptions } from "../core/contracts.js"
import { RankineError, throwIfAborted } from "../core/errors.js"
import { type BatchLimits, longestFirst, resolveBatchLimits } from "./batching.js"
import { RowQueue, type WaitingRow } from "./scheduler-queue.js"

export interface QueueOptions {
  /**
   * How long an idle model waits for more rows before it runs a batch that is not full, in milliseconds. Default 0: what comes in one turn of
   * the event loop runs together, and what comes while the model is at work gathers by itself.
   */
  readonly window?: number
  /** A call that finds rows waiting is refused with the error `busy` where its tokens and theirs are more than this. Default: no limit. */
  readonly maxWaitingTokens?: number
  /** Told of every batch, for metrics. */
  readonly onBatch?: (report: BatchReport) => void
}

export interface SchedulerOptions extends QueueOptions {
  readonly limits?: BatchLimits
  /** Batches that the model runs at once. Default 1. One more is handed over while these run where it is full. */
  readonly workers?: number
}

/** What became of one batch. */
export interface BatchReport {
  readonly rows: number
  /** Calls whose rows shared it. */
  readonly calls: number
  /** Without padding. */
  readonly tokens: number
  /** With padding. */
  readonly padded: number
  /** How long its rows waited, on average and at most, in seconds. */
  readonly meanWait: number
  readonly maxWait: number
  /** From handing it to the model to its results, in seconds. */
  readonly seconds: number
  readonly failed: boolean
}

/** Where a queue stands, and sums over all batches so far. */
export interface QueueStats {
  readonly waitingRows: number
  readonly waitingTokens: number
  readonly waitingClients: number
  readonly runningBatches: number
  readonly batches: number
  readonly failedBatches: number
  /** Batches that ran again since their worker ended. */
  readonly retried: number
  readonly rows: number
  readonly tokens: number
  /** Tokens with padding: divided by `tokens`, what padding costs. */
  readonly padded: number
  /** Rows whose caller left before they ran. */
  readonly dropped: number
  /** Calls that were refused because the queue was full. */
  readonly refused: number
  /** Waits of all rows together, and the longest, in seconds. */
  readonly waited: number
  readonly maxWait: number
}

export interface ScheduleOptions {
  readonly signal?: AbortSignal | undefined
  /** When the answer is of no more use, in milliseconds since 1970; what has not run by then is dropped and the error is `budget`. */
  readonly deadline?: number | undefined
  /** Calls of the same client share one turn. Default: each call is a client of its own. */
  readonly client?: string | undefined
  /** Called after each batch with the number of rows done. */
  readonly onRows?: ((done: number) => void) | undefined
  /** Told how long the rows waited and were in the model, in seconds, once all are done. */
  readonly onTimings?: RunOptions["onTimings"] | undefined
  /** This continues a call that was admitted before: it is not refused for want of room. Default false. */
  readonly admitted?: boolean | undefined
}

interface Call {
  readonly client: unknown
  readonly inputs: readonly unknown[]
  readonly batches: Set<Batch>
  over: boolean
  /** When the first of its rows went into the model, in milliseconds of `performance.now()`. */
  begun: number | undefined
  give(rows: readonly WaitingRow<Call>[], outputs: readonly unknown[]): void
  stop(error: unknown): void
}

interface Batch {
  readonly calls: ReadonlySet<Call>
  readonly controller: AbortController
}

/**
 * Runs rows of any number of callers in common batches.
 *
 * Rows come as the model reads them, with their lengths in tokens. A batch that fails fails the calls whose rows were in it; the others go
 * on. Rows of a call that was stopped are dropped, and the signal given to `runBatch` fires once nobody waits for a batch any more.
 * Numbers that a model gives for a row may differ in their last bits with the rows that ride along.
 */
export class Scheduler<Row, Output> {
  readonly #queue: RowQueue<Call>
  readonly #limits: Required<BatchLimits>
  readonly #workers: number
  readonly #window: number
  readonly #maxWaiting: number
  readonly #onBatch: ((report: BatchReport) => void) | undefined
  readonly #calls = new Set<Call>()
  /** One listener for each signal, however many calls it stops: Node warns of more than ten. */
  readonly #watched = new Map<AbortSignal, { readonly calls: Set<Call>; readonly stop: () => void }>()
  #running = 0
  #woken = false
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #sums = {
    batches: 0,
    failedBatches: 0,
    retried: 0,
    rows: 0,
    tokens: 0,
    padded: 0,
    dropped: 0,
    refused: 0,
    waited: 0,
    maxWait: 0,
  }

  /**
   * @param runBatch gives one output for each row, in their order; the longest row comes first
   * @throws RankineError `argument` for options out of range
   */
  constructor(
    private readonly runBatch: (rows: readonly Row[], signal: AbortSignal) => Promise<readonly Output[]>,
    options: SchedulerOptions = {},
  ) {
    const { limits = {}, workers = 1, window = 0, maxWaitingTokens = Number.POSITIVE_INFINITY, onBatch } = options
    if (!Number.isInteger(workers) || workers < 1)
      throw new RankineError("argument", `workers must be a whole number of at least 1, got ${workers}`)
    if (!(window >= 0 && window < 2 ** 31))
      throw new RankineError("argument", `window must be a number of milliseconds of at least 0, got ${window}`)
    if (!(maxWaitingTokens >= 0))
      throw new RankineError("argument", `maxWaitingTokens must be a number of at least 0, got ${maxWaitingTokens}`)
    this.#limits = resolveBatchLimits(limits)
    this.#queue = new RowQueue(this.#limits)
    this.#workers = workers
    this.#window = window
    this.#maxWaiting = maxWaitingTokens
    this.#onBatch = onBatch
  }

  get stats(): QueueStats {
    const { rows, tokens, clients } = this.#queue
    return {
      waitingRows: rows,
      waitingTokens: tokens,
      waitingClients: clients,
      runningBatches: this.#running,
      ...this.#sums,
    }
  }

  /**
   * Runs rows and gives the results in their order.
   *
   * @param lengths tokens of each row
   * @param convert turns an output into what is kept of it, as soon as it is there
   * @throws RankineError `busy` where the queue is full, `aborted`, `budget` after the deadline; whatever `runBatch` and `convert` throw
   */
  async run<Result>(
    inputs: readonly Row[],
    lengths: readonly number[],
    convert: (output: Output) => Result,
    options: ScheduleOptions = {},
  ): Promise<Result[]> {
    const { signal, deadline, client, onRows, onTimings, admitted = false } = options
    throwIfAborted(signal)
    if (this.#closed) throw new RankineError("argument", "the model was disposed of: load it again")
    if (inputs.length === 0) return []
    if (!admitted) this.#admit(lengths)
    const left = deadline === undefined ? Number.POSITIVE_INFINITY : deadline - Date.now()
    if (Number.isNaN(left)) throw new RankineError("argument", "deadline must be a number of milliseconds since 1970")
    if (left <= 0) throw tooLate()

    return new Promise<Result[]>((resolve, reject) => {
      const results = new Array<Result>(inputs.length)
      let done = 0
      const end = () => {
        call.over = true
        this.#calls.delete(call)
        clearTimeout(timer)
        if (signal) this.#unwatch(signal, call)
      }
      const call: Call = {
        client: client ?? results,
        inputs,
        batches: new Set(),
        over: false,
        begun: undefined,
        give(rows, outputs) {
          rows.forEach(({ index }, at) => {
            results[index] = convert(outputs[at] as Output)
          })
          done += rows.length
          onRows?.(done)
          if (done < inputs.length) return
          end()
          const begun = call.begun ?? since
          onTimings?.({ queue: (begun - since) / 1000, inference: (performance.now() - begun) / 1000 })
          resolve(results)
        },
        stop: (error) => {
          end()
          this.#sums.dropped += this.#queue.drop(call.client, waiting)
          for (const { calls, controller } of call.batches) if ([...calls].every(({ over }) => over)) controller.abort()
          reject(error)
        },
      }
      if (signal) this.#watch(signal, call)
      const since = performance.now()
      // Longer than Node's timers can wait is as good as no deadline.
      const timer = left < 2 ** 31 ? setTimeout(() => call.stop(tooLate()), left) : undefined
      const waiting = longestFirst(lengths).map((index) => ({
        call,
        index,
        length: lengths[index]!,
        since,
        waiting: true,
      }))
      this.#calls.add(call)
      this.#queue.add(call.client, waiting)
      this.#wake()
    })
  }

  /** Refuses new calls and those that wait with `argument`; batches under way are told to stop. */
  close(): void {
    this.#closed = true
    for (const call of this.#calls)
      call.stop(new RankineError("argument", "the model was disposed of before it was done"))
  }

  #admit(lengths: readonly number[]): void {
    const { tokens } = this.#queue
    const asked = lengths.reduce((sum, length) => sum + length, 0)
    // A call that is larger than the queue still gets its turn, alone.
    if (tokens === 0 || tokens + asked <= this.#maxWaiting) return
    this.#sums.refused++
    throw new RankineError(
      "busy",
      `the model's queue is full: ${tokens} tokens wait and ${this.#maxWaiting} may; ask again later, or with less`,
      { details: { waitingTokens: tokens, maxWaitingTokens: this.#maxWaiting, askedTokens: asked } },
    )
  }

  #watch(signal: AbortSignal, call: Call): void {
    let watched = this.#watched.get(signal)
    if (!watched) {
      const calls = new Set<Call>()
      const stop = () => {
        for (const each of calls)
          each.stop(new RankineError("aborted", "stopped by the caller", { cause: signal.reason }))
      }
      this.#watched.set(signal, (watched = { calls, stop }))
      signal.addEventListener("abort", stop, { once: true })
    }
    watched.calls.add(call)
  }

  #unwatch(signal: AbortSignal, call: Call): void {
    const watched = this.#watched.get(signal)
    if (!watched?.calls.delete(call) || watched.calls.size > 0) return
    signal.removeEventListener("abort", watched.stop)
    this.#watched.delete(signal)
  }

  /** Begins with the next turn of the event loop, so that calls made side by side meet in one batch. */
  #wake(): void {
    if (this.#woken) return
    if (this.#window > 0 && !this.#full) {
      this.#timer ??= setTimeout(() => this.#pump(), this.#window)
      return
    }
    this.#woken = true
    setImmediate(() => this.#pump())
  }

  get #full(): boolean {
    return this.#queue.rows >= this.#limits.maxRows || this.#queue.tokens >= this.#limits.maxTokens
  }

  #pump(): void {
    this.#woken = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    // A part of a batch grows while the model is at work; a full one lies ready for the moment it is not.
    while (this.#queue.rows > 0 && this.#running < this.#workers + (this.#full ? 1 : 0))
      void this.#dispatch(this.#queue.take(({ client }) => client))
  }

  async #dispatch(rows: readonly WaitingRow<Call>[]): Promise<void> {
    this.#running++
    const byCall = new Map<Call, number[]>()
    rows.forEach(({ call }, at) => {
      const places = byCall.get(call)
      if (places) places.push(at)
      else byCall.set(call, [at])
    })
    const batch: Batch = { calls: new Set(byCall.keys()), controller: new AbortController() }
    for (const call of batch.calls) call.batches.add(batch)
    const begun = performance.now()
    for (const call of batch.calls) call.begun ??= begun
    let outputs: readonly Output[] | undefined
    let error: unknown
    try {
      const inputs = rows.map(({ call, index }) => call.inputs[index] as Row)
      const run = () => this.runBatch(inputs, batch.controller.signal)
      outputs = await run().catch((thrown: unknown) => {
        // A worker may end for a reason that is not these rows: they get one that is new, once.
        if (!(thrown instanceof RankineError && thrown.details.workerEnded) || batch.controller.signal.aborted)
          throw thrown
        this.#sums.retried++
        return run()
      })
      if (outputs.length !== rows.length)
        throw new RankineError("internal", `a batch of ${rows.length} rows gave ${outputs.length} results`)
    } catch (thrown) {
      outputs = undefined
      error = thrown
    }
    this.#running--
    // The model goes on with the next batch while the results of this one are handed out.
    this.#pump()
    this.#report(rows, batch.calls.size, begun, outputs === undefined)
    for (const [call, places] of byCall) {
      call.batches.delete(batch)
      if (call.over) continue
      try {
        if (!outputs) throw error
        const own = outputs
        call.give(
          places.map((at) => rows[at]!),
          places.map((at) => own[at]),
        )
      } catch (thrown) {
        call.stop(thrown)
      }
    }
  }

  #report(rows: readonly WaitingRow<Call>[], calls: number, begun: number, failed: boolean): void {
    const sums = this.#sums
    const tokens = rows.reduce((sum, { length }) => sum + length, 0)
    const padded = rows.length * rows[0]!.length
    const waits = rows.map(({ since }) => (begun - since) / 1000)
    const waited = waits.reduce((sum, wait) => sum + wait, 0)
    const maxWait = Math.max(...waits)
    sums.batches++
    if (failed) sums.failedBatches++
    sums.rows += rows.length
    sums.tokens += tokens
    sums.padded += padded
    sums.waited += waited
    sums.maxWait = Math.max(sums.maxWait, maxWait)
    const seconds = (performance.now() - begun) / 1000
    const meanWait = waited / rows.length
    this.#onBatch?.({ rows: rows.length, calls, tokens, padded, meanWait, maxWait, seconds, failed })
  }
}

function tooLate(): RankineError {
  return new RankineError("budget", "the deadline passed before the model was done: give more time, or ask for less")
}
