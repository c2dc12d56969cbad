/** Sessions: a model loaded in worker threads, so that the main thread never waits for arithmetic. @module */
import { existsSync } from "node:fs"
import { basename, resolve } from "node:path"
import { RankineError } from "../core/errors.js"
import { type DurableTensors, type HeldTensors, type HoldOptions, heldBy, type ToHold } from "./held-tensors.js"
import { type Resident, sharedPool, type WorkerPool } from "./pool.js"
import {
  type Device,
  type DeviceChoice,
  type ResolvedSettings,
  resolveSettings,
  runtimeOptions,
  type SessionSettings,
} from "./settings.js"
import { checkTensor, copyElements, type Tensor } from "./tensor.js"
import type { ValueInfo } from "./value-info.js"
import type { WorkerThread } from "./worker-thread.js"

export type { ValueInfo } from "./value-info.js"

export interface SessionOptions extends SessionSettings {
  /** Where the model runs; `auto` (the default) takes CUDA where it works, else the CPU. */
  readonly device?: DeviceChoice
  /** The workers to live in; by default those that all sessions share. */
  readonly pool?: WorkerPool
}

export interface SessionRunOptions {
  /**
   * The outputs to return; all by default. ONNX Runtime computes the others too: where that costs, make a session of a graph
   * without them (`withoutDeadCode`).
   */
  readonly outputs?: readonly string[]
  /** Ends the wait at once. A run that has not begun is dropped; one that has begun finishes unheard. */
  readonly signal?: AbortSignal
  /** Hand the arrays of the feeds over instead of copying them; they are empty afterwards. */
  readonly transfer?: boolean
  /** Tensors held in the worker that are inputs of this run, and whose outputs are written in place. */
  readonly held?: readonly HeldTensors[]
  /** Held tensors that are inputs only. */
  readonly from?: readonly HeldTensors[]
  /** Held tensors that outputs are written into, and that are no inputs: of exactly the outputs' sizes. */
  readonly into?: readonly HeldTensors[]
}

/** A model that is ready to run. Runs may be started side by side: they queue. */
export interface OnnxSession extends AsyncDisposable {
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly device: Device
  /** Why it runs there. */
  readonly deviceReason: string
  readonly settings: ResolvedSettings
  /**
   * Runs the model. Throws `argument` when the feeds do not fit the model's inputs, `model` when the run fails or its worker
   * ends (the next run starts a new one), `aborted` when the signal fires.
   */
  run(feeds: Readonly<Record<string, Tensor>>, options?: SessionRunOptions): Promise<Record<string, Tensor>>
  /**
   * Keeps tensors in the worker, by the names of the inputs that they are for, until they are released: a cache, an adapter.
   * Throws `argument` for what does not fit the model's inputs, and for a session in several workers, which share no memory.
   */
  hold(tensors: Readonly<Record<string, ToHold>>, options?: HoldOptions): Promise<HeldTensors>
  /**
   * Gives the model's memory back, after the runs that have begun. On Linux the C library may keep a few percent of it for
   * later; a program that loads hundreds of models one after another sets MALLOC_MMAP_THRESHOLD_=131072 in its environment.
   */
  [Symbol.asyncDispose](): Promise<void>
}

interface Metadata {
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
}

/** An ONNX model: the path of a file, the bytes of a graph, or what makes these bytes whenever they are needed. */
export type ModelSource = Uint8Array | string | (() => Promise<Uint8Array>)

/**
 * Loads an ONNX model into worker threads; the weights of a graph given as bytes may lie in files of `externalData`. The
 * bytes are kept, to load them again should a worker be lost: give large models by path, or as what makes them.
 * Throws `dependency` where onnxruntime-node or the device asked for is missing, `not-found` for a path that does not exist,
 * and `model` for a model that ONNX Runtime refuses.
 */
export async function createSession(model: ModelSource, options: SessionOptions = {}): Promise<OnnxSession> {
  const { device: choice = "auto", pool = sharedPool(), ...given } = options
  const settings = resolveSettings(given)
  const source = typeof model === "string" ? resolve(model) : model
  for (const path of [typeof source === "string" ? source : "", settings.externalData])
    if (path && !existsSync(path))
      throw new RankineError("not-found", `there is no ${path}: check the path of the model`)

  const chosen = await pool.device(choice)
  try {
    return await load(source, settings, chosen.device, chosen.reason, pool)
  } catch (thrown) {
    if (choice !== "auto" || chosen.device === "cpu" || !(thrown instanceof RankineError) || thrown.code !== "model")
      throw thrown
    // Too little memory on the card, mostly.
    const reason = `auto: ${chosen.device} works, but not with this model (${thrown.message})`
    return load(source, settings, "cpu", reason, pool)
  }
}

async function load(
  source: ModelSource,
  settings: ResolvedSettings,
  device: Device,
  deviceReason: string,
  pool: WorkerPool,
): Promise<OnnxSession> {
  const name = typeof source === "string" ? basename(source) : "the model"
  const options = runtimeOptions(settings, device)
  const durables: DurableTensors = new Map()
  let metadata: Metadata | undefined
  const resident: Resident = {
    id: pool.nextId(),
    workers: settings.workers,
    async load(thread: WorkerThread) {
      const made = typeof source === "function" ? await source() : source
      // What was made for this one load is handed over; what others hold is copied.
      const bytes = typeof made === "string" || made !== source ? made : new Uint8Array(made)
      const message = { kind: "create", session: resident.id, model: bytes, options }
      try {
        metadata = await thread.call<Metadata>(message, typeof bytes === "string" ? [] : [bytes.buffer as ArrayBuffer])
          .reply
      } catch (thrown) {
        if (!(thrown instanceof RankineError) || thrown.code !== "model") throw thrown
        throw new RankineError("model", `${name} could not be loaded: ${thrown.message}`, { cause: thrown })
      }
      for (const held of durables.values()) await thread.call<null>(held).reply
    },
  }
  await pool.add(resident)
  const { inputs, outputs } = metadata!
  const outputNames = outputs.map((output) => output.name)

  return {
    inputs,
    outputs,
    device,
    deviceReason,
    settings,
    hold: heldBy(pool, resident, inputs, outputNames, durables),
    async run(
      feeds,
      { outputs: wanted = outputNames, signal, transfer = false, held = [], from = [], into = [] } = {},
    ) {
      const kept = new Set([...held, ...from].flatMap(({ names }) => names))
      checkFeeds(
        feeds,
        inputs.filter(({ name: input }) => !kept.has(input)),
      )
      const unknown = wanted.find((output) => !outputNames.includes(output))
      if (unknown !== undefined || (wanted.length === 0 && held.length === 0 && into.length === 0))
        throw new RankineError(
          "argument",
          `the model has no output ${unknown ?? "to give"}; it has ${outputNames.join(", ")}`,
        )
      const buffers = new Set<ArrayBuffer>()
      const moved: Record<string, Tensor> = {}
      for (const [input, given] of Object.entries(feeds)) {
        const { buffer, byteLength } = given.data
        // A view of a part must be copied: moving its buffer would take the rest along.
        const whole =
          transfer && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer && !buffers.has(buffer)
        const data = whole ? given.data : copyElements(given)
        buffers.add(data.buffer as ArrayBuffer)
        moved[input] = { type: given.type, dims: given.dims, data } as Tensor
      }
      const used = (list: readonly HeldTensors[], reads: boolean, writes: boolean) =>
        list.map(({ bundle, rows }) => ({ bundle, rows, reads, writes }))
      const bundles = [...used(held, true, true), ...used(from, true, false), ...used(into, false, true)]
      return pool.submit(
        resident,
        (thread) =>
          thread.call<Record<string, Tensor>>(
            { kind: "run", session: resident.id, feeds: moved, outputs: wanted, options: {}, bundles },
            [...buffers],
          ),
        signal,
      )
    },
    [Symbol.asyncDispose]: () => pool.remove(resident),
  }
}

/** Throws `argument` with what is wrong where ONNX Runtime would speak of indices. */
function checkFeeds(feeds: Readonly<Record<string, Tensor>>, inputs: readonly ValueInfo[]): void {
  const names = inputs.map(({ name }) => name)
  const unknown = Object.keys(feeds).find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new RankineError("argument", `the model has no input ${unknown}; it has ${names.join(", ")}`)
  for (const { name, type, dims } of inputs) {
    const given = feeds[name]
    if (!given) throw new RankineError("argument", `input ${name} is missing; the model takes ${names.join(", ")}`)
    checkTensor(given, `input ${name}`)
    if (given.type !== type) throw new RankineError("argument", `input ${name} must be ${type}, got ${given.type}`)
    // No sizes are named for a scalar, and for an input of any rank: ONNX Runtime tells the two apart itself.
    const fits =
      dims.length === 0 ||
      (dims.length === given.dims.length &&
        dims.every((size, axis) => typeof size === "string" || size === given.dims[axis]))
    if (!fits)
      throw new RankineError(
        "argument",
        `input ${name} must have sizes [${dims.join(", ")}], got [${given.dims.join(", ")}]`,
      )
  }
}
