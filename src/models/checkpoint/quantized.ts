/**
 * Matrices of a checkpoint that are kept as 8-bit integers.
 *
 * Layout: matrix `W` [rows, columns] is of type I8 with values from -127 to 127, and beside it lies `W.scale`, F32 [rows]; the weight in
 * row r and column c is `W[r, c] · W.scale[r]`. Vectors, and matrices too small to matter, are as they were. The header's metadata says
 * `rankine.quantization: int8-rows`.
 * @module
 */
import { RankineError } from "../../core/errors.js"
import type { Checkpoint } from "./safetensors.js"

/** The key and value in the header's metadata of a checkpoint in this layout. */
export const QUANTIZATION_KEY = "rankine.quantization"
export const INT8_ROWS = "int8-rows"

/** The name of the tensor that holds the scales of a matrix. */
export function scaleNameOf(matrix: string): string {
  return `${matrix}.scale`
}

/** Some matrices of the checkpoint are 8-bit integers with scales. */
export function isQuantized(checkpoint: Checkpoint): boolean {
  return checkpoint.metadata[QUANTIZATION_KEY] !== undefined
}

/** The scales of an I8 matrix, one for each row. Throws `data` where they are missing or of another number. */
export async function readScales(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  checkScales(checkpoint, name)
  return checkpoint.read(scaleNameOf(name))
}

/** Throws `data` where an I8 matrix lacks its scales: integers alone are no weights. */
export function checkScales(checkpoint: Checkpoint, name: string): void {
  const rows = checkpoint.tensors.get(name)?.shape[0]
  const scale = checkpoint.tensors.get(scaleNameOf(name))
  if (scale?.dtype !== "F32" || scale.shape.length !== 1 || scale.shape[0] !== rows)
    throw new RankineError(
      "data",
      `weight ${name} is I8 without its scales ${scaleNameOf(name)} (F32 [${rows}]): quantise the model again`,
    )
}

/** The weights of a tensor as float32, those of I8 matrices multiplied by their scales. */
export async function readWeights(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  const info = checkpoint.tensors.get(name)
  const values = await checkpoint.read(name)
  if (info?.dtype !== "I8") return values
  const scales = await readScales(checkpoint, name)
  const columns = values.length / scales.length
  for (let row = 0, at = 0; row < scales.length; row++)
    for (const end = at + columns; at < end; at++) values[at] *= scales[row]
  return values
}
