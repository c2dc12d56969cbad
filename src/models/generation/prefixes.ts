/** Beginnings that prompts share: computed once, used by all. @module */
import type { DecoderCache } from "../decoder/session.js"
import type { GenerationDecoder } from "./generation-decoder.js"

export interface PrefixGroup {
  /** Tokens that all its prompts begin with; 0 for a group of prompts that share nothing worth it. */
  readonly length: number
  /** Positions of its prompts. */
  readonly rows: readonly number[]
}

/** A shorter beginning costs less than the call that computes it alone. */
const WORTH = 16

/**
 * Groups prompts by their common beginnings so that the most tokens are saved, one level deep. A prompt always keeps a token of its own,
 * after which the model answers.
 */
export function planPrefixes(prompts: readonly (readonly number[])[], worth = WORTH): PrefixGroup[] {
  const order = prompts
    .map((_, row) => row)
    .sort((left, right) => compare(prompts[left]!, prompts[right]!) || left - right)
  const groups: PrefixGroup[] = []
  const alone: number[] = []
  let rows: number[] = []
  let length = 0
  const close = () => {
    if (rows.length > 1) groups.push({ length, rows })
    else alone.push(...rows)
    rows = []
  }
  for (const row of order) {
    const ids = prompts[row]!
    const first = rows.length > 0 ? prompts[rows[0]!]! : ids
    const limit = Math.min(rows.length > 0 ? length : ids.length, first.length - 1, ids.length - 1)
    const common = commonLength(first, ids, Math.max(0, limit))
    // Joining may shorten what the others share.
    if (rows.length > 0 && (common < worth || rows.length * common < (rows.length - 1) * length)) close()
    if (rows.length === 0) length = ids.length
    else length = common
    rows.push(row)
  }
  close()
  if (alone.length > 0) groups.push({ length: 0, rows: alone.sort((left, right) => left - right) })
  return groups
}

function compare(left: readonly number[], right: readonly number[]): number {
  const at = commonLength(left, right, Math.min(left.length, right.length))
  return (left[at] ?? -1) - (right[at] ?? -1)
}

function commonLength(left: readonly number[], right: readonly number[], limit: number): number {
  let at = 0
  while (at < limit && left[at] === right[at]) at++
  return at
}

/** A prefix of one call's prompts: computed when the first batch needs it, kept until the call is over and no batch reads it. */
export class SharedPrefix {
  #cache: Promise<DecoderCache> | undefined
  #last: Promise<unknown> = Promise.resolve()
  #users = 0
  #closed = false

  constructor(
    private readonly decoder: GenerationDecoder,
    readonly ids: readonly number[],
  ) {}

  /** One after the other: a cache serves one call at a time. */
  async use<Result>(work: (cache: DecoderCache) => Promise<Result>): Promise<Result> {
    this.#users++
    try {
      const before = this.#last
      const result = (async () => {
        await before.catch(() => {})
        return work(await (this.#cache ??= this.#compute()))
      })()
      this.#last = result
      return await result
    } finally {
      this.#users--
      await this.#release()
    }
  }

  /** No batch will ask any more. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#release()
  }

  async #compute(): Promise<DecoderCache> {
    const cache = await this.decoder.createCache(1, this.ids.length)
    try {
      await this.decoder.read([this.ids], { cache, logits: "none" })
      return cache
    } catch (thrown) {
      // Nobody else knows of it.
      await cache[Symbol.asyncDispose]()
      throw thrown
    }
  }

  async #release(): Promise<void> {
    if (!this.#closed || this.#users > 0 || !this.#cache) return
    const cache = this.#cache
    this.#cache = undefined
    // A prefix that could not be computed was reported by whoever asked for it.
    await cache.then((it) => it[Symbol.asyncDispose]()).catch(() => {})
  }
}
