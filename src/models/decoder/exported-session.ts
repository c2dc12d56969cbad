/** A decoder that others exported to ONNX with a cache, as transformers.js and Optimum do. @module */
import { RankineError } from "../../core/errors.js"
import type { HeldTensors, Piece, ToHold } from "../../onnx/held-tensors.js"
import type { OnnxSession } from "../../onnx/session.js"
import { outputOf, type Tensor, type TensorType, tensor } from "../../onnx/tensor.js"
import { checkRows } from "./check-rows.js"
import type { DecoderConfig } from "./config.js"
import { placesOf } from "./read.js"
import type { DecoderCache, DecoderReading, DecoderSession, ReadOptions } from "./session.js"

/** What is known of a model beside its graph. */
export interface ExportedIdentity {
  readonly config: DecoderConfig
  readonly contextLength: number
  readonly checksum: string
}

/** The names of a graph's inputs for keys and values, with the outputs that continue them. */
interface Names {
  readonly past: readonly string[]
  /** From outputs to inputs. */
  readonly writes: Readonly<Record<string, string>>
}

/** Keys and values of one row; none for one that is empty. */
interface Row {
  readonly held: HeldTensors | undefined
  /** Tokens that the tensors hold: more than the row has after a step back. */
  readonly stored: number
  readonly length: number
}

const EMPTY: Row = { held: undefined, stored: 0, length: 0 }

/**
 * Wraps a session whose graph takes `input_ids`, `attention_mask`, maybe `position_ids`, and `past_key_values.N.key` and `.value`
 * [batch, heads, tokens, head width], and gives `logits` [batch, length, vocabulary] and `present.N.key` and `.value`.
 *
 * Rows are read one by one, since nothing is known of how a graph takes padding; keys and values stay in the worker.
 * @throws RankineError `model` for a graph with other inputs
 */
export function exportedSession(session: OnnxSession, identity: ExportedIdentity): DecoderSession {
  const { config, contextLength, checksum } = identity
  const names = namesOf(session)
  const sizes = session.inputs.find(({ name }) => name === names.past[0])!
  const [heads, width] = [sizes.dims[1] as number, sizes.dims[3] as number]
  const type = sizes.type as TensorType

  const hold = (tokens: number): Promise<HeldTensors> => {
    const tensors: Record<string, ToHold> = {}
    for (const name of names.past) tensors[name] = { type, dims: [1, heads, tokens, width] }
    return session.hold(tensors, { writes: names.writes })
  }
  const copied = async ({ held, stored, length }: Row): Promise<Row> => {
    if (!held || length === 0) return EMPTY
    const target = await hold(length)
    const pieces = Array.from(
      { length: heads },
      (_, head): Piece => [head * stored * width, head * length * width, length * width],
    )
    await held.copyTo(target, pieces)
    return { held: target, stored: length, length }
  }

  class Cache implements DecoderCache {
    rows: readonly Row[]
    busy = false

    constructor(rows: readonly Row[]) {
      this.rows = rows
    }

    get lengths(): readonly number[] {
      return this.rows.map(({ length }) => length)
    }

    get bytes(): number {
      return this.rows.reduce((sum, { held }) => sum + (held?.bytes ?? 0), 0)
    }

    rewind(lengths: readonly number[]): void {
      const fits = (length: number, row: number) =>
        Number.isInteger(length) && length >= 0 && length <= this.rows[row]!.length
      if (lengths.length !== this.rows.length || !lengths.every(fits))
        throw new RankineError("argument", `a cache with rows of ${this.lengths} tokens cannot go back to ${lengths}`)
      this.rows = this.rows.map((row, index) => ({ ...row, length: lengths[index]! }))
    }

    async [Symbol.asyncDispose](): Promise<void> {
      const rows = this.rows
      this.rows = rows.map(() => EMPTY)
      await released(rows)
    }
  }
  const own = (cache: unknown): Cache => {
    if (cache instanceof Cache) return cache
    throw new RankineError("argument", "the cache is of another model's session")
  }

  /** Reads one row after `before`, and gives its logits and the row as it is then, if it is to be kept. */
  const readRow = async (
    ids: readonly number[],
    before: Row,
    places: readonly number[],
    keep: boolean,
    signal: AbortSignal | undefined,
  ): Promise<{ logits: Float32Array; after: Row | undefined }> => {
    const base = before.stored === before.length ? before : await copied(before)
    const past = base.held ?? (await hold(0))
    const length = base.length + ids.length
    const next = keep ? await hold(length) : undefined
    const outputs = await session.run(feedsOf(session, ids, base.length), {
      outputs: places.length === 0 && next ? [] : ["logits"],
      from: [past],
      ...(next ? { into: [next] } : {}),
      ...(signal ? { signal } : {}),
    })
    if (past !== before.held) await past.release()
    const { vocabulary } = config
    const logits = new Float32Array(places.length * vocabulary)
    if (places.length > 0) {
      const { data } = outputOf(outputs, "logits", "float32")
      for (const [index, place] of places.entries())
        logits.set(data.subarray(place * vocabulary, (place + 1) * vocabulary), index * vocabulary)
    }
    return { logits, after: next && { held: next, stored: length, length } }
  }

  const read = async (rows: readonly (readonly number[])[], options: ReadOptions = {}): Promise<DecoderReading> => {
    const { cache: given, keep = true, logits: asked = "last", adapter, signal } = options
    if (adapter) throw new RankineError("argument", "an exported graph has no slots for adapters: load the safetensors")
    const cache = given && own(given)
    checkRows(rows, cache?.lengths, keep, config.vocabulary, contextLength)
    if (cache?.busy) throw new RankineError("argument", "the cache is in use: wait for one call before the next")
    const places = placesOf(rows, asked)
    const logits: Float32Array[] = []
    const fresh: Row[] = []
    if (cache) cache.busy = true
    try {
      const shared = cache !== undefined && cache.rows.length < rows.length
      for (const [index, ids] of rows.entries()) {
        const before = cache ? cache.rows[shared ? 0 : index]! : EMPTY
        const result = await readRow(ids, before, places[index]!, keep && cache !== undefined, signal)
        logits.push(result.logits)
        if (result.after) fresh.push(result.after)
      }
      if (cache && fresh.length > 0) {
        const old = cache.rows
        cache.rows = fresh
        await released(old)
      }
    } catch (thrown) {
      // The rows that were read before the failure must not be ahead of the others.
      await released(fresh)
      throw thrown
    } finally {
      if (cache) cache.busy = false
    }
    return { logits }
  }

  return {
    config,
    contextLength,
    checksum,
    precision: "fp32",
    device: session.device,
    deviceReason: session.deviceReason,
    cacheBytesPerToken: names.past.length * heads * width * (type === "float16" ? 2 : 4),
    read,
    async createCache(rows) {
      if (!Number.isInteger(rows) || rows < 1)
        throw new RankineError("argument", `a cache needs a whole number of rows of at least 1, got ${rows}`)
      return new Cache(Array.from({ length: rows }, () => EMPTY))
    },
    async selectRows(cache, rows) {
      const { rows: all } = own(cache)
      const odd = rows.find((row) => !(Number.isInteger(row) && row >= 0 && row < all.length))
      if (odd !== undefined || rows.length === 0)
        throw new RankineError("argument", `a cache of ${all.length} rows has no row ${odd ?? "to copy"}`)
      const copies: Row[] = []
      for (const row of rows) copies.push(await copied(all[row]!))
      return new Cache(copies)
    },
    loadAdapter() {
      throw new RankineError("argument", "an exported graph has no slots for adapters: load the safetensors")
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

async function released(rows: readonly Row[]): Promise<void> {
  await Promise.all(rows.map(({ held }) => held?.release()))
}

function feedsOf(session: OnnxSession, ids: readonly number[], before: number): Record<string, Tensor> {
  const all = before + ids.length
  const values: Record<string, readonly number[]> = {
    input_ids: ids,
    attention_mask: new Array<number>(all).fill(1),
    position_ids: ids.map((_, index) => before + index),
  }
  const feeds: Record<string, Tensor> = {}
  for (const { name, type } of session.inputs) {
    const numbers = values[name]
    if (!numbers) continue
    const dims = [1, numbers.length]
    feeds[name] =
      type === "int32"
        ? tensor("int32", Int32Array.from(numbers), dims)
        : tensor("int64", BigInt64Array.from(numbers, BigInt), dims)
  }
  return feeds
}

function namesOf({ inputs, outputs }: OnnxSession): Names {
  const past: string[] = []
  const writes: Record<string, string> = {}
  for (const { name, dims } of inputs) {
    if (["input_ids", "attention_mask", "position_ids"].includes(name)) continue
    const present = name.replace(/^past_key_values\./, "present.")
    const isPast = present !== name && outputs.some((output) => output.name === present)
    if (!isPast || dims.length !== 4 || typeof dims[1] !== "number" || typeof dims[3] !== "number")
      throw new RankineError(
        "model",
        `the graph's input ${name} is not one of a decoder with a cache: export the model with past_key_values, or use its safetensors`,
      )
    past.push(name)
    writes[present] = name
  }
  if (past.length === 0 || !outputs.some(({ name }) => name === "logits"))
    throw new RankineError(
      "model",
      "the graph has no cache or no output logits: export the model for text generation with past, or use its safetensors",
    )
  return { past, writes }
}
