/** Reads safetensors files: a header of names, types, shapes and places, then the bytes. @module */
import { readdir, readFile, realpath, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { RankineError } from "../../core/errors.js"
import { checksumOf } from "./checksum.js"
import { readExactly } from "./read-exactly.js"
import { type TensorInfo, type TensorType, tensorTypeBytes, toFloat32 } from "./tensor-type.js"

export type { TensorInfo, TensorType } from "./tensor-type.js"

/** The tensors of a model, which stay in their files until they are read. */
export interface Checkpoint {
  /** Absolute paths of the files, links resolved, in the order of their names. */
  readonly files: readonly string[]
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** The header's `__metadata__`; of a GGUF file, its short values. */
  readonly metadata: Readonly<Record<string, string>>
  /** The values as float32, row by row; integers keep their value, blocks of GGUF are multiplied out. Throws `not-found` for a name that is not there. */
  read(name: string): Promise<Float32Array>
  /** The bytes as they are in the file. Throws `not-found` for a name that is not there. */
  readRaw(name: string): Promise<Uint8Array>
  /**
   * A short text that is the same for the same weights: `full-` and a SHA-256 of all bytes up to 256 MiB; above that `sampled-` and one
   * of sizes, headers, and the first and last 64 KiB of every tensor. Computed once.
   */
  checksum(): Promise<string>
}

/** The format's own limit on the header. */
const LONGEST_HEADER = 100_000_000

/**
 * Opens one `.safetensors` file, or the one of a folder: `model.safetensors`, or several through `model.safetensors.index.json`.
 *
 * Headers are checked: types, shapes, places without gaps or overlaps, and the length of each file.
 * @throws RankineError `not-found` where there is no such file, `data` naming the file that is malformed or cut short
 * @see https://github.com/huggingface/safetensors#format
 */
export async function openSafetensors(path: string): Promise<Checkpoint> {
  const { files, wanted } = await filesOf(path)
  const tensors = new Map<string, TensorInfo<TensorType>>()
  const metadata: Record<string, string> = {}
  for (const file of files) {
    const header = await readHeader(file)
    Object.assign(metadata, header.metadata)
    for (const [name, info] of header.tensors) {
      if (tensors.has(name)) throw malformed(file, `tensor ${name} is in another file of this model too`)
      tensors.set(name, info)
    }
  }
  for (const [name, file] of wanted)
    if (!tensors.has(name)) throw malformed(file, `tensor ${name}, which the index promises, is not in it`)

  const find = (name: string) => {
    const info = tensors.get(name)
    if (!info)
      throw new RankineError("not-found", `no tensor ${name} in ${files.map((file) => basename(file)).join(", ")}`)
    return info
  }
  const readRaw = async (name: string) => {
    const { file, offset, length } = find(name)
    const bytes = new Uint8Array(length)
    if (!(await readExactly(file, offset, bytes))) throw malformed(file, `cut short within tensor ${name}`)
    return bytes
  }
  let checksum: Promise<string> | undefined
  return {
    files,
    tensors,
    metadata,
    readRaw,
    read: async (name) => toFloat32(await readRaw(name), find(name).dtype),
    checksum: () => (checksum ??= checksumOf(files, [...tensors.values()])),
  }
}

/** The files to open, and for a sharded model which tensor must be in which. */
async function filesOf(path: string): Promise<{ files: string[]; wanted: [name: string, file: string][] }> {
  const kind = await stat(path).catch(() => undefined)
  if (!kind) throw new RankineError("not-found", `there is no ${path}: give a .safetensors file or a model's folder`)
  if (!kind.isDirectory()) return { files: [await realpath(path)], wanted: [] }
  const single = join(path, "model.safetensors")
  if (await exists(single)) return { files: [await realpath(single)], wanted: [] }
  const index = join(path, "model.safetensors.index.json")
  if (await exists(index)) return shards(path, index)
  const others = (await readdir(path)).filter((name) => name.endsWith(".safetensors"))
  if (others.length === 1) return { files: [await realpath(join(path, others[0]))], wanted: [] }
  const pickled = (await exists(join(path, "pytorch_model.bin")))
    ? " (pytorch_model.bin is not read, since loading it can run code: save the model as safetensors)"
    : ""
  throw new RankineError(
    "not-found",
    `${path} holds neither model.safetensors nor model.safetensors.index.json${pickled}: put the model's weights there`,
    { details: { folder: path, lookedFor: ["model.safetensors", "model.safetensors.index.json"] } },
  )
}

async function shards(folder: string, index: string): Promise<{ files: string[]; wanted: [string, string][] }> {
  const map = (parseObject(await readFile(index, "utf8"), index) as { weight_map?: unknown }).weight_map
  if (typeof map !== "object" || map === null || Array.isArray(map)) throw malformed(index, "no weight_map")
  const names = new Map<string, string>()
  for (const name of Object.values(map)) {
    if (typeof name !== "string" || name !== basename(name) || name === "..")
      throw malformed(index, `${JSON.stringify(name)} is not the name of a file beside it`)
    if (names.has(name)) continue
    const file = join(folder, name)
    if (!(await exists(file)))
      throw new RankineError(
        "not-found",
        `${file} is missing: ${basename(index)} needs it, copy all files of the model`,
      )
    names.set(name, await realpath(file))
  }
  return {
    files: [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file),
    wanted: Object.entries(map).map(([name, file]) => [name, names.get(file as string)!]),
  }
}

async function readHeader(
  file: string,
): Promise<{ tensors: Map<string, TensorInfo<TensorType>>; metadata: Record<string, string> }> {
  const { size } = await stat(file)
  const lead = new Uint8Array(8)
  if (!(await readExactly(file, 0, lead))) throw malformed(file, "shorter than 8 bytes")
  const headerLength = Number(Buffer.from(lead.buffer).readBigUInt64LE(0))
  if (headerLength > LONGEST_HEADER) throw malformed(file, "its header's length makes no sense")
  const text = new Uint8Array(headerLength)
  if (!(await readExactly(file, 8, text))) throw malformed(file, "cut short within the header")
  const { __metadata__: metadata = {}, ...entries } = parseObject(Buffer.from(text.buffer).toString("utf8"), file)
  const begin = 8 + headerLength
  const tensors = new Map<string, TensorInfo<TensorType>>()
  for (const [name, entry] of Object.entries(entries)) tensors.set(name, tensorInfo(file, begin, name, entry))
  let end = begin
  for (const [name, { offset, length }] of [...tensors].sort(
    ([, a], [, b]) => a.offset - b.offset || a.length - b.length,
  )) {
    if (offset !== end)
      throw malformed(file, `tensor ${name} ${offset < end ? "overlaps" : "leaves a gap after"} another`)
    end += length
  }
  if (end > size) throw malformed(file, `cut short: ${size} bytes of ${end}`)
  if (end < size) throw malformed(file, `${size - end} bytes at its end belong to no tensor`)
  return { tensors, metadata: metadata as Record<string, string> }
}

function tensorInfo(file: string, begin: number, name: string, entry: unknown): TensorInfo<TensorType> {
  const { dtype, shape, data_offsets: place } = (entry ?? {}) as Record<string, unknown>
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
  if (typeof dtype !== "string" || !Object.hasOwn(tensorTypeBytes, dtype))
    throw malformed(file, `tensor ${name} has the unknown type ${JSON.stringify(dtype)}`)
  if (!Array.isArray(shape) || !shape.every(isCount)) throw malformed(file, `tensor ${name} has no valid shape`)
  if (!Array.isArray(place) || place.length !== 2 || !place.every(isCount))
    throw malformed(file, `tensor ${name} has no valid place`)
  const type = dtype as TensorType
  const length = shape.reduce((product, size) => product * size, tensorTypeBytes[type])
  if (place[1] - place[0] !== length)
    throw malformed(file, `tensor ${name} takes ${place[1] - place[0]} bytes where its shape needs ${length}`)
  return { dtype: type, shape, file, offset: begin + place[0], length }
}

function parseObject(text: string, file: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw malformed(file, "not valid JSON where its header should be", cause)
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw malformed(file, "no JSON object where its header should be")
  return value as Record<string, unknown>
}

function malformed(file: string, what: string, cause?: unknown): RankineError {
  return new RankineError(
    "data",
    `${file}: ${what}; copy or download the file again`,
    cause === undefined ? {} : { cause },
  )
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/** The folder that holds all files of a checkpoint, for what names them relative to one place. */
export function folderOf(checkpoint: Checkpoint): string {
  const folder = dirname(checkpoint.files[0])
  if (checkpoint.files.some((file) => dirname(file) !== folder))
    throw new RankineError(
      "data",
      `the files of this model lie in different folders (${folder} and others): copy them into one`,
    )
  return folder
}
