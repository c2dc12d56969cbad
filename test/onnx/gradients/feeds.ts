import { type Tensor, tensor } from "../../../src/onnx/tensor.js"
import type { Numbers } from "./interpreter.js"

/** The same numbers as ONNX Runtime takes them. */
export function feedOf({ dims, data }: Numbers, type: string): Tensor {
  const sizes = [...dims]
  if (type === "int64") return tensor("int64", BigInt64Array.from([...data], BigInt), sizes)
  if (type === "int32") return tensor("int32", Int32Array.from(data), sizes)
  if (type === "bool") return tensor("bool", Uint8Array.from(data), sizes)
  return tensor("float32", Float32Array.from(data), sizes)
}
