import { createWriteStream } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { pipeline } from "node:stream/promises"
import { RankineError } from "../src/core/errors.js"
import { type FileSource, fileLabel } from "./source.js"

/**
 * Hands one file of a source to a reader of plain files. From an archive it goes through a temporary file, whose name
 * must not reach the user: errors name the place in the archive.
 */
export async function withLocalFile<T>(
  source: FileSource,
  path: string,
  read: (file: string) => Promise<T>,
): Promise<T> {
  const local = source.localPath?.(path)
  if (local !== undefined) return read(local)
  const folder = await mkdtemp(join(tmpdir(), "rankine-"))
  // `open` has unpacked `.gz` already.
  const file = join(folder, basename(path).replace(/\.gz$/, ""))
  try {
    await pipeline(await source.open(path), createWriteStream(file))
    return await read(file)
  } catch (thrown) {
    if (!(thrown instanceof RankineError) || !thrown.message.includes(file)) throw thrown
    const label = fileLabel(source, path)
    const details = "file" in thrown.details ? { ...thrown.details, file: label } : { ...thrown.details }
    throw new RankineError(thrown.code, thrown.message.replaceAll(file, label), { cause: thrown.cause, details })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
