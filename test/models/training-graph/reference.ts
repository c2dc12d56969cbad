/** What PyTorch computed of a miniature, as a training batch and an adapter. */
import { existsSync, readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { openPeftAdapter } from "../../../src/models/checkpoint/peft.js"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { loraInputs } from "../../../src/models/encoder/adapter-slot.js"
import type { AdapterTensors, TrainingBatch } from "../../../src/models/training-graph/index.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"
import { installed } from "../encoder/reference.js"

export const shared = join(import.meta.dirname, "../../../../shared/models")
export const tiny = join(shared, "tiny")
export const missing = !existsSync(tiny) || !installed("onnxruntime-node")
export const miniatures = missing ? [] : readdirSync(tiny).filter((name) => existsSync(join(tiny, name, "config.json")))

export interface Reference {
  readonly batch: TrainingBatch
  readonly adapter: AdapterTensors
  readonly modules: readonly string[]
  readonly logits: Float32Array
  readonly adapterLogits: Float32Array
  readonly loss: number
  gradient(input: string): Promise<Float32Array>
}

export async function reference(folder: string): Promise<Reference> {
  const file = await openSafetensors(join(folder, "reference.safetensors"))
  const [rows, length] = file.tensors.get("input_ids")!.shape as [number, number]
  const integers = async (name: string) => Int32Array.from(await file.read(name))
  const decoder = file.tensors.get("decoder_input_ids")
  const batch: TrainingBatch = {
    rows,
    length,
    inputIds: await integers("input_ids"),
    attentionMask: await integers("attention_mask"),
    labels: await file.read("labels"),
    ...(decoder ? { decoderInputIds: await integers("decoder_input_ids"), steps: decoder.shape[1]! } : {}),
  }
  const adapter: Record<string, Tensor> = {}
  const { layers } = await openPeftAdapter(join(folder, "adapter"))
  for (const [module, { a, b, rank, inputs, outputs, scale }] of layers) {
    const names = loraInputs(module)
    adapter[names.a] = tensor("float32", a, [rank, inputs])
    adapter[names.b] = tensor("float32", b, [outputs, rank])
    adapter[names.scale] = tensor("float32", Float32Array.of(scale), [])
  }
  return {
    batch,
    adapter,
    modules: [...layers.keys()],
    logits: await file.read("logits"),
    adapterLogits: await file.read("adapter_logits"),
    loss: JSON.parse(await readFile(join(folder, "reference.json"), "utf8")).loss,
    gradient: (input) => file.read(`grad.${input}`),
  }
}

/** Throws where the two differ in length; NaN is never small. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers against ${b.length}`)
  let largest = 0
  for (let index = 0; index < a.length; index++) {
    const difference = Math.abs(a[index]! - b[index]!)
    if (!(difference <= largest)) largest = difference
  }
  return largest
}

export const largest = (values: Float32Array): number => largestDifference(values, new Float32Array(values.length))
