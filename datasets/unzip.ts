import { createWriteStream } from "node:fs"
import { mkdir } from "node:fs/promises"
import { dirname, join, relative, sep } from "node:path"
import { pipeline } from "node:stream/promises"
import { RankineError, throwIfAborted, toRankineError } from "../src/core/errors.js"
import type { OnProgress } from "../src/core/progress.js"
import { openZip, zipError } from "./source.js"

/**
 * Unpacks a zip archive into a directory. A path that leads out of it is refused before it is written;
 * so are links. Throws `data` for such an archive or a broken one, `storage` when writing fails.
 */
export async function unzip(
  archive: string,
  directory: string,
  options: { signal?: AbortSignal; onProgress?: OnProgress } = {},
): Promise<void> {
  const { signal, onProgress } = options
  const zip = await openZip(archive)
  let done = 0
  try {
    for await (const entry of zip.eachEntry()) {
      throwIfAborted(signal)
      const target = join(directory, entry.fileName)
      const inside = relative(directory, target)
      if (inside === ".." || inside.startsWith(`..${sep}`))
        throw new RankineError("data", `${archive} holds the path ${entry.fileName}, which leads out of its folder`)
      if (((entry.externalFileAttributes >>> 16) & 0o170000) === 0o120000)
        throw new RankineError("data", `${archive} holds the link ${entry.fileName}; links are not unpacked`)
      if (entry.fileName.endsWith("/")) await mkdir(target, { recursive: true })
      else {
        await mkdir(dirname(target), { recursive: true })
        await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target), signal ? { signal } : {})
      }
      onProgress?.({ stage: "unpack", done: ++done, total: zip.entryCount, unit: "files" })
    }
  } catch (thrown) {
    if (signal?.aborted) throwIfAborted(signal)
    const code = (thrown as NodeJS.ErrnoException).code
    if (code === "ENOSPC" || code === "EACCES" || code === "EROFS")
      throw new RankineError("storage", `cannot unpack into ${directory}: ${toRankineError(thrown).message}`, {
        cause: thrown,
      })
    throw zipError(archive, thrown)
  } finally {
    zip.close()
  }
}
