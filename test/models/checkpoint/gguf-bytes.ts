/** Lays GGUF files out by hand, as the format's description says. */

export type Typed =
  | { u8: number }
  | { i8: number }
  | { u16: number }
  | { i16: number }
  | { u32: number }
  | { i32: number }
  | { f32: number }
  | { bool: boolean }
  | { string: string }
  | { u64: bigint }
  | { i64: bigint }
  | { f64: number }
  | { array: readonly Typed[] }

export interface TensorGiven {
  /** As files name them: the fastest size first. */
  readonly sizes: readonly number[]
  readonly type: number
  readonly data: Uint8Array
  /** Instead of the next free multiple of 32. */
  readonly offset?: number
}

const order = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"]

function number(write: (buffer: Buffer) => void, length: number): Buffer {
  const buffer = Buffer.alloc(length)
  write(buffer)
  return buffer
}

export const u32 = (value: number) => number((buffer) => buffer.writeUInt32LE(value), 4)
export const u64 = (value: bigint | number) => number((buffer) => buffer.writeBigUInt64LE(BigInt(value)), 8)
export const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])

const kindOf = (value: Typed) => order.indexOf(Object.keys(value)[0]!)

function payload(value: Typed): Buffer {
  if ("u8" in value) return Buffer.from([value.u8])
  if ("i8" in value) return number((buffer) => buffer.writeInt8(value.i8), 1)
  if ("u16" in value) return number((buffer) => buffer.writeUInt16LE(value.u16), 2)
  if ("i16" in value) return number((buffer) => buffer.writeInt16LE(value.i16), 2)
  if ("u32" in value) return u32(value.u32)
  if ("i32" in value) return number((buffer) => buffer.writeInt32LE(value.i32), 4)
  if ("f32" in value) return number((buffer) => buffer.writeFloatLE(value.f32), 4)
  if ("bool" in value) return Buffer.from([value.bool ? 1 : 0])
  if ("string" in value) return text(value.string)
  if ("u64" in value) return u64(value.u64)
  if ("i64" in value) return number((buffer) => buffer.writeBigInt64LE(value.i64), 8)
  if ("f64" in value) return number((buffer) => buffer.writeDoubleLE(value.f64), 8)
  const kind = value.array.length > 0 ? kindOf(value.array[0]!) : 4
  return Buffer.concat([u32(kind), u64(value.array.length), ...value.array.map(payload)])
}

export function ggufBytes(
  values: Readonly<Record<string, Typed>>,
  tensors: Readonly<Record<string, TensorGiven>> = {},
  { version = 3, alignment = 32 } = {},
): Buffer {
  const parts = [Buffer.from("GGUF"), u32(version), u64(Object.keys(tensors).length), u64(Object.keys(values).length)]
  for (const [key, value] of Object.entries(values)) parts.push(text(key), u32(kindOf(value)), payload(value))
  const data: Buffer[] = []
  let at = 0
  const pad = (length: number) => Buffer.alloc((alignment - (length % alignment)) % alignment)
  for (const [name, { sizes, type, data: bytes, offset }] of Object.entries(tensors)) {
    parts.push(text(name), u32(sizes.length), ...sizes.map(u64), u32(type), u64(offset ?? at))
    data.push(Buffer.from(bytes), pad(bytes.length))
    at += bytes.length + pad(bytes.length).length
  }
  const header = Buffer.concat(parts)
  return Buffer.concat([header, pad(header.length), ...data])
}

export function floats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}
