import { createReadStream, type ReadStream } from "node:fs"
import { open } from "node:fs/promises"
import { pipeline } from "node:stream/promises"
import { createGunzip } from "node:zlib"
import { RankineError } from "../core/errors.js"

/** One line without its end, and where it stands. */
export interface Line {
  readonly text: string
  readonly number: number
}

/** A data error that names file and line. */
export function lineError(file: string, line: number, message: string): RankineError {
  return new RankineError("data", `${file}:${line}: ${message}`, { details: { file, line } })
}

/**
 * The lines of a UTF-8 text file, gzipped or not (told by its first bytes), in batches. Blank lines are left out, a byte
 * order mark and carriage returns are taken off. Throws `not-found`, `storage`, or `data` for bytes that are not UTF-8
 * or a gzip file cut short.
 */
export async function* readLines(file: string, signal?: AbortSignal): AsyncGenerator<readonly Line[]> {
  let source: ReadStream | undefined
  let finished: Promise<void> | undefined
  try {
    const zipped = await isGzip(file)
    source = createReadStream(file, { highWaterMark: 1 << 18 })
    let bytes: AsyncIterable<Buffer> = source
    if (zipped) {
      const gunzip = createGunzip()
      finished = pipeline(source, gunzip, signal ? { signal } : {})
      // The same failure reaches the reader through gunzip; without this it would also be an unhandled rejection.
      finished.catch(() => {})
      bytes = gunzip
    }
    let rest = Buffer.alloc(0)
    let number = 0
    const decode = (chunk: Buffer): Line[] => {
      const lines: Line[] = []
      for (const text of decodeUtf8(chunk, file, number)) {
        number++
        if (text.trim() !== "") lines.push({ text, number })
      }
      return lines
    }
    for await (const chunk of bytes) {
      signal?.throwIfAborted()
      const end = chunk.lastIndexOf(10)
      if (end < 0) {
        rest = Buffer.concat([rest, chunk])
        continue
      }
      yield decode(Buffer.concat([rest, chunk.subarray(0, end)]))
      rest = Buffer.from(chunk.subarray(end + 1))
    }
    await finished
    if (rest.length > 0) yield decode(rest)
  } catch (thrown) {
    throw fileError(thrown, file)
  } finally {
    source?.destroy()
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await handle.close()
  }
}

function decodeUtf8(bytes: Buffer, file: string, before: number): string[] {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    let start = 0
    for (let line = before + 1; ; line++) {
      const end = bytes.indexOf(10, start)
      try {
        decoder.decode(bytes.subarray(start, end < 0 ? bytes.length : end))
      } catch {
        throw lineError(file, line, "not UTF-8; save the file as UTF-8")
      }
      start = end + 1
    }
  }
  const lines = text.split("\n")
  if (before === 0 && lines[0]!.startsWith("\ufeff")) lines[0] = lines[0]!.slice(1)
  return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line))
}

function fileError(thrown: unknown, file: string): unknown {
  if (thrown instanceof RankineError) return thrown
  const { code, name, message } = thrown as NodeJS.ErrnoException
  if (name === "AbortError") return new RankineError("aborted", "stopped by the caller", { cause: thrown })
  if (code === "ENOENT") return new RankineError("not-found", `${file} does not exist`, { cause: thrown })
  if (code?.startsWith("Z_"))
    return new RankineError("data", `${file}: broken gzip data (${message}); fetch or write the file again`, {
      cause: thrown,
    })
  return new RankineError("storage", `cannot read ${file}: ${message}`, { cause: thrown })
}
