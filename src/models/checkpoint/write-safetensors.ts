/** Writes safetensors files, tensor by tensor, so that no more than one is in memory. @module */
import { open, rename, rm } from "node:fs/promises"
import { RankineError } from "../../core/errors.js"
import { type BlockType, isBlockType } from "./block-type.js"
import { type TensorType, tensorTypeBytes } from "./tensor-type.js"

/** A tensor to be written; its bytes are asked for when their turn comes. */
export interface TensorToWrite {
  readonly name: string
  /** Block types cannot be written. */
  readonly dtype: TensorType | BlockType
  readonly shape: readonly number[]
  /** Little-endian, row by row. */
  bytes(): Promise<Uint8Array> | Uint8Array
}

/** Tensors begin at multiples of this, counted from the start of the file, so that they can be mapped and read in place. */
const ALIGNMENT = 8

/**
 * Writes a safetensors file, with the widest element types first, which keeps every tensor aligned to its elements.
 *
 * The file appears under its name when it is complete; a failure leaves nothing behind.
 * @param metadata the header's `__metadata__`
 * @throws RankineError `argument` for two tensors of one name, for block types and for bytes that do not fill the shape, `storage` where writing fails
 * @see https://github.com/huggingface/safetensors#format
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ordered = [...tensors].sort((a, b) => elementBytes(b) - elementBytes(a))
  const header = headerOf(ordered, metadata)
  const partial = `${path}.${process.pid}.partial`
  try {
    const file = await open(partial, "w")
    try {
      await file.writeFile(header)
      for (const tensor of ordered) {
        const bytes = await tensor.bytes()
        if (bytes.length !== byteLength(tensor))
          throw new RankineError(
            "argument",
            `tensor ${tensor.name} has ${bytes.length} bytes where its shape needs ${byteLength(tensor)}`,
          )
        await file.writeFile(bytes)
      }
      // Renamed before its bytes are on the disk, it could be empty after a crash.
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } catch (cause) {
    await rm(partial, { force: true })
    if (cause instanceof RankineError) throw cause
    throw new RankineError("storage", `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}

function headerOf(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): Buffer {
  const entries = new Map<string, object>()
  if (Object.keys(metadata).length > 0) entries.set("__metadata__", metadata)
  let at = 0
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor
    if (entries.has(name)) throw new RankineError("argument", `two tensors are called ${name}: give each its own name`)
    const end = at + byteLength(tensor)
    entries.set(name, { dtype, shape, data_offsets: [at, end] })
    at = end
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  // The format allows spaces after the header.
  const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT
  const lead = Buffer.alloc(8)
  lead.writeBigUInt64LE(BigInt(length))
  return Buffer.concat([lead, json, Buffer.alloc(length - json.length, " ")])
}

function byteLength(tensor: TensorToWrite): number {
  return tensor.shape.reduce((product, size) => product * size, elementBytes(tensor))
}

function elementBytes({ name, dtype }: TensorToWrite): number {
  if (isBlockType(dtype))
    throw new RankineError("argument", `tensor ${name} is ${dtype}, which safetensors has not: write its values as F32`)
  return tensorTypeBytes[dtype]
}
