/** Reads GGUF files under their own names. @module */
import { realpath, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { RankineError } from "../../core/errors.js"
import { isBlockType } from "./block-type.js"
import { checksumOf } from "./checksum.js"
import { dequantize } from "./dequantize.js"
import type { GgufValue } from "./gguf-cursor.js"
import { broken, readGgufHeader } from "./gguf-header.js"
import { readExactly } from "./read-exactly.js"
import type { Checkpoint } from "./safetensors.js"
import { type TensorInfo, toFloat32 } from "./tensor-type.js"

/** A GGUF file of any architecture: tensors under the names and in the form that it has them. */
export interface GgufFile extends Checkpoint {
  /** Of the format. */
  readonly version: number
  /** The metadata, arrays such as the vocabulary included. */
  readonly values: ReadonlyMap<string, GgufValue>
}

/**
 * Opens a GGUF file, or all parts of one that was split when given its first (`…-00001-of-00003.gguf`).
 *
 * Only the header is read; types, shapes, places and lengths are checked.
 * @throws RankineError `not-found` where there is no such file, `data` naming file and tensor for what is malformed, cut short or
 *   of a type that is not read
 */
export async function openGgufFile(path: string): Promise<GgufFile> {
  const first = await find(path)
  const header = await readGgufHeader(first)
  const files = [first]
  const tensors = new Map(header.tensors)
  const parts = header.values.get("split.count")
  if (typeof parts === "number" && parts > 1) {
    if (header.values.get("split.no") !== 0)
      throw new RankineError("data", `${first} is a later part of a split model: give its first part`)
    for (const name of partNames(path, parts)) {
      const part = await find(join(dirname(path), name))
      files.push(part)
      for (const [tensor, info] of (await readGgufHeader(part)).tensors) {
        if (tensors.has(tensor)) throw broken(part, `tensor ${tensor} is in another part of this model too`)
        tensors.set(tensor, info)
      }
    }
    const promised = header.values.get("split.tensors.count")
    if (typeof promised === "number" && promised !== tensors.size)
      throw broken(first, `its parts hold ${tensors.size} tensors of ${promised}`)
  }
  const metadata = Object.fromEntries(
    [...header.values].flatMap(([key, value]) => (Array.isArray(value) ? [] : [[key, String(value)]])),
  )
  let checksum: Promise<string> | undefined
  const source = {
    files,
    tensors,
    metadata,
    version: header.version,
    values: header.values,
    readRaw: (name: string) => readTensor(files, tensors, name),
    read: async (name: string) => valuesOf(await readTensor(files, tensors, name), tensors.get(name)!),
    checksum: () => (checksum ??= checksumOf(files, [...tensors.values()])),
  }
  return source
}

/** The bytes of a tensor as float32. */
export function valuesOf(bytes: Uint8Array, { dtype }: TensorInfo): Float32Array {
  return isBlockType(dtype) ? dequantize(bytes, dtype) : toFloat32(bytes, dtype)
}

async function readTensor(files: readonly string[], tensors: ReadonlyMap<string, TensorInfo>, name: string) {
  const info = tensors.get(name)
  if (!info)
    throw new RankineError("not-found", `no tensor ${name} in ${files.map((file) => basename(file)).join(", ")}`)
  const bytes = new Uint8Array(info.length)
  if (!(await readExactly(info.file, info.offset, bytes))) throw broken(info.file, `cut short within tensor ${name}`)
  return bytes
}

async function find(path: string): Promise<string> {
  const kind = await stat(path).catch(() => undefined)
  if (!kind?.isFile()) throw new RankineError("not-found", `there is no file ${path}: give the path of a .gguf file`)
  return realpath(path)
}

function partNames(path: string, parts: number): string[] {
  const name = basename(path)
  const count = String(parts).padStart(5, "0")
  const ending = `-00001-of-${count}.gguf`
  if (!name.endsWith(ending))
    throw new RankineError(
      "data",
      `${path} is the first of ${parts} parts: call it …${ending}, and the others accordingly`,
    )
  const stem = name.slice(0, -ending.length)
  return Array.from(
    { length: parts - 1 },
    (_, index) => `${stem}-${String(index + 2).padStart(5, "0")}-of-${count}.gguf`,
  )
}
