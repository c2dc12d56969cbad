/** Puts the prompts of a call into a model's queue: beginnings shared, failures kept apart where that is asked for. @module */
import { type RankineError, toRankineError } from "../../core/errors.js"
import type { Scheduler } from "../scheduler.js"
import type { GenerationDecoder } from "./generation-decoder.js"
import type { ModelRunOptions } from "./language-model.js"
import { planPrefixes, SharedPrefix } from "./prefixes.js"

/** A prompt in tokens. */
export interface Prepared {
  readonly ids: readonly number[]
  /** So many of the tokens may be computed without looking at their logits, and so be shared. */
  readonly shareable: number
  /** Tokens that were computed for another prompt of the call already. */
  cachedTokens: number
}

export interface JobForm<Item, Made extends Prepared, Job, Result> {
  readonly decoder: GenerationDecoder
  readonly share: boolean
  /** Gives every job back once it is done. */
  readonly scheduler: Scheduler<Job, Job>
  /** Throws for what is out of range. */
  readonly make: (item: Item, index: number) => Made
  readonly job: (made: Made, prefix: SharedPrefix | undefined) => Job
  /** Tokens to compute. */
  readonly length: (made: Made, prefixLength: number) => number
  readonly result: (made: Made, job: Job, index: number) => Result
  /** What stands for an item that failed, where errors are marked. */
  readonly failed: (error: RankineError, index: number) => Result
  readonly stage: string
}

/** Runs every item and gives the results in their order. Throws the first error unless errors are marked; `aborted` always. */
export async function scheduleJobs<Item, Made extends Prepared, Job, Result>(
  items: readonly Item[],
  form: JobForm<Item, Made, Job, Result>,
  { signal, onError = "throw", onProgress, client }: ModelRunOptions,
): Promise<Result[]> {
  const results = new Array<Result>(items.length)
  const mark = (thrown: unknown, index: number) => {
    const error = toRankineError(thrown)
    if (onError === "throw" || error.code === "aborted") throw error
    results[index] = form.failed(error, index)
  }
  const ready: { readonly index: number; readonly made: Made }[] = []
  for (const [index, item] of items.entries()) {
    try {
      ready.push({ index, made: form.make(item, index) })
    } catch (thrown) {
      mark(thrown, index)
    }
  }
  const prefixes = form.share ? sharedBy(ready, form.decoder) : new Map<number, SharedPrefix>()
  const jobs = ready.map(({ made }, at) => form.job(made, prefixes.get(at)))
  const lengths = ready.map(({ made }, at) => form.length(made, prefixes.get(at)?.ids.length ?? 0))
  let done = items.length - ready.length
  const count = (rows: number) => {
    done += rows
    onProgress?.({ stage: form.stage, done, total: items.length, unit: "prompts" })
  }
  // Calls without a name of their own are one client: its parts share one turn.
  const schedule = { signal, client: client ?? (onError === "mark" ? `call ${nextCall++}` : undefined) }
  try {
    if (onError === "throw") {
      let before = 0
      const places = new Map(jobs.map((job, at) => [job, at]))
      // Results are made batch by batch, not at the end: streams tell of them.
      const finish = (job: Job) => {
        const { index, made } = ready[places.get(job)!]!
        results[index] = form.result(made, job, index)
      }
      await form.scheduler.run(jobs, lengths, finish, {
        ...schedule,
        onRows: (rows) => {
          count(rows - before)
          before = rows
        },
      })
    } else
      await Promise.all(
        ready.map(async ({ index, made }, at) => {
          try {
            const [job] = await form.scheduler.run([jobs[at]!], [lengths[at]!], (one) => one, schedule)
            results[index] = form.result(made, job!, index)
          } catch (thrown) {
            mark(thrown, index)
          }
          count(1)
        }),
      )
    return results
  } finally {
    await Promise.all([...new Set(prefixes.values())].map((prefix) => prefix.close()))
  }
}

let nextCall = 0

/** By position in the list: what each shares with others. All but one of those who share find it computed. */
function sharedBy(
  ready: readonly { readonly made: Prepared }[],
  decoder: GenerationDecoder,
): Map<number, SharedPrefix> {
  const prefixes = new Map<number, SharedPrefix>()
  for (const { length, rows } of planPrefixes(ready.map(({ made }) => made.ids.slice(0, made.shareable + 1)))) {
    if (length === 0) continue
    const prefix = new SharedPrefix(decoder, ready[rows[0]!]!.made.ids.slice(0, length))
    for (const row of rows) prefixes.set(row, prefix)
    for (const row of rows.slice(1)) ready[row]!.made.cachedTokens = length
  }
  return prefixes
}
