/** A decoder of pure arithmetic: logits follow from the tokens read so far, so that every way to the same tokens gives the same numbers. */
import { hashName, philox4x32 } from "../../../src/core/random.js"
import type { DecoderCache, ReadOptions } from "../../../src/models/decoder/session.js"
import type { GenerationDecoder } from "../../../src/models/generation/generation-decoder.js"

export interface FakeOptions {
  readonly vocabulary: number
  readonly contextLength?: number
  readonly endIds?: readonly number[]
  /** Logits after a text of tokens; by default numbers from -4 to 4 that look random. */
  readonly logits?: (history: readonly number[]) => Float32Array
}

export function hashedLogits(history: readonly number[], vocabulary: number): Float32Array {
  const key = hashName(history.join(" "))
  const logits = new Float32Array(vocabulary)
  for (let id = 0; id < vocabulary; id++) logits[id] = (philox4x32([id, 0, 0, 0], [key, 7])[0] / 2 ** 32 - 0.5) * 8
  return logits
}

class FakeCache implements DecoderCache {
  disposed = false
  constructor(public histories: readonly (readonly number[])[]) {}
  get lengths() {
    return this.histories.map(({ length }) => length)
  }
  get bytes() {
    return 0
  }
  rewind(lengths: readonly number[]) {
    this.histories = this.histories.map((history, row) => history.slice(0, lengths[row]))
  }
  async [Symbol.asyncDispose]() {
    this.disposed = true
  }
}

export class FakeDecoder implements GenerationDecoder {
  readonly checksum = "fake"
  readonly precision = "fp32"
  readonly device = "cpu"
  readonly deviceReason = "arithmetic"
  readonly cacheBytesPerToken = 4
  readonly contextLength: number
  readonly config
  /** Rows of every call, and tokens read in all. */
  readonly calls: number[] = []
  tokens = 0
  /** Set to fail the calls that come. */
  failure: Error | undefined
  /** Calls that succeed; those after them fail. */
  successes = Number.POSITIVE_INFINITY
  readonly #caches: FakeCache[] = []
  readonly #logits: (history: readonly number[]) => Float32Array

  constructor({ vocabulary, contextLength = 256, endIds = [], logits }: FakeOptions) {
    this.config = { vocabulary, endIds }
    this.contextLength = contextLength
    this.#logits = logits ?? ((history) => hashedLogits(history, vocabulary))
  }

  /** Caches that nobody disposed of. */
  get alive(): number {
    return this.#caches.filter(({ disposed }) => !disposed).length
  }

  async createCache(rows: number): Promise<DecoderCache> {
    return this.#made(Array.from({ length: rows }, () => []))
  }

  async selectRows(cache: DecoderCache, rows: readonly number[]): Promise<DecoderCache> {
    return this.#made(rows.map((row) => live(cache).histories[row]!))
  }

  async read(rows: readonly (readonly number[])[], options: ReadOptions = {}) {
    const { cache, keep = true, logits: places = "last", signal } = options
    await new Promise<void>((resolve) => setImmediate(resolve))
    signal?.throwIfAborted()
    if (this.failure) throw this.failure
    if (this.calls.length >= this.successes) throw new Error("the card is gone")
    if (rows.length === 0 || rows.some(({ length }) => length === 0)) throw new Error("an empty row was read")
    const own = cache ? live(cache) : undefined
    if (own && own.histories.length !== rows.length && (keep || own.histories.length !== 1))
      throw new Error(`${rows.length} rows do not fit a cache of ${own.histories.length}`)
    this.calls.push(rows.length)
    const before = rows.map((_, row) => own?.histories[own.histories.length === 1 ? 0 : row] ?? [])
    const histories = rows.map((ids, row) => [...before[row]!, ...ids])
    for (const history of histories)
      if (history.length > this.contextLength) throw new Error(`a row of ${history.length} tokens is too long`)
    for (const ids of rows) this.tokens += ids.length
    if (own && keep) own.histories = histories
    const logits = rows.map((ids, row) => {
      const at =
        places === "last"
          ? [ids.length - 1]
          : places === "none"
            ? []
            : places === "all"
              ? ids.map((_, i) => i)
              : places[row]!
      const data = new Float32Array(at.length * this.config.vocabulary)
      at.forEach((place, i) => {
        if (place < 0 || place >= ids.length) throw new Error(`no place ${place} among ${ids.length} tokens`)
        data.set(this.#logits([...before[row]!, ...ids.slice(0, place + 1)]), i * this.config.vocabulary)
      })
      return data
    })
    return { logits }
  }

  async [Symbol.asyncDispose]() {}

  #made(histories: readonly (readonly number[])[]): FakeCache {
    const cache = new FakeCache(histories)
    this.#caches.push(cache)
    return cache
  }
}

function live(cache: DecoderCache): FakeCache {
  if (!(cache instanceof FakeCache) || cache.disposed) throw new Error("a cache was used after its disposal")
  return cache
}
