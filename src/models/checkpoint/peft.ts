/** Reads folders of PEFT's LoRA adapters. @module */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import { RankineError } from "../../core/errors.js"
import { readModelJson } from "../model-files.js"
import { type PeftConfig, parsePeftConfig, peftRank, peftScale } from "./peft-config.js"
import { type Checkpoint, openSafetensors } from "./safetensors.js"
import type { TensorType } from "./tensor-type.js"

/** Element types of an adapter's matrices in its file. F64 is rounded to float32 on reading. */
export type PeftFloat = "F32" | "F16" | "BF16" | "F64"

/** `y = W x + scale · B (A x)` */
export interface PeftLayer {
  /** [rank, inputs] */
  readonly a: Float32Array
  /** [outputs, rank] */
  readonly b: Float32Array
  readonly rank: number
  readonly inputs: number
  readonly outputs: number
  readonly scale: number
  /** What the file keeps them as. Default F32. */
  readonly dtype?: PeftFloat
}

/** A tensor that replaces one of the base. */
export interface PeftTensor {
  readonly dtype: TensorType
  readonly shape: readonly number[]
  /** Little-endian, row by row. */
  readonly bytes: Uint8Array
}

export interface PeftAdapter {
  readonly config: PeftConfig
  /** By the names of modules in the base: `model.layers.0.self_attn.q_proj`. */
  readonly layers: ReadonlyMap<string, PeftLayer>
  /** Weights that were trained whole (`modules_to_save`, biases), by their names in the base: `score.weight`. Applied instead of the base's. */
  readonly saved: ReadonlyMap<string, PeftTensor>
  /** The header's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>
}

export const CONFIG_FILE = "adapter_config.json"
export const WEIGHTS_FILE = "adapter_model.safetensors"
/** Before every name in the file. */
export const PREFIX = "base_model.model."

/**
 * Reads an adapter's folder: adapter_config.json and adapter_model.safetensors.
 * @throws RankineError `not-found` where a file is missing; `model` for variants that are not plain LoRA (DoRA, adapters of embeddings or
 *   convolutions ...), naming them; `data` naming tensor and file for shapes that do not fit, halves without the other, ranks that the
 *   configuration does not give
 * @see https://huggingface.co/docs/peft/developer_guides/checkpoint
 * @example
 * const adapter = await openPeftAdapter("my-adapter")
 * adapter.layers.get("model.layers.0.self_attn.q_proj")?.scale // lora_alpha / r
 */
export async function openPeftAdapter(folder: string): Promise<PeftAdapter> {
  const raw = await readModelJson(folder, CONFIG_FILE)
  if (!raw) throw missing(folder, CONFIG_FILE)
  const config = parsePeftConfig(raw, join(folder, CONFIG_FILE))
  const path = join(folder, WEIGHTS_FILE)
  if (!(await exists(path))) throw missing(folder, WEIGHTS_FILE, await exists(join(folder, "adapter_model.bin")))
  const checkpoint = await openSafetensors(path)
  const modules = new Set<string>()
  const saved = new Map<string, PeftTensor>()
  for (const [stored, { dtype, shape }] of checkpoint.tensors) {
    const name = stored.startsWith(PREFIX) ? stored.slice(PREFIX.length) : undefined
    if (name === undefined) throw malformed(path, `tensor ${stored} does not begin with ${PREFIX}`)
    const [, module, half] = /^(.+)\.lora_([AB])\.weight$/.exec(name) ?? []
    if (module !== undefined && half !== undefined) modules.add(module)
    else if (/\.lora_/.test(name) || !/\.(weight|bias)$/.test(name))
      throw new RankineError("model", `${path}: tensor ${stored} is no part of plain LoRA, which alone is supported`)
    else saved.set(name, { dtype: dtype as TensorType, shape, bytes: await checkpoint.readRaw(stored) })
  }
  const layers = new Map<string, PeftLayer>()
  for (const module of modules) layers.set(module, await layerOf(checkpoint, path, config, module))
  return { config, layers, saved, metadata: checkpoint.metadata }
}

async function layerOf(checkpoint: Checkpoint, path: string, config: PeftConfig, module: string): Promise<PeftLayer> {
  const [nameA, nameB] = [`${PREFIX}${module}.lora_A.weight`, `${PREFIX}${module}.lora_B.weight`]
  const infoA = checkpoint.tensors.get(nameA)
  const infoB = checkpoint.tensors.get(nameB)
  if (!infoA || !infoB)
    throw malformed(path, `tensor ${infoA ? nameA : nameB} is there without ${infoA ? nameB : nameA}`)
  for (const [name, { shape, dtype }] of [
    [nameA, infoA],
    [nameB, infoB],
  ] as const) {
    if (shape.length !== 2)
      throw new RankineError(
        "model",
        `${path}: tensor ${name} has shape [${shape}], where adapters of matrices are supported`,
      )
    if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16" && dtype !== "F64")
      throw malformed(path, `tensor ${name} is ${dtype}, where F32, F16, BF16 and F64 are read`)
  }
  const [rank, inputs] = infoA.shape as [number, number]
  const [outputs, columns] = infoB.shape as [number, number]
  const wanted = peftRank(config, module)
  if (columns !== rank || rank !== wanted)
    throw malformed(
      path,
      `${module} has A [${infoA.shape}] and B [${infoB.shape}], where ${CONFIG_FILE} gives it the rank ${wanted}`,
    )
  if (infoA.dtype !== infoB.dtype) throw malformed(path, `${module} has A in ${infoA.dtype} and B in ${infoB.dtype}`)
  return {
    a: await checkpoint.read(nameA),
    b: await checkpoint.read(nameB),
    rank,
    inputs,
    outputs,
    scale: peftScale(config, module, rank),
    dtype: infoA.dtype as PeftFloat,
  }
}

function missing(folder: string, name: string, pickled = false): RankineError {
  const why = pickled
    ? "adapter_model.bin is not read, since loading it can run code: save the adapter as safetensors"
    : "give the folder that PEFT's save_pretrained wrote"
  return new RankineError("not-found", `${join(folder, name)} is missing: ${why}`, { details: { folder } })
}

function malformed(path: string, what: string): RankineError {
  return new RankineError("data", `${path}: ${what}; save the adapter again`)
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
