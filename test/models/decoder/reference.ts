import { existsSync } from "node:fs"
import { join } from "node:path"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { type DecoderSource, openDecoder } from "../../../src/models/decoder/open.js"
import { loraInputs } from "../../../src/models/encoder/adapter-slot.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"
import { installed } from "../encoder/reference.js"

/** A folder with safetensors. */
export async function openFolder(folder: string): Promise<DecoderSource> {
  const opened = await openDecoder(folder)
  if ("graph" in opened) throw new Error(`${folder} holds a graph`)
  return opened
}

export const shared = join(import.meta.dirname, "../../../../shared/models")
export const tiny = join(shared, "tiny")
export const families = ["llama", "llama3-rope", "mistral-window", "qwen2", "qwen3", "gemma3"]
export const missing = !existsSync(tiny) || !installed("onnxruntime-node")

export interface Reference {
  /** Without padding. */
  readonly rows: readonly (readonly number[])[]
  /** Of each row's tokens, [tokens, vocabulary]. */
  readonly logits: readonly Float32Array[]
  readonly adapterLogits: readonly Float32Array[]
  /** With padding on the right. */
  readonly ids: Int32Array
  readonly mask: Int32Array
  readonly dims: readonly number[]
  readonly vocabulary: number
}

/** What torch computed of a miniature, in float64. */
export async function reference(folder: string): Promise<Reference> {
  const file = await openSafetensors(join(folder, "reference.safetensors"))
  const dims = file.tensors.get("input_ids")!.shape
  const [batch, length] = dims as [number, number]
  const vocabulary = file.tensors.get("logits")!.shape[2]!
  const ids = Int32Array.from(await file.read("input_ids"))
  const mask = Int32Array.from(await file.read("attention_mask"))
  const counts = Array.from({ length: batch }, (_, row) =>
    mask.subarray(row * length, (row + 1) * length).reduce((sum, one) => sum + one, 0),
  )
  const real = (values: Float32Array, width: number) =>
    counts.map((count, row) => values.slice(row * length * width, (row * length + count) * width))
  return {
    rows: counts.map((count, row) => [...ids.subarray(row * length, row * length + count)]),
    logits: real(await file.read("logits"), vocabulary),
    adapterLogits: real(await file.read("adapter_logits"), vocabulary),
    ids,
    mask,
    dims,
    vocabulary,
  }
}

/** The adapter beside a miniature as inputs of a graph with LoRA slots; alpha / rank is 8 / 4. */
export async function lora(folder: string): Promise<Record<string, Tensor>> {
  const file = await openSafetensors(join(folder, "adapter/adapter_model.safetensors"))
  const tensors: Record<string, Tensor> = {}
  for (const [stored, { shape }] of file.tensors) {
    const name = stored.replace("base_model.model.", "")
    tensors[name] = tensor("float32", await file.read(stored), shape)
    tensors[loraInputs(name.replace(/\.lora_[AB]\.weight$/, "")).scale] = tensor("float32", Float32Array.of(2), [])
  }
  return tensors
}

/** Throws where the two differ in length, which no difference can say. */
export function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  if (a.length !== b.length) throw new Error(`${a.length} rows against ${b.length}`)
  let largest = 0
  for (const [row, values] of a.entries()) {
    const others = b[row]!
    if (values.length !== others.length)
      throw new Error(`row ${row}: ${values.length} numbers against ${others.length}`)
    for (const [index, value] of values.entries()) {
      const difference = Math.abs(value - others[index]!)
      // NaN must not pass for small.
      if (!(difference <= largest)) largest = difference
    }
  }
  return largest
}
