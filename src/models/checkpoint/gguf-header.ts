/** The header of a GGUF file: metadata, and what tensors lie where. @module */
import { stat } from "node:fs/promises"
import { basename } from "node:path"
import { RankineError } from "../../core/errors.js"
import { type BlockType, blockSizes, isBlockType } from "./block-type.js"
import { Cursor, type GgufValue, Malformed, NeedMore } from "./gguf-cursor.js"
import { readExactly } from "./read-exactly.js"
import { type TensorInfo, type TensorType, tensorTypeBytes } from "./tensor-type.js"

export interface GgufHeader {
  readonly version: number
  readonly values: ReadonlyMap<string, GgufValue>
  /** By the names of the file; sizes from the slowest to the fastest, as everywhere else. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
}

/** Most headers without a tokenizer fit in this. */
const FIRST_READ = 2 ** 20

/** Names of element types by their numbers in the file; not all are read. */
const typeNames: Readonly<Record<number, string>> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  6: "Q5_0",
  7: "Q5_1",
  8: "Q8_0",
  9: "Q8_1",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  20: "IQ4_NL",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  24: "I8",
  25: "I16",
  26: "I32",
  27: "I64",
  28: "F64",
  29: "IQ1_M",
  30: "BF16",
  34: "TQ1_0",
  35: "TQ2_0",
  39: "MXFP4",
}

/**
 * Reads and checks a header: versions 2 and 3, little-endian.
 * @param file absolute path, links resolved
 * @throws RankineError `data` naming the file, and the tensor where one is at fault
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export async function readGgufHeader(file: string): Promise<GgufHeader> {
  const { size } = await stat(file)
  for (let length = Math.min(FIRST_READ, size); ; length = Math.min(length * 4, size)) {
    const bytes = new Uint8Array(length)
    if (!(await readExactly(file, 0, bytes))) throw broken(file, "cut short while it was read")
    try {
      return parse(file, size, new Cursor(bytes, size))
    } catch (thrown) {
      if (thrown instanceof Malformed) throw broken(file, thrown.message)
      if (!(thrown instanceof NeedMore)) throw thrown
      if (length === size) throw broken(file, "cut short within the header")
    }
  }
}

function parse(file: string, size: number, cursor: Cursor): GgufHeader {
  if (cursor.uint32() !== 0x46554747) throw new Malformed("not a GGUF file: it does not begin with GGUF")
  const version = cursor.uint32()
  if (version !== 0 && (version & 0xffff) === 0)
    throw new Malformed("a big-endian GGUF file, which is not read: convert the model for little-endian machines")
  if (version !== 2 && version !== 3)
    throw new Malformed(`GGUF version ${version}, where 2 and 3 are read: convert the model with a current llama.cpp`)
  const tensorCount = cursor.uint64()
  const valueCount = cursor.uint64()
  const values = new Map<string, GgufValue>()
  for (let index = 0; index < valueCount; index++) {
    const key = cursor.string()
    if (values.has(key)) throw new Malformed(`the metadata has ${key} twice`)
    values.set(key, cursor.value())
  }
  const alignment = values.get("general.alignment") ?? 32
  if (typeof alignment !== "number" || !Number.isInteger(alignment) || alignment < 1)
    throw new Malformed(`general.alignment is ${String(alignment)}`)
  const entries: Entry[] = []
  for (let index = 0; index < tensorCount; index++) entries.push(readEntry(cursor))
  const begin = Math.ceil(cursor.at / alignment) * alignment
  return { version, values, tensors: place(entries, file, size, begin, alignment) }
}

interface Entry {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: number
  readonly offset: number
}

function readEntry(cursor: Cursor): Entry {
  const name = cursor.string()
  const axes = cursor.uint32()
  if (axes > 4) throw new Malformed(`tensor ${name} has ${axes} axes, where 4 are the most`)
  const shape = Array.from({ length: axes }, () => cursor.uint64()).reverse()
  return { name, shape, type: cursor.uint32(), offset: cursor.uint64() }
}

/** Checks types, shapes and places: within the file, aligned, apart from each other. */
function place(entries: readonly Entry[], file: string, size: number, begin: number, alignment: number) {
  const tensors = new Map<string, TensorInfo>()
  for (const { name, shape, type, offset } of entries) {
    if (tensors.has(name)) throw new Malformed(`tensor ${name} is in it twice`)
    const dtype = typeOf(name, type)
    if (offset % alignment !== 0) throw new Malformed(`tensor ${name} begins at ${offset}, no multiple of ${alignment}`)
    const length = byteLength(name, dtype, shape)
    const end = begin + offset + length
    if (end > size) throw new Malformed(`cut short within tensor ${name}: ${size} bytes of ${end}`)
    tensors.set(name, { dtype, shape, file, offset: begin + offset, length })
  }
  let last: [name: string, end: number] = ["", 0]
  for (const [name, info] of [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length)) {
    if (info.offset < last[1]) throw new Malformed(`tensor ${name} overlaps ${last[0]}`)
    last = [name, info.offset + info.length]
  }
  return tensors
}

function typeOf(name: string, type: number): TensorType | BlockType {
  const known = typeNames[type]
  if (known !== undefined && (isBlockType(known) || Object.hasOwn(tensorTypeBytes, known)))
    return known as TensorType | BlockType
  throw new Malformed(
    `tensor ${name} has ${known ? `type ${known}` : `the unknown type ${type}`}, which is not read ` +
      `(F32, F16, BF16, ${Object.keys(blockSizes).join(", ")} are): take the model in one of these`,
  )
}

function byteLength(name: string, dtype: TensorType | BlockType, shape: readonly number[]): number {
  const elements = shape.reduce((product, size) => product * size, 1)
  if (!Number.isSafeInteger(elements * 8)) throw new Malformed(`tensor ${name} has the senseless shape [${shape}]`)
  if (!isBlockType(dtype)) return elements * tensorTypeBytes[dtype]
  const block = blockSizes[dtype]
  const columns = shape.at(-1) ?? 1
  if (columns % block.elements !== 0)
    throw new Malformed(
      `tensor ${name} is ${dtype}, whose rows must be a multiple of ${block.elements}; they have ${columns}`,
    )
  return (elements / block.elements) * block.bytes
}

/** The error of a file that is not as the format says. */
export function broken(file: string, what: string): RankineError {
  const advice = /: (convert|take) /.test(what) ? "" : "; copy or download the file again"
  return new RankineError("data", `${file}: ${what}${advice}`, { details: { file: basename(file) } })
}
