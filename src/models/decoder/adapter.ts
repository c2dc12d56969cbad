/** An adapter's tensors in the worker. @module */
import { RankineError } from "../../core/errors.js"
import type { HeldTensors, ToHold } from "../../onnx/held-tensors.js"
import type { OnnxSession } from "../../onnx/session.js"
import type { Tensor, TensorType } from "../../onnx/tensor.js"

const own = /^(input_ids|last|total|chosen|positions|mask|past\.\d+\.(key|value))$/

/**
 * Sends an adapter's tensors. What it leaves out is filled with zeros, which for a LoRA layer adds nothing: without tensors it is the model
 * itself. Undefined where the graph has no slots. Throws `argument` for tensors that the graph has no slot for.
 */
export async function holdAdapter(
  session: OnnxSession,
  tensors: Readonly<Record<string, Tensor>>,
): Promise<HeldTensors | undefined> {
  const slots = session.inputs.filter(({ name }) => !own.test(name))
  const odd = Object.keys(tensors).find((name) => !slots.some((slot) => slot.name === name))
  if (slots.length === 0) return undefined
  if (odd !== undefined)
    throw new RankineError(
      "argument",
      `the model has no slot ${odd} for an adapter's tensor; it has ${slots[0]!.name} ...`,
    )
  const ranks = new Map<string, number>()
  for (const { name, dims } of slots)
    for (const [axis, size] of dims.entries())
      if (typeof size === "string" && tensors[name]) ranks.set(size, tensors[name].dims[axis] ?? 1)
  const held: Record<string, ToHold> = {}
  for (const { name, type, dims } of slots) {
    const sizes = dims.map((size) => (typeof size === "number" ? size : (ranks.get(size) ?? 1)))
    held[name] = tensors[name] ?? { type: type as TensorType, dims: sizes }
  }
  return session.hold(held, { durable: true })
}
