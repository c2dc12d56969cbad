import { RankineError } from "../core/errors.js"
import { byteLength, bytesOf, type DataType } from "./data-type.js"

/** The fields in which an ONNX tensor may hold its elements: as raw bytes, or in one of the typed lists. */
export interface TypedFields {
  readonly name: string
  readonly rawData: Uint8Array
  readonly floatData: readonly number[]
  readonly int32Data: readonly number[]
  readonly int64Data: readonly bigint[]
  readonly doubleData: readonly number[]
  readonly uint64Data: readonly bigint[]
}

/** The little-endian bytes of a tensor, whichever field holds them. Throws `data` when they do not fit its sizes. */
export function tensorBytes(message: TypedFields, type: DataType, dims: readonly number[]): Uint8Array {
  const bytes = message.rawData.length > 0 ? message.rawData : fromLists(message, type)
  const expected = byteLength(type, dims)
  if (bytes.length !== expected)
    throw new RankineError(
      "data",
      `weight ${message.name} holds ${bytes.length} bytes where [${dims.join(", ")}] of ${type} takes ${expected}: download the model again`,
    )
  return bytes
}

/** The standard puts narrow types, the bits of halves among them, into the list of 32-bit integers. */
function fromLists(
  { floatData, int32Data, int64Data, doubleData, uint64Data }: TypedFields,
  type: DataType,
): Uint8Array {
  switch (type) {
    case "float32":
      return bytesOf(Float32Array.from(floatData))
    case "float64":
      return bytesOf(Float64Array.from(doubleData))
    case "int64":
      return bytesOf(BigInt64Array.from(int64Data))
    case "uint64":
      return bytesOf(BigUint64Array.from(uint64Data))
    case "uint32":
      return bytesOf(Uint32Array.from(uint64Data, Number))
    case "int32":
      return bytesOf(Int32Array.from(int32Data))
    case "int16":
    case "uint16":
    case "float16":
    case "bfloat16":
      return bytesOf(Uint16Array.from(int32Data))
    default:
      return bytesOf(Uint8Array.from(int32Data))
  }
}
