/** Rewrites a model's folder with its matrices as 8-bit integers. @module */
import { cp, mkdir, readdir, stat } from "node:fs/promises"
import { basename, join, relative, resolve } from "node:path"
import { RankineError } from "../../core/errors.js"
import { INT8_ROWS, isQuantized, QUANTIZATION_KEY, scaleNameOf } from "../checkpoint/quantized.js"
import { type Checkpoint, openSafetensors, type TensorInfo } from "../checkpoint/safetensors.js"
import { type TensorToWrite, writeSafetensors } from "../checkpoint/write-safetensors.js"
import { readSentenceTransformer } from "../sentence-transformer.js"
import { type QuantizedRows, quantizeRows } from "./rows.js"

export interface QuantizeOptions {
  /** Whether a matrix of float weights becomes integers. Default: both of its sizes are at least 32, which leaves out tables of token types and small heads. */
  readonly quantizes?: (name: string, shape: readonly number[]) => boolean
}

export interface QuantizedCheckpoint {
  /** Bytes of the weights before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Names of the matrices that became integers. */
  readonly quantized: readonly string[]
}

const SMALLEST = 32

/** Weights in other forms, which would say something else than the quantised ones or make the copy large. */
const otherWeights = /\.(safetensors|bin|h5|msgpack|ot|onnx|onnx_data|gguf|pt|pth|ckpt)$|\.safetensors\.index\.json$/i
/** Folders of exports for other runtimes. */
const otherFolders = new Set(["onnx", "openvino", "coreml", ".git", ".cache"])

/**
 * Writes a copy of a model's folder whose matrices are I8 with a scale for each row (`checkpoint/quantized.ts` has the layout): about a
 * quarter of the bytes of float32. Loaders read it as they read the original.
 *
 * @param folder a folder with safetensors, as `loadEmbedder` and `loadEncoder` take it
 * @param output a folder that has no weights yet; it is made
 * @throws RankineError `argument` where `output` has weights already or the model is quantised already, `not-found` and `data` as `openSafetensors`
 */
export async function quantizeCheckpoint(
  folder: string,
  output: string,
  options: QuantizeOptions = {},
): Promise<QuantizedCheckpoint> {
  const transformer = (await readSentenceTransformer(folder))?.transformer ?? folder
  const place = join(output, relative(folder, transformer))
  const checkpoint = await openSafetensors(transformer)
  if (isQuantized(checkpoint)) throw new RankineError("argument", `${folder} is quantised already: take the original`)
  if (resolve(folder) === resolve(output) || (await holdsWeights(place)))
    throw new RankineError("argument", `${place} holds weights already: give a folder that is empty or not there`)

  await mkdir(place, { recursive: true })
  await cp(folder, output, {
    recursive: true,
    dereference: true,
    filter: (path) => path === folder || !(otherWeights.test(path) || otherFolders.has(basename(path))),
  })
  const { quantizes = (_, shape) => Math.min(...shape) >= SMALLEST } = options
  const quantized: string[] = []
  const tensors: TensorToWrite[] = []
  for (const [name, info] of checkpoint.tensors) {
    const chosen = info.shape.length === 2 && isFloatType(info) && quantizes(name, info.shape)
    if (chosen) quantized.push(name)
    tensors.push(...(chosen ? asIntegers(checkpoint, name, info) : [unchanged(checkpoint, name, info)]))
  }
  const file = join(place, "model.safetensors")
  await writeSafetensors(file, tensors, { ...checkpoint.metadata, [QUANTIZATION_KEY]: INT8_ROWS })
  const sizes = await Promise.all([...checkpoint.files, file].map(async (path) => (await stat(path)).size))
  const bytesAfter = sizes.pop()!
  return { bytesBefore: sizes.reduce((sum, size) => sum + size, 0), bytesAfter, quantized }
}

function isFloatType({ dtype }: TensorInfo): boolean {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16"
}

function unchanged(checkpoint: Checkpoint, name: string, { dtype, shape }: TensorInfo): TensorToWrite {
  return { name, dtype, shape, bytes: () => checkpoint.readRaw(name) }
}

/** The scales are written first, since their elements are wider; they are found again when the turn of the integers comes. */
function asIntegers(checkpoint: Checkpoint, name: string, { shape }: TensorInfo): TensorToWrite[] {
  const [rows] = shape
  const work = async (): Promise<QuantizedRows> => quantizeRows(await checkpoint.read(name), rows)
  return [
    { name, dtype: "I8", shape, bytes: async () => new Uint8Array((await work()).codes.buffer) },
    {
      name: scaleNameOf(name),
      dtype: "F32",
      shape: [rows],
      bytes: async () => new Uint8Array((await work()).scales.buffer),
    },
  ]
}

async function holdsWeights(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => [] as string[])
  return names.some((name) => otherWeights.test(name))
}
