/**
 * A file of named sections of typed arrays: magic, version, table of sections with checksums, then the bytes of each,
 * at multiples of 16. Numbers are little-endian. Reading is copying bytes; nothing is parsed.
 * @module
 */
import { close, open, read } from "node:fs"
import { type FileHandle, open as openHandle } from "node:fs/promises"
import { endianness } from "node:os"
import { basename } from "node:path"
import { promisify } from "node:util"
import { crc32 } from "node:zlib"
import { RankineError } from "../../src/core/errors.js"

const openDescriptor = promisify(open)
const readDescriptor = promisify(read)
const closeDescriptor = promisify(close)

const MAGIC = "RANKSEC1"
const NAME_BYTES = 24
const ENTRY_BYTES = NAME_BYTES + 8 + 8 + 8
const HEAD_BYTES = 16
/** The longest single read or write; the system's own limit is 2 GiB. */
const PIECE = 2 ** 28

export interface Section {
  readonly name: string
  /** A function where the bytes lie in WebAssembly memory: a search beside the writing may let that grow, and what was a view of it then is empty. */
  readonly bytes: Uint8Array | (() => Uint8Array)
}

/** Bytes of an array, without copying. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** Writes the sections and waits until they are on disk. */
export async function writeSections(path: string, sections: readonly Section[]): Promise<void> {
  requireLittleEndian()
  const head = Buffer.alloc(HEAD_BYTES + sections.length * ENTRY_BYTES + 4)
  head.write(MAGIC, 0, "latin1")
  head.writeUInt32LE(sections.length, 8)
  let offset = align(head.length)
  const offsets = sections.map((section, index) => {
    const bytes = current(section)
    const at = HEAD_BYTES + index * ENTRY_BYTES
    head.write(section.name, at, NAME_BYTES, "latin1")
    head.writeBigUInt64LE(BigInt(offset), at + NAME_BYTES)
    head.writeBigUInt64LE(BigInt(bytes.length), at + NAME_BYTES + 8)
    head.writeUInt32LE(checksum(bytes), at + NAME_BYTES + 16)
    const begin = offset
    offset = align(offset + bytes.length)
    return begin
  })
  head.writeUInt32LE(crc32(head.subarray(0, head.length - 4)), head.length - 4)
  const file = await openHandle(path, "wx")
  try {
    await writeAll(file, () => head, 0)
    for (const [index, section] of sections.entries()) await writeAll(file, () => current(section), offsets[index]!)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The sections of a file; `read` copies one into memory and checks it. */
export interface SectionReader {
  /** Length in bytes; throws `index-corrupt` for a section that is not there. */
  length(name: string): number
  has(name: string): boolean
  /** Reads a section whole, into `target` where one is given. Throws `index-corrupt` when its checksum does not match. */
  read(name: string, target?: Uint8Array): Promise<Uint8Array>
  /** Reads a part of a section, unchecked. */
  readPart(name: string, start: number, end: number): Promise<Uint8Array>
  close(): Promise<void>
}

export async function openSections(path: string): Promise<SectionReader> {
  requireLittleEndian()
  const shown = basename(path)
  const corrupt = (what: string) =>
    new RankineError(
      "index-corrupt",
      `${shown} is damaged (${what}): build the index again, or restore the file from a copy`,
    )
  // A plain descriptor: a FileHandle that nobody closed ends the process's peace when it is collected.
  let file: number
  try {
    file = await openDescriptor(path, "r")
  } catch (cause) {
    throw new RankineError("index-corrupt", `${shown} is missing from the index: build the index again`, { cause })
  }
  try {
    const head = await readExactly(file, 0, HEAD_BYTES)
    if (!head || head.toString("latin1", 0, 8) !== MAGIC) throw corrupt("not a file of this format")
    const count = head.readUInt32LE(8)
    const table = count < 4096 ? await readExactly(file, 0, HEAD_BYTES + count * ENTRY_BYTES + 4) : undefined
    if (!table || crc32(table.subarray(0, table.length - 4)) !== table.readUInt32LE(table.length - 4))
      throw corrupt("header")
    const sections = new Map<string, { offset: number; length: number; crc: number }>()
    for (let index = 0; index < count; index++) {
      const at = HEAD_BYTES + index * ENTRY_BYTES
      const name = table.toString("latin1", at, at + NAME_BYTES).replace(/\0+$/, "")
      const offset = Number(table.readBigUInt64LE(at + NAME_BYTES))
      const length = Number(table.readBigUInt64LE(at + NAME_BYTES + 8))
      sections.set(name, { offset, length, crc: table.readUInt32LE(at + NAME_BYTES + 16) })
    }
    const section = (name: string) => {
      const found = sections.get(name)
      if (!found) throw corrupt(`no section ${name}`)
      return found
    }
    return {
      has: (name) => sections.has(name),
      length: (name) => section(name).length,
      async read(name, target) {
        const { offset, length, crc } = section(name)
        const bytes = target ?? new Uint8Array(length)
        if (!(await readInto(file, offset, bytes))) throw corrupt(`section ${name} is cut short`)
        if (checksum(bytes) !== crc) throw corrupt(`checksum of section ${name}`)
        return bytes
      },
      async readPart(name, start, end) {
        const { offset, length } = section(name)
        const bytes = new Uint8Array(end - start)
        if (end > length || !(await readInto(file, offset + start, bytes)))
          throw corrupt(`section ${name} is cut short`)
        return bytes
      },
      close: () => closeDescriptor(file),
    }
  } catch (thrown) {
    await closeDescriptor(file)
    throw thrown
  }
}

function align(offset: number): number {
  return Math.ceil(offset / 16) * 16
}

function checksum(bytes: Uint8Array): number {
  let value = 0
  for (let at = 0; at < bytes.length; at += PIECE) value = crc32(bytes.subarray(at, at + PIECE), value)
  return value
}

function current({ bytes }: Section): Uint8Array {
  return typeof bytes === "function" ? bytes() : bytes
}

async function writeAll(file: FileHandle, bytes: () => Uint8Array, position: number): Promise<void> {
  const { length } = bytes()
  let at = 0
  while (at < length) {
    const { bytesWritten } = await file.write(bytes(), at, Math.min(PIECE, length - at), position + at)
    at += bytesWritten
  }
}

/** False where the file ends before. */
async function readInto(file: number, position: number, target: Uint8Array): Promise<boolean> {
  let at = 0
  while (at < target.length) {
    const length = Math.min(PIECE, target.length - at)
    const { bytesRead } = await readDescriptor(file, target, at, length, position + at)
    if (bytesRead === 0) return false
    at += bytesRead
  }
  return true
}

async function readExactly(file: number, position: number, length: number): Promise<Buffer | undefined> {
  const buffer = Buffer.alloc(length)
  return (await readInto(file, position, buffer)) ? buffer : undefined
}

function requireLittleEndian(): void {
  if (endianness() !== "LE")
    throw new RankineError(
      "storage",
      "indexes are little-endian and this processor is not: use a little-endian machine",
    )
}
