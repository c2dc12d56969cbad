/** Tensors as they go into a session and come out of it. @module */
import { RankineError } from "../core/errors.js"
import { elementCount } from "./data-type.js"

/** The array that holds each element type; halves are the bits of their numbers, booleans are 0 and 1. */
export interface TensorData {
  float32: Float32Array
  float16: Uint16Array
  int64: BigInt64Array
  int32: Int32Array
  uint8: Uint8Array
  int8: Int8Array
  bool: Uint8Array
}

export type TensorType = keyof TensorData

/** A tensor of one element type: elements in row-major order, one size per axis. */
export interface TensorOf<Type extends TensorType> {
  readonly type: Type
  readonly dims: readonly number[]
  readonly data: TensorData[Type]
}

export type Tensor = { [Type in TensorType]: TensorOf<Type> }[TensorType]

const arrays: { readonly [Type in TensorType]: { new (length: number): TensorData[Type] } } = {
  float32: Float32Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
}

/** A tensor; `dims` is one axis as long as the data where it is left out. Throws `argument` when the sizes do not fit the data. */
export function tensor<Type extends TensorType>(
  type: Type,
  data: TensorData[Type],
  dims: readonly number[] = [data.length],
): TensorOf<Type> {
  const made = { type, dims, data }
  checkTensor(made as unknown as Tensor, "the tensor")
  return made
}

/** The output of that name, known to have that type. Throws `model` where it is missing or of another type. */
export function outputOf<Type extends TensorType>(
  outputs: Readonly<Record<string, Tensor>>,
  name: string,
  type: Type,
): TensorOf<Type> {
  const found = outputs[name]
  if (!found)
    throw new RankineError("model", `the model gave no output ${name}; it gave ${Object.keys(outputs).join(", ")}`)
  if (found.type !== type)
    throw new RankineError("model", `output ${name} is ${found.type} where ${type} was expected: cast it in the graph`)
  return found as unknown as TensorOf<Type>
}

/** Throws `argument` unless the array is the one of the type and as long as the sizes say. */
export function checkTensor({ type, dims, data }: Tensor, what: string): void {
  const expected = arrays[type]
  if (!expected)
    throw new RankineError("argument", `${what} has type ${type}; it must be one of ${Object.keys(arrays).join(", ")}`)
  if (!(data instanceof expected))
    throw new RankineError("argument", `${what} is ${type}, so its data must be a ${expected.name}`)
  if (dims.some((size) => !Number.isInteger(size) || size < 0))
    throw new RankineError("argument", `${what} has sizes [${dims}]; they must be whole numbers of at least 0`)
  if (elementCount(dims) !== data.length)
    throw new RankineError(
      "argument",
      `${what} has ${data.length} elements, but sizes [${dims}] hold ${elementCount(dims)}`,
    )
}

/** A copy of the elements in a buffer of its own. (`slice` would not do: that of a Node Buffer is a view.) */
export function copyElements({ type, data }: Tensor): Tensor["data"] {
  const copy = new arrays[type](data.length)
  ;(copy as Uint8Array).set(data as Uint8Array)
  return copy
}
