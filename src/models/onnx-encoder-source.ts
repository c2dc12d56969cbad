/** Where an encoder's graph comes from: built from safetensors, or exported. @module */
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { RankineError } from "../core/errors.js"
import type { SessionOptions } from "../onnx/session.js"
import { type Checkpoint, openSafetensors } from "./checkpoint/safetensors.js"
import type { AttentionForm } from "./encoder/attention-form.js"
import { buildEncoder, type EncoderOutput } from "./encoder/build.js"
import { checksumIn, choosePrecision } from "./encoder/choose-precision.js"
import { encoderTypes, isEncoderFamily, readEncoderConfig } from "./encoder/config.js"
import type { Precision } from "./encoder/precision.js"
import { checkMemory, type MemoryOptions } from "./memory-budget.js"
import { readModelJson } from "./model-files.js"
import { findOnnx, type ImportedEncoder, importEncoder } from "./onnx-encoder.js"
import { type OnnxChoice, type OnnxPrecision, onnxFileNames } from "./onnx-files.js"

export interface SourceOptions extends OnnxChoice, MemoryOptions {
  readonly attention: AttentionForm
  readonly precision: Precision | undefined
}

export interface EncoderSource extends ImportedEncoder {
  readonly precision: Precision
}

/** The export that stands for a precision of ours, and the other way round. */
const exportOf: Readonly<Record<Precision, OnnxPrecision>> = {
  fp32: "fp32",
  fp16: "fp16",
  int8: "q8",
  "int8-weights": "q8",
  "int4-weights": "q4",
}
const precisionOf: Readonly<Record<OnnxPrecision, Precision>> = {
  fp32: "fp32",
  fp16: "fp16",
  int8: "int8",
  uint8: "int8",
  q8: "int8",
  q4: "int4-weights",
  q4f16: "int4-weights",
  bnb4: "int4-weights",
}

/** Bits of a stored weight. */
const storedBits: Readonly<Record<string, number>> = { F64: 64, F32: 32, F16: 16, BF16: 16, I8: 8, U8: 8 }

/** Bits of a weight in memory; a CPU computes with halves as float32. */
const bits: Readonly<Record<Precision, number>> = {
  fp32: 32,
  fp16: 32,
  int8: 8,
  "int8-weights": 8,
  "int4-weights": 4,
}

/**
 * The graph of an encoder. Where a folder has both safetensors and an export, the safetensors of an architecture that is known here win:
 * the same numbers, faster. `weights`, `file` and `onnxPrecision` choose otherwise.
 *
 * @throws RankineError `not-found` for missing files, `data` for malformed ones, `model` for what is not supported or does not fit into memory
 */
export async function encoderSource(
  folder: string,
  output: EncoderOutput,
  options: SourceOptions,
  session: SessionOptions,
): Promise<EncoderSource> {
  const copies = session.workers ?? 1
  const memory = options.availableMemory === undefined ? {} : { availableMemory: options.availableMemory }
  const onnxPrecision = options.onnxPrecision ?? exportOf[options.precision ?? "fp32"]
  const onnx = (await prefersOnnx(folder, options)) ? await findOnnx(folder, { ...options, onnxPrecision }) : undefined
  if (onnx !== undefined) {
    await checkMemory([onnx], { ...memory, copies })
    return { ...(await importEncoder(folder, onnx, output)), precision: precisionOf[onnxPrecision] }
  }
  if (wantsOnnx(options) || !(await isBuiltHere(folder))) throw await missing(folder, { ...options, onnxPrecision })
  const config = await readEncoderConfig(folder)
  const checkpoint = await openSafetensors(folder)
  const chosen = await choosePrecision(options.precision, checkpoint, session)
  const { precision } = chosen
  await checkMemory(checkpoint.files, { ...memory, copies, growth: bits[precision] / bitsOf(checkpoint) })
  const built = await buildEncoder(config, checkpoint, output, { form: options.attention, ...chosen })
  return { ...built, config, precision, checksum: await checksumIn(precision, checkpoint) }
}

/** Bits of the type that most of a checkpoint is in. */
function bitsOf({ tensors }: Checkpoint): number {
  const bytes = new Map<string, number>()
  for (const { dtype, length } of tensors.values()) bytes.set(dtype, (bytes.get(dtype) ?? 0) + length)
  const [most] = [...bytes].sort(([, a], [, b]) => b - a)
  return storedBits[most?.[0] ?? "F32"] ?? 32
}

function wantsOnnx({ weights, file, onnxPrecision }: OnnxChoice): boolean {
  return weights === "onnx" || (weights !== "safetensors" && (file !== undefined || onnxPrecision !== undefined))
}

async function prefersOnnx(folder: string, choice: OnnxChoice): Promise<boolean> {
  if (wantsOnnx(choice)) return true
  return choice.weights !== "safetensors" && !((await isBuiltHere(folder)) && (await hasSafetensors(folder)))
}

/** A folder without config.json is left to the error that says so. */
async function isBuiltHere(folder: string): Promise<boolean> {
  const config = await readModelJson(folder, "config.json")
  return config === undefined || isEncoderFamily(config.model_type)
}

async function hasSafetensors(folder: string): Promise<boolean> {
  for (const name of ["model.safetensors", "model.safetensors.index.json"])
    if (await stat(join(folder, name)).catch(() => undefined)) return true
  return false
}

async function missing(folder: string, choice: OnnxChoice): Promise<RankineError> {
  const lookedFor = onnxFileNames(choice)
  const { model_type: type } = (await readModelJson(folder, "config.json")) ?? {}
  const files = await readdir(folder, { recursive: true }).catch(() => [] as string[])
  const there = files.filter((name) => name.endsWith(".onnx"))
  const why = isEncoderFamily(type)
    ? ""
    : ` (the graph of a model_type ${JSON.stringify(type)} cannot be built from safetensors; ${encoderTypes.join(", ")} can)`
  return new RankineError(
    isEncoderFamily(type) || there.length > 0 ? "not-found" : "model",
    `${folder} has no ${lookedFor.join(" and no ")}${why}: ` +
      (there.length > 0
        ? `it has ${there.join(", ")}; choose one with onnxPrecision or file`
        : "copy the export from the model's repository"),
    { details: { folder, lookedFor, there } },
  )
}
