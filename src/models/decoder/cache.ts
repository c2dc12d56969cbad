/** Keys and values in the worker, with the number of tokens that each row has read. @module */
import { RankineError } from "../../core/errors.js"
import { byteLength } from "../../onnx/data-type.js"
import type { HeldTensors, Piece, ToHold } from "../../onnx/held-tensors.js"
import type { OnnxSession } from "../../onnx/session.js"
import { cachedHeadWidth, pastName, presentName } from "./cached-attention.js"
import type { DecoderConfig } from "./config.js"
import type { DecoderCache } from "./session.js"

/** Rows grow by so many tokens at least. */
const STEP = 64
/** And by this share of what they hold, so that the work of copying stays in proportion. */
const GROWTH = 1.5

/** What caches of one session have in common. */
export interface CacheForm {
  readonly session: OnnxSession
  readonly config: DecoderConfig
  readonly contextLength: number
}

export class Cache implements DecoderCache {
  #held: HeldTensors | undefined
  #capacity: number
  #lengths: readonly number[]
  #busy = false
  #disposed = false

  constructor(
    readonly form: CacheForm,
    rows: number,
    capacity: number,
  ) {
    this.#lengths = Array.from({ length: rows }, () => 0)
    this.#capacity = capacity
  }

  get lengths(): readonly number[] {
    return this.#lengths
  }

  get bytes(): number {
    return this.#held?.bytes ?? 0
  }

  rewind(lengths: readonly number[]): void {
    const fits = (length: number, row: number) =>
      Number.isInteger(length) && length >= 0 && length <= this.#lengths[row]!
    if (lengths.length !== this.#lengths.length || !lengths.every(fits))
      throw new RankineError("argument", `a cache with rows of ${this.#lengths} tokens cannot go back to ${lengths}`)
    this.#lengths = [...lengths]
  }

  /** Runs `work` with the tensors, with room for rows of `length` tokens; one at a time. */
  async use<Result>(length: number, work: (held: HeldTensors) => Promise<Result>): Promise<Result> {
    if (this.#disposed) throw new RankineError("argument", "the cache was disposed of: begin again with a new one")
    if (this.#busy)
      throw new RankineError("argument", "the cache is in use: wait for one call before the next, or give each its own")
    this.#busy = true
    try {
      return await work(await this.#withRoom(length))
    } finally {
      this.#busy = false
    }
  }

  /** Says that rows have read so many tokens more. */
  advance(counts: readonly number[]): void {
    this.#lengths = this.#lengths.map((length, row) => length + counts[row]!)
  }

  /** Copies these rows. */
  async select(rows: readonly number[], capacity: number): Promise<Cache> {
    const odd = rows.find((row) => !(Number.isInteger(row) && row >= 0 && row < this.#lengths.length))
    if (odd !== undefined || rows.length === 0)
      throw new RankineError("argument", `a cache of ${this.#lengths.length} rows has no row ${odd ?? "to copy"}`)
    const lengths = rows.map((row) => this.#lengths[row]!)
    const longest = Math.max(...lengths)
    const copy = new Cache(this.form, rows.length, Math.max(capacity, longest))
    copy.#lengths = lengths
    if (longest === 0) return copy
    return this.use(longest, async (held) => {
      copy.#held = await hold(this.form, rows.length, copy.#capacity)
      await held.copyTo(copy.#held, this.#pieces(rows, copy.#capacity))
      return copy
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    const held = this.#held
    this.#held = undefined
    await held?.release()
  }

  async #withRoom(length: number): Promise<HeldTensors> {
    if (this.#held && length <= this.#capacity) return this.#held
    const wanted = Math.max(length + STEP, this.#held ? Math.ceil(this.#capacity * GROWTH) : this.#capacity)
    const capacity = Math.min(this.form.contextLength, Math.ceil(wanted / STEP) * STEP)
    const old = this.#held
    const fresh = await hold(this.form, this.#lengths.length, capacity)
    if (old) {
      await old.copyTo(fresh, this.#pieces([...this.#lengths.keys()], capacity))
      await old.release()
    }
    this.#held = fresh
    this.#capacity = capacity
    return fresh
  }

  /** What to copy for these rows to lie one after the other in tensors of that capacity. */
  #pieces(rows: readonly number[], capacity: number): Piece[] {
    const { keyHeads } = this.form.config
    const width = cachedHeadWidth(this.form.config)
    return rows.flatMap((row, target) =>
      Array.from({ length: keyHeads }, (_, head): Piece => {
        const from = (row * keyHeads + head) * this.#capacity * width
        const to = (target * keyHeads + head) * capacity * width
        return [from, to, this.#lengths[row]! * width]
      }),
    )
  }
}

/** Bytes of a row's keys and values for each token. */
export function bytesPerToken({ session, config }: CacheForm): number {
  return byteLength(typeOf(session), [2, config.layers, config.keyHeads, cachedHeadWidth(config)])
}

function typeOf(session: OnnxSession): "float32" | "float16" {
  return session.inputs.find(({ name }) => name === pastName(0, "key"))!.type as "float32" | "float16"
}

/** Keys and values of nothing, as tensors of that capacity. */
export function hold({ session, config }: CacheForm, rows: number, capacity: number): Promise<HeldTensors> {
  const type = typeOf(session)
  const dims = [rows, config.keyHeads, capacity, cachedHeadWidth(config)]
  const tensors: Record<string, ToHold> = {}
  const writes: Record<string, string> = {}
  for (let layer = 0; layer < config.layers; layer++)
    for (const kind of ["key", "value"] as const) {
      tensors[pastName(layer, kind)] = { type, dims }
      writes[presentName(layer, kind)] = pastName(layer, kind)
    }
  // Without room nothing can be written; what is computed then is for one run.
  return session.hold(tensors, capacity === 0 ? { durable: true } : { writes })
}
