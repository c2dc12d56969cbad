/** Index files. @module */
import { randomUUID } from "node:crypto"
import { open, readFile, rename, rm } from "node:fs/promises"
import { RankineError } from "../../src/core/index.js"
import type { LibraryIndex } from "./library.js"

export async function readIndex(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8")
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT")
      throw new RankineError("not-found", `there is no index at ${file}: check the path, or write it with save()`, {
        cause,
      })
    throw new RankineError("storage", `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** Written beside the old file and renamed over it, so that the old one stays whole whatever happens. */
export async function writeIndex(file: string, index: LibraryIndex): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    const handle = await open(temporary, "w")
    try {
      await handle.writeFile(JSON.stringify(index))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    const reason = cause instanceof RangeError ? "it is too large for one JSON text" : (cause as Error).message
    throw new RankineError("storage", `${file} was not written (${reason}); an older file there is unchanged`, {
      cause,
    })
  }
}
