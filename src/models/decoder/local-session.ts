/** A decoder whose graph is loaded, as others use it. @module */
import { RankineError } from "../../core/errors.js"
import type { HeldTensors } from "../../onnx/held-tensors.js"
import { holdAdapter } from "./adapter.js"
import { MASK } from "./build.js"
import { bytesPerToken, Cache, type CacheForm, hold } from "./cache.js"
import { checkRows } from "./check-rows.js"
import { planRuns, planSuffixes, type Run, roomOf, TOKENS_PER_RUN } from "./plan.js"
import { placesOf, type Reading, readRun } from "./read.js"
import type { DecoderAdapter, DecoderReading, DecoderSession, ReadOptions } from "./session.js"

/** What is known of a model beside its graph. */
type Identity = Pick<DecoderSession, "checksum" | "precision">

/** Throws `model` where the worker fails. */
export async function localSession(form: CacheForm, { checksum, precision }: Identity): Promise<DecoderSession> {
  const { session, config, contextLength } = form
  const nothing = await hold(form, 1, 0)
  const base = await holdAdapter(session, {})
  // The operator counts a window's width along a run, where suffixes side by side lie further from their beginning than they do in truth.
  const widths = config.windows.filter((width) => width > 0)
  const room = session.inputs.some(({ name }) => name === MASK) ? Math.min(contextLength, ...widths) : 0
  const adapters = new WeakMap<DecoderAdapter, HeldTensors>()
  const own = (cache: unknown): Cache => {
    if (cache instanceof Cache && cache.form.session === session) return cache
    throw new RankineError("argument", "the cache is of another model's session")
  }
  const heldOf = (adapter: DecoderAdapter | undefined): HeldTensors | undefined => {
    const held = adapter ? adapters.get(adapter) : base
    if (adapter && !held) throw new RankineError("argument", "the adapter is of another model's session")
    return held
  }

  const read = async (rows: readonly (readonly number[])[], options: ReadOptions = {}): Promise<DecoderReading> => {
    const { cache: given, keep = true, logits = "last", adapter, signal } = options
    const cache = given && own(given)
    const counts = rows.map(({ length }) => length)
    const before = checkRows(rows, cache?.lengths, keep, config.vocabulary, contextLength)
    const places = placesOf(rows, logits)
    const reading: Reading = { session, rows, places, vocabulary: config.vocabulary, adapter: heldOf(adapter), signal }
    const found = rows.map((): Float32Array[] => [])
    const follow = async (runs: readonly Run[], held: (run: Run) => HeldTensors) => {
      // One after the other, so that what others run on the same worker comes in between.
      for (const run of runs)
        for (const { row, logits: numbers } of await readRun(reading, run, held(run))) found[row]!.push(numbers)
    }
    if (cache) {
      const runs =
        cache.lengths.length < rows.length ? planSuffixes(counts, before[0]!, room) : planRuns(counts, before)
      const longest = Math.max(...runs.map(roomOf))
      await cache.use(longest, (held) => follow(runs, ({ from, to }) => held.slice(from, to)))
      if (keep) cache.advance(counts)
    } else {
      const runs = planRuns(counts, before)
      // What is longer than a run needs what the runs before it left.
      const isLong = ({ parts: [part] }: Run) => counts[part!.row]! > TOKENS_PER_RUN
      await follow(
        runs.filter((run) => !isLong(run)),
        ({ from, to }) => nothing.slice(0, to - from),
      )
      const long = runs.filter(isLong)
      if (long.length > 0) {
        await using passing = new Cache(form, 1, 0)
        await passing.use(Math.max(...counts), (held) => follow(long, () => held))
      }
    }
    return { logits: found.map(joined) }
  }

  return {
    config,
    contextLength,
    checksum,
    precision,
    device: session.device,
    deviceReason: session.deviceReason,
    cacheBytesPerToken: bytesPerToken(form),
    read,
    async createCache(rows, capacity = 0) {
      if (!Number.isInteger(rows) || rows < 1)
        throw new RankineError("argument", `a cache needs a whole number of rows of at least 1, got ${rows}`)
      return new Cache(form, rows, Math.min(capacity, contextLength))
    },
    selectRows: (cache, rows, capacity = 0) => own(cache).select(rows, Math.min(capacity, contextLength)),
    async loadAdapter(tensors) {
      const held = await holdAdapter(session, tensors)
      if (!held)
        throw new RankineError("argument", "the model was loaded without slots for adapters: load it with `adapters`")
      const adapter: DecoderAdapter = { bytes: held.bytes, [Symbol.asyncDispose]: () => held.release() }
      adapters.set(adapter, held)
      return adapter
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
