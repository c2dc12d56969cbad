import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import type { EncoderRow } from "../../../src/models/encoder/load.js"

export const shared = join(import.meta.dirname, "../../../../shared/models")
export const tiny = join(shared, "tiny")
export const families = ["bert", "roberta", "xlm-roberta", "distilbert", "mpnet", "modernbert"]
export const missing = !existsSync(tiny) || !installed("onnxruntime-node")

export function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

/** The rows of a miniature's reference without their padding, and torch's logits for them. */
export async function reference(family: string): Promise<{ rows: EncoderRow[]; logits: number[] }> {
  const file = await openSafetensors(join(tiny, family, "reference.safetensors"))
  const [batch, length] = file.tensors.get("input_ids")!.shape
  const ids = await file.read("input_ids")
  const mask = await file.read("attention_mask")
  const rows = Array.from({ length: batch }, (_, row) => ({
    ids: [...ids.subarray(row * length, (row + 1) * length)].filter((_, place) => mask[row * length + place] === 1),
  }))
  return { rows, logits: [...(await file.read("logits"))] }
}

/** Throws where the two differ in length, which no difference can say. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers against ${b.length}`)
  return Math.max(...a.map((value, index) => Math.abs(value - b[index])))
}
