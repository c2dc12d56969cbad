/** Answers what is known, has the rest computed once, and keeps it. @module */
import type { RunOptions } from "../../core/contracts.js"
import { RankineError, throwIfAborted } from "../../core/errors.js"
import { nextTurn, turnIsOver } from "../turns.js"
import type { CacheRecords } from "./open-cache.js"
import type { Codec, Known } from "./record.js"

/** Answers that are kept together: a process that ends early has lost no more than two of these. */
const CHUNK = 2048
const AHEAD = 2

export interface Question<Value> {
  readonly records: CacheRecords
  readonly codec: Codec<Value>
  readonly count: number
  /** Texts with equal keys have equal answers. */
  keyOf(position: number): Buffer
  /** Has the model answer these positions, in this order. */
  compute(positions: readonly number[], options: RunOptions): Promise<readonly Known<Value>[]>
  copy(value: Value): Value
}

export interface Answers<Value> {
  readonly known: readonly Known<Value>[]
  /** Tokens of the answers that the model did not have to give. */
  readonly cached: number
}

interface Wanted {
  readonly key: Buffer
  readonly positions: number[]
}

/** A key that this call computes, while others who want it wait. */
interface Claim<Value> extends Wanted {
  resolve(known: Known<Value>): void
  reject(error: unknown): void
}

/** Throws what `compute` throws, and `aborted`; a failing cache only costs time. */
export async function throughCache<Value>(question: Question<Value>, options: RunOptions): Promise<Answers<Value>> {
  const { records, codec, copy, count } = question
  const { signal, onProgress } = options
  const known = new Array<Known<Value>>(count)
  let cached = 0
  let done = 0
  const settle = ({ positions }: Wanted, answer: Known<Value>, source: "model" | "disk" | "other call") => {
    positions.forEach((position, repeat) => {
      // Nobody's array is shared: who changes a vector changes only that one.
      const own = repeat === 0 && source !== "other call"
      known[position] = own ? answer : { ...answer, value: copy(answer.value) }
    })
    done += positions.length
    cached += (answer.length ?? 0) * (positions.length - (source === "model" ? 1 : 0))
    records.counts.shared += positions.length - 1
  }

  let wanted = await wantedOf(question, signal)
  while (wanted.length > 0) {
    const claims: Claim<Value>[] = []
    const others: { readonly one: Wanted; readonly answer: Promise<Known<Value>> }[] = []
    const renewed: [Buffer, Known<Value>][] = []
    let error: unknown
    try {
      // Looked up and claimed in one go, so that no two calls compute the same.
      await inTurns(wanted, signal, (one) => {
        const answer = records.pending.get(nameOf(one.key)) as Promise<Known<Value>> | undefined
        if (answer) return void others.push({ one, answer })
        const found = records.get(one.key, codec)
        if (!found) return void claims.push(claim(records, one))
        settle(one, found.known, "disk")
        if (found.renew) renewed.push([one.key, found.known])
      })
      await records.put(renewed, codec)
      const before = done
      const tell: Progress | undefined =
        onProgress && ((event) => onProgress({ ...event, done: before + event.done, total: count }))
      await computeChunks(question, claims, { ...options, ...(tell ? { onProgress: tell } : {}) }, (one, answer) => {
        records.counts.misses++
        settle(one, answer, "model")
      })
    } catch (thrown) {
      error = thrown
      throw thrown
    } finally {
      // What was computed is settled already, and cannot be again.
      for (const { reject } of claims) reject(error)
    }
    const answers = others.map(({ answer }) => answer)
    const outcomes = await orAborted(Promise.allSettled(answers), signal)
    wanted = others.flatMap(({ one }, index) => {
      const outcome = outcomes[index]!
      // Another caller left or failed: that is its own affair, and this one asks the model itself.
      if (outcome.status === "rejected") return [one]
      settle(one, outcome.value, "other call")
      records.counts.shared++
      return []
    })
  }
  return { known, cached }
}

type Progress = NonNullable<RunOptions["onProgress"]>

/** The distinct keys, in order of first appearance. */
async function wantedOf<Value>({ count, keyOf }: Question<Value>, signal: AbortSignal | undefined): Promise<Wanted[]> {
  const byName = new Map<string, Wanted>()
  await inTurns(new Array<undefined>(count).keys(), signal, (position) => {
    const key = keyOf(position)
    const name = nameOf(key)
    const same = byName.get(name)
    if (same) same.positions.push(position)
    else byName.set(name, { key, positions: [position] })
  })
  return [...byName.values()]
}

/** Computes chunk by chunk, and keeps each chunk as soon as it is there. */
async function computeChunks<Value>(
  { records, codec, copy, compute }: Question<Value>,
  claims: readonly Claim<Value>[],
  options: RunOptions,
  give: (one: Wanted, answer: Known<Value>) => void,
): Promise<void> {
  const failed = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal
  const doneOf = new Map<number, number>()
  let next = 0
  const work = async () => {
    while (next < claims.length && !failed.signal.aborted) {
      const from = next
      const chunk = claims.slice(from, from + CHUNK)
      next += chunk.length
      const onProgress: Progress = (event) => {
        doneOf.set(from, event.done)
        options.onProgress?.({ ...event, done: [...doneOf.values()].reduce((sum, each) => sum + each, 0) })
      }
      try {
        const positions = chunk.map((one) => one.positions[0]!)
        const answers = await compute(positions, { ...options, signal, ...(options.onProgress ? { onProgress } : {}) })
        if (answers.length !== chunk.length)
          throw new RankineError("internal", `${chunk.length} texts gave ${answers.length} answers`)
        // Kept before they are given: a caller may change its vectors.
        const entries = chunk.map(({ key }, at) => [key, answers[at]!] as const)
        await records.put(entries, codec)
        chunk.forEach((one, at) => {
          const answer = answers[at]!
          one.resolve({ ...answer, value: copy(answer.value) })
          give(one, answer)
        })
      } catch (thrown) {
        failed.abort()
        throw thrown
      }
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: AHEAD }, work))
  // One chunk fails first and stops the other: its own error is the one that says why.
  const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []))
  const first = reasons.find((reason) => !(reason instanceof RankineError) || reason.code !== "aborted")
  if (reasons.length > 0) throw first ?? reasons[0]
}

/** A rejection that nobody waits for is no error. */
function claim<Value>({ pending }: CacheRecords, one: Wanted): Claim<Value> {
  const name = nameOf(one.key)
  let resolve!: (known: Known<Value>) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<Known<Value>>((yes, no) => {
    resolve = yes
    reject = no
  })
  promise.catch(() => undefined)
  pending.set(name, promise)
  const release = () => {
    if (pending.get(name) === promise) pending.delete(name)
  }
  return {
    ...one,
    resolve(known) {
      release()
      resolve(known)
    },
    reject(error) {
      release()
      reject(error)
    },
  }
}

function nameOf(key: Buffer): string {
  return key.toString("latin1")
}

async function inTurns<Item>(
  items: Iterable<Item>,
  signal: AbortSignal | undefined,
  visit: (item: Item) => void,
): Promise<void> {
  throwIfAborted(signal)
  for (const item of items) {
    visit(item)
    if (turnIsOver()) await nextTurn(signal)
  }
}

/** Waits no longer than the signal allows. */
async function orAborted<Value>(waiting: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  throwIfAborted(signal)
  if (!signal) return waiting
  // A signal of its own: Node warns where many listen to one.
  const own = AbortSignal.any([signal])
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new RankineError("aborted", "stopped by the caller", { cause: signal.reason }))
    own.addEventListener("abort", stop, { once: true })
  })
  return Promise.race([waiting, stopped])
}
