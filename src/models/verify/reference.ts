/** A model's pinned behaviour: reference.safetensors and reference.json. @module */
import { stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { RankineError } from "../../core/errors.js"
import { type Checkpoint, openSafetensors } from "../checkpoint/safetensors.js"
import { readModelJson } from "../model-files.js"
import type { TrainingBatch } from "../training-graph/index.js"

/** Where a model's reference and its adapter lie. */
export interface ReferencePlaces {
  readonly tensors: string
  readonly numbers: string
  readonly adapter: string
}

/** Beside the model: in its folder, or for a GGUF file under the file's own name. */
export function placesOf(path: string): ReferencePlaces {
  const file = path.endsWith(".gguf")
  const folder = file ? dirname(path) : path
  const lead = file ? `${basename(path, ".gguf")}.` : ""
  const at = (name: string) => join(folder, lead + name)
  return { tensors: at("reference.safetensors"), numbers: at("reference.json"), adapter: at("adapter") }
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/** An opened reference. Every reader throws `data` naming tensor and file where one is missing or has another shape. */
export interface Reference {
  readonly batch: TrainingBatch
  /** The loss with the adapter, where the reference tells of one. */
  readonly loss: number | undefined
  /** There are gradients to compare. */
  readonly hasAdapter: boolean
  /** Names of the tensors with gradients, without `grad.`. */
  readonly trained: readonly string[]
  readonly path: string
  /** The largest absolute logit. */
  largestLogit(): Promise<number>
  read(name: string, length: number): Promise<Float32Array>
}

const GRADIENT = "grad."

/** Opens what `make_reference.py` or `writeReference` wrote. */
export async function openReference({ tensors: path, numbers }: ReferencePlaces): Promise<Reference> {
  const file = await openSafetensors(path)
  const tokens = shapeOf(file, path, "input_ids")
  const [rows, length] = tokens
  if (tokens.length !== 2 || !rows || !length)
    throw malformed(path, `tensor input_ids has shape [${tokens}], not [batch, length]`)
  const integers = async (name: string, shape: readonly number[]) =>
    Int32Array.from(await readShaped(file, path, name, shape))
  const decoder = file.tensors.get("decoder_input_ids")?.shape
  if (decoder && (decoder.length !== 2 || decoder[0] !== rows))
    throw malformed(path, `tensor decoder_input_ids has shape [${decoder}], not [${rows}, steps]`)
  const labels = file.tensors.get("labels")
  const steps = decoder?.[1]
  const batch: TrainingBatch = {
    rows,
    length,
    inputIds: await integers("input_ids", [rows, length]),
    attentionMask: await integers("attention_mask", [rows, length]),
    ...(labels ? { labels: await file.read("labels") } : {}),
    ...(decoder && steps ? { decoderInputIds: await integers("decoder_input_ids", decoder), steps } : {}),
  }
  const trained = [...file.tensors.keys()].filter((name) => name.startsWith(GRADIENT))
  return {
    batch,
    loss: await lossOf(numbers, file),
    hasAdapter: trained.length > 0 || file.tensors.has("adapter_logits"),
    trained: trained.map((name) => name.slice(GRADIENT.length)),
    path,
    largestLogit: async () =>
      (await file.read("logits")).reduce((largest, logit) => Math.max(largest, Math.abs(logit)), 0),
    async read(name, length) {
      const shape = shapeOf(file, path, name)
      const count = shape.reduce((product, size) => product * size, 1)
      if (count !== length)
        throw malformed(path, `tensor ${name} has shape [${shape.join(", ")}], where the model gives ${length} numbers`)
      return file.read(name)
    },
  }
}

/** In reference.json; in the header of the tensors where the folder has another file of that name. */
async function lossOf(numbers: string, file: Checkpoint): Promise<number | undefined> {
  const json = await readModelJson(dirname(numbers), basename(numbers))
  if (typeof json?.loss === "number") return json.loss
  const kept = Number(file.metadata.loss ?? Number.NaN)
  return Number.isNaN(kept) ? undefined : kept
}

function shapeOf(file: Checkpoint, path: string, name: string): readonly number[] {
  const info = file.tensors.get(name)
  if (info) return info.shape
  throw malformed(path, `there is no tensor ${name}`)
}

async function readShaped(
  file: Checkpoint,
  path: string,
  name: string,
  expected: readonly number[],
): Promise<Float32Array> {
  const shape = shapeOf(file, path, name)
  if (shape.length !== expected.length || shape.some((size, axis) => size !== expected[axis]))
    throw malformed(path, `tensor ${name} has shape [${shape.join(", ")}] where [${expected.join(", ")}] is needed`)
  return file.read(name)
}

function malformed(path: string, what: string): RankineError {
  return new RankineError("data", `${path}: ${what}; make the reference again`)
}
