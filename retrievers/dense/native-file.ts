/** Files that another library writes and reads: their checksums are kept in the manifest. @module */
import { createReadStream } from "node:fs"
import { open, stat } from "node:fs/promises"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { RankineError } from "../../src/core/errors.js"
import type { EngineFile } from "./engine.js"

/** Length and checksum of a file that was just written, once it is on disk. */
export async function fileOf(folder: string, name: string): Promise<EngineFile> {
  const path = join(folder, name)
  const handle = await open(path, "r")
  await handle.sync().finally(() => handle.close())
  return { name, bytes: (await stat(path)).size, crc32: await checksum(path) }
}

/** Throws `index-corrupt` where the file is not what was written: such libraries crash on damaged files. */
export async function checkFile(folder: string, { name, bytes, crc32: expected }: EngineFile): Promise<void> {
  if (expected === undefined) return
  const path = join(folder, name)
  const size = (await stat(path).catch(() => undefined))?.size
  if (size === undefined)
    throw new RankineError("index-corrupt", `${name} is missing from the index: build the index again`)
  if (size !== bytes || (await checksum(path)) !== expected)
    throw new RankineError(
      "index-corrupt",
      `${name} is damaged: build the index again, or restore the file from a copy`,
    )
}

async function checksum(path: string): Promise<number> {
  let value = 0
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) value = crc32(piece as Buffer, value)
  return value
}
