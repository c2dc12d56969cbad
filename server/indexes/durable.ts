/** Files and folders that are on disk when a call returns, whole or not at all. @module */
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { RankineError } from "../../src/core/index.js"

/** Writes a file by way of a neighbour that takes its place, so that a reader sees the old content or the new one. Throws `storage`. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const temporary = `${path}.new`
  try {
    const file = await open(temporary, "w")
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {})
    throw storageError(path, cause)
  }
}

/** Makes a folder that survives a power cut. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
    await syncFolder(dirname(path))
  } catch (cause) {
    throw storageError(path, cause)
  }
}

/** A renamed or new file survives a power cut only once its folder is on disk. Not every system can do this; then there is nothing to do. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

export function storageError(path: string, cause: unknown): RankineError {
  if (cause instanceof RankineError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RankineError(
    "storage",
    `cannot write ${path} (${reason}): free space, or give the server another folder`,
    {
      cause,
    },
  )
}
