/** Element types of tensors in a file, and their values as numbers. @module */
import { RankineError } from "../../core/errors.js"
import { toHalf } from "../../onnx/data-type.js"
import type { BlockType } from "./block-type.js"

/** Element types of the safetensors format whose size is a whole number of bytes. */
export type TensorType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "F8_E4M3"
  | "F8_E5M2"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL"

/** Where a tensor lies: `offset` and `length` in bytes, from the beginning of `file`. */
export interface TensorInfo<Type extends TensorType | BlockType = TensorType | BlockType> {
  /** Block types are in GGUF files only. */
  readonly dtype: Type
  readonly shape: readonly number[]
  /** Absolute path, links resolved. */
  readonly file: string
  readonly offset: number
  readonly length: number
  /** False where `read` and `readRaw` change what the file holds (another order of rows): then the file's bytes are not the tensor. */
  readonly inPlace?: false
}

/** Bytes of one element. */
export const tensorTypeBytes: Readonly<Record<TensorType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
}

/**
 * The values of little-endian `bytes` as float32. Wider types are rounded to the nearest float32; integers keep their value, unscaled.
 * @throws RankineError `data` for the 8-bit floats, whose meaning depends on a scale kept elsewhere
 */
export function toFloat32(bytes: Uint8Array, type: TensorType): Float32Array {
  if (type === "F8_E4M3" || type === "F8_E5M2")
    throw new RankineError("data", `tensors of type ${type} are not supported: save the model as F32, F16 or BF16`)
  const size = tensorTypeBytes[type]
  // Views need an aligned start, which a slice of a file does not promise.
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  const { buffer, byteOffset } = aligned
  const length = bytes.length / size
  switch (type) {
    case "F32":
      return new Float32Array(buffer, byteOffset, length)
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, length))
    case "F16":
      return float16(new Uint16Array(buffer, byteOffset, length))
    case "BF16":
      return bfloat16(new Uint16Array(buffer, byteOffset, length))
    case "I64":
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, length), Number)
    case "U64":
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, length), Number)
    case "I32":
      return Float32Array.from(new Int32Array(buffer, byteOffset, length))
    case "U32":
      return Float32Array.from(new Uint32Array(buffer, byteOffset, length))
    case "I16":
      return Float32Array.from(new Int16Array(buffer, byteOffset, length))
    case "U16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, length))
    case "I8":
      return Float32Array.from(new Int8Array(buffer, byteOffset, length))
    case "U8":
    case "BOOL":
      return Float32Array.from(aligned)
  }
}

/** bfloat16 is the upper half of a float32. */
function bfloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length)
  for (let index = 0; index < halves.length; index++) bits[index] = halves[index] << 16
  return new Float32Array(bits.buffer)
}

/** Every half float is a float32: sign, exponent and fraction are moved, the few odd ones (subnormal, infinite, NaN) looked at. */
export function float16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length)
  const values = new Float32Array(bits.buffer)
  for (let index = 0; index < halves.length; index++) {
    const half = halves[index]
    const sign = (half & 0x8000) << 16
    const exponent = half & 0x7c00
    const fraction = half & 0x03ff
    if (exponent === 0) values[index] = (sign === 0 ? 1 : -1) * fraction * 2 ** -24
    else if (exponent === 0x7c00) bits[index] = sign | 0x7f800000 | (fraction << 13)
    else bits[index] = sign | ((exponent + 0x1c000) << 13) | (fraction << 13)
  }
  return values
}

/** Little-endian bytes of values as floats, rounded to the nearest, ties to even. Values that were read from a type come back as they were. */
export function fromFloat32(values: Float32Array, type: "F32" | "F16" | "BF16" | "F64"): Uint8Array {
  if (type === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (type === "F16") return new Uint8Array(Uint16Array.from(values, toHalf).buffer)
  if (type === "F64") return new Uint8Array(Float64Array.from(values).buffer)
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  // A NaN rounded like a number could become infinite.
  const upper = (value: number) => {
    if ((value & 0x7fffffff) > 0x7f800000) return (value >>> 16) | 0x40
    return (value + 0x7fff + ((value >>> 16) & 1)) >>> 16
  }
  return new Uint8Array(Uint16Array.from(bits, upper).buffer)
}
