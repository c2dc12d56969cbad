/** Tensors that stay in the worker between the runs of a session, so that they are not sent with each. @module */
import { RankineError } from "../core/errors.js"
import { byteLength } from "./data-type.js"
import type { Resident, WorkerPool } from "./pool.js"
import { checkTensor, copyElements, type Tensor, type TensorType } from "./tensor.js"
import type { ValueInfo } from "./value-info.js"

/** A tensor to send, or the type and sizes of one that begins with zeros and is never sent. */
export type ToHold = Tensor | { readonly type: TensorType; readonly dims: readonly number[]; readonly data?: undefined }

export interface HoldOptions {
  /** Outputs that are written into the memory of an input of the same type and sizes, as those of a cache. */
  readonly writes?: Readonly<Record<string, string>>
  /** Made again together with the model where a worker was lost: for what runs do not change. */
  readonly durable?: boolean
}

/** Messages that make the durable ones again, by their numbers. */
export type DurableTensors = Map<number, { readonly kind: "hold"; readonly [key: string]: unknown }>

/** Elements to copy: so many from a place of each tensor to a place of its namesake. */
export type Piece = readonly [from: number, to: number, length: number]

/** Tensors in the worker; they are lost with it, after which runs fail with `model`. */
export interface HeldTensors {
  readonly bundle: number
  readonly names: readonly string[]
  readonly bytes: number
  /** Rows `from` to `to` along the first axis; all where it is left out. */
  readonly rows?: readonly [from: number, to: number] | undefined
  /** The same memory, of which a run sees only these rows along the first axis. */
  slice(from: number, to: number): HeldTensors
  /** Copies pieces of each of these tensors into their namesakes in `target`. */
  copyTo(target: HeldTensors, pieces: readonly Piece[]): Promise<void>
  /** Gives the memory back after the runs that have begun. Slices are gone with it. */
  release(): Promise<void>
}

/** The method `hold` of a session. */
export function heldBy(
  pool: WorkerPool,
  resident: Resident,
  inputs: readonly ValueInfo[],
  outputs: readonly string[],
  durables: DurableTensors,
): (tensors: Readonly<Record<string, ToHold>>, options?: HoldOptions) => Promise<HeldTensors> {
  return async (given, { writes = {}, durable = false } = {}) => {
    if (resident.workers > 1)
      throw new RankineError("argument", "a session in several workers cannot hold tensors: ask for one worker")
    for (const [name, tensor] of Object.entries(given)) checkHeld(name, tensor, inputs)
    for (const [output, input] of Object.entries(writes))
      if (!outputs.includes(output) || !Object.hasOwn(given, input))
        throw new RankineError("argument", `output ${output} cannot be written into ${input}: one of them is not there`)
    const call = async (message: { kind: string; [key: string]: unknown }) => {
      await pool.submit(resident, (thread) => thread.call<null>(message))
    }
    const bundle = pool.nextId()
    const tensors = Object.fromEntries(
      Object.entries(given).map(([name, tensor]) => {
        const { type, dims } = tensor
        return [name, tensor.data ? { type, dims, data: copyElements(tensor) } : { type, dims }]
      }),
    )
    const message = { kind: "hold", session: resident.id, bundle, tensors, writes } as const
    await call(message)
    if (durable) durables.set(bundle, message)
    let released: Promise<void> | undefined
    const free = async () => {
      durables.delete(bundle)
      // A session that is disposed of has freed them itself.
      await call({ kind: "free", bundle }).catch(() => {})
    }
    const common = {
      bundle,
      names: Object.keys(given),
      bytes: Object.values(given).reduce((sum, { type, dims }) => sum + byteLength(type, dims), 0),
      slice: (from: number, to: number): HeldTensors => ({ ...common, rows: [from, to] }),
      copyTo: (target: HeldTensors, pieces: readonly Piece[]) =>
        call({ kind: "move", from: bundle, to: target.bundle, pieces }),
      release: () => (released ??= free()),
    }
    return common
  }
}

function checkHeld(name: string, tensor: ToHold, inputs: readonly ValueInfo[]): void {
  const input = inputs.find((each) => each.name === name)
  if (!input)
    throw new RankineError(
      "argument",
      `the model has no input ${name}; it has ${inputs.map((each) => each.name).join(", ")}`,
    )
  if (tensor.type !== input.type)
    throw new RankineError("argument", `input ${name} must be ${input.type}, got ${tensor.type}`)
  if (tensor.data) checkTensor(tensor, `input ${name}`)
  const fits =
    input.dims.length === tensor.dims.length &&
    input.dims.every((size, axis) => typeof size === "string" || size === tensor.dims[axis])
  if (!fits)
    throw new RankineError(
      "argument",
      `input ${name} must have sizes [${input.dims.join(", ")}], got [${tensor.dims.join(", ")}]`,
    )
}
