/** The element types of ONNX tensors: their names, widths, and how numbers are laid out in bytes. @module */
import { RankineError } from "../core/errors.js"

/** Bits of one element; 0 for strings, which have no fixed width. */
const bitsOf = {
  float32: 32,
  float16: 16,
  bfloat16: 16,
  float64: 64,
  int64: 64,
  int32: 32,
  int16: 16,
  int8: 8,
  int4: 4,
  uint64: 64,
  uint32: 32,
  uint16: 16,
  uint8: 8,
  uint4: 4,
  bool: 8,
  string: 0,
} as const

/** The name of an element type, as in the ONNX standard's documentation. */
export type DataType = keyof typeof bitsOf

/** The number of elements in a tensor of these sizes; a scalar has one. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1)
}

/** Bytes that a tensor takes; two 4-bit elements share a byte. */
export function byteLength(type: DataType, dims: readonly number[]): number {
  return Math.ceil((elementCount(dims) * bitsOf[type]) / 8)
}

export function isFloat(type: DataType): boolean {
  return type === "float32" || type === "float16" || type === "bfloat16" || type === "float64"
}

/** The bits of a number rounded to half precision (to nearest, ties to even). */
export function toHalf(value: number): number {
  scratchFloat[0] = value
  const bits = scratchBits[0]!
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const fraction = bits & 0x7fffff
  if (exponent === 0xff) return sign | 0x7c00 | (fraction ? 0x200 : 0)
  const scale = exponent - 127 + 15
  if (scale >= 31) return sign | 0x7c00
  if (scale > 0) {
    const half = (scale << 10) | (fraction >>> 13)
    // A carry out of the fraction runs into the exponent, which is what rounding up to the next power of two means.
    return sign | (half + roundUp(fraction, 13, half))
  }
  if (scale < -10) return sign
  const shift = 14 - scale
  const mantissa = fraction | 0x800000
  const half = mantissa >>> shift
  return sign | (half + roundUp(mantissa, shift, half))
}

/** The number behind the bits of a half. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

const scratchFloat = new Float32Array(1)
const scratchBits = new Uint32Array(scratchFloat.buffer)

/** 1 where the bits that fall away are more than half of the last place, or exactly half and the last place is odd. */
function roundUp(mantissa: number, dropped: number, kept: number): 0 | 1 {
  const half = 1 << (dropped - 1)
  const rest = mantissa & ((1 << dropped) - 1)
  return rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0
}

/** Little-endian bytes of numbers in an element type. Throws `argument` for types that numbers do not fit (strings, 4-bit). */
export function encodeNumbers(type: DataType, values: readonly (number | bigint)[]): Uint8Array {
  const numbers = () => values.map(Number)
  const integers = () => values.map(BigInt)
  switch (type) {
    case "float32":
      return bytesOf(Float32Array.from(numbers()))
    case "float64":
      return bytesOf(Float64Array.from(numbers()))
    case "float16":
      return bytesOf(Uint16Array.from(numbers(), toHalf))
    case "int64":
      return bytesOf(BigInt64Array.from(integers()))
    case "uint64":
      return bytesOf(BigUint64Array.from(integers()))
    case "int32":
      return bytesOf(Int32Array.from(numbers()))
    case "uint32":
      return bytesOf(Uint32Array.from(numbers()))
    case "int16":
      return bytesOf(Int16Array.from(numbers()))
    case "uint16":
      return bytesOf(Uint16Array.from(numbers()))
    case "int8":
      return bytesOf(Int8Array.from(numbers()))
    case "uint8":
      return bytesOf(Uint8Array.from(numbers()))
    case "bool":
      return bytesOf(Uint8Array.from(numbers(), (value) => (value ? 1 : 0)))
    default:
      throw new RankineError("argument", `numbers cannot be written as ${type}: give the bytes with initializer()`)
  }
}

/** The integers of an int64 or int32 tensor's bytes, or undefined for another type. */
export function decodeIntegers(type: DataType, bytes: Uint8Array): number[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (type === "int64")
    return Array.from({ length: bytes.byteLength / 8 }, (_, index) => Number(view.getBigInt64(index * 8, true)))
  if (type === "int32")
    return Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getInt32(index * 4, true))
  return undefined
}

/** Bytes of an array, without copying. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
