/** One file over HTTP: resumed, retried, checked, and put in place only when whole. @module */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { dirname } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { RankineError, throwIfAborted, toRankineError } from "../src/core/errors.js"
import type { OnProgress } from "../src/core/progress.js"

export interface DownloadOptions {
  /** MD5 of the whole file, in hexadecimal. */
  readonly md5?: string
  readonly signal?: AbortSignal
  /** `done` and `total` count bytes of the file, those of an earlier attempt included. */
  readonly onProgress?: OnProgress
  /** Attempts in a row that bring no byte, after which it gives up; 5 by default. */
  readonly attempts?: number
  /** The first wait between attempts, doubled each time; 500 by default. */
  readonly backoffMilliseconds?: number
  /** A connection silent for so long counts as cut; 60,000 by default. */
  readonly idleMilliseconds?: number
}

/** What makes the rest of a file belong to the part that is there. */
interface Validator {
  readonly url: string
  readonly etag?: string
  readonly lastModified?: string
}

/**
 * Fetches `url` into the file `target`. What a cut connection, or a process that was killed, left in `target.part` is resumed by an HTTP
 * range when the server still has the same file (If-Range), else fetched again from the start; the file appears under its name
 * when it is whole and its checksum is right. One process at a time: the caller holds the lock.
 * Throws `not-found` for 404 and 410, `network` when the server cannot be reached or refuses, `checksum` for other content
 * than announced, `storage` when the disk is full, `aborted`.
 */
export async function download(url: string, target: string, options: DownloadOptions = {}): Promise<void> {
  const { attempts = 5, backoffMilliseconds = 500, signal } = options
  await mkdir(dirname(target), { recursive: true }).catch((thrown: unknown) => {
    throw storageError(dirname(target), thrown)
  })
  let failures = 0
  let resumed = (await sizeOf(partOf(target))) > 0
  for (;;) {
    throwIfAborted(signal)
    const before = await sizeOf(partOf(target))
    try {
      await transfer(url, target, options)
      const actual = options.md5 === undefined ? undefined : await md5(partOf(target))
      if (actual === options.md5) break
      await discard(target)
      // A file put together from two attempts may be a mixture: one fresh attempt tells.
      if (resumed) {
        resumed = false
        continue
      }
      throw new RankineError(
        "checksum",
        `${url} arrived whole, yet with MD5 ${actual} instead of ${options.md5}: the file on the server has changed, or ` +
          "something on the way altered it; try again later or another base address",
        { details: { url, expected: options.md5, actual } },
      )
    } catch (thrown) {
      if (signal?.aborted) throwIfAborted(signal)
      if (thrown instanceof RankineError) throw thrown
      failures = (await sizeOf(partOf(target))) > before ? 1 : failures + 1
      if (failures >= attempts) throw networkError(url, thrown)
      resumed = true
      const asked = thrown instanceof Refused ? thrown.retryAfter : undefined
      await delay(asked ?? backoffMilliseconds * 2 ** (failures - 1), undefined, signal ? { signal } : {}).catch(
        () => {},
      )
    }
  }
  await rename(partOf(target), target)
  await rm(validatorOf(target), { force: true })
}

const partOf = (target: string): string => `${target}.part`
const validatorOf = (target: string): string => `${target}.part.json`

/** An answer that may be another one later. */
class Refused extends Error {
  constructor(
    message: string,
    readonly retryAfter: number | undefined,
  ) {
    super(message)
  }
}

async function transfer(url: string, target: string, options: DownloadOptions): Promise<void> {
  const { idleMilliseconds = 60_000 } = options
  const idle = new AbortController()
  let timer = setTimeout(() => idle.abort(), idleMilliseconds)
  const alive = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => idle.abort(), idleMilliseconds)
  }
  const signal = options.signal ? AbortSignal.any([options.signal, idle.signal]) : idle.signal
  try {
    let offset = await sizeOf(partOf(target))
    const validator = offset > 0 ? await readValidator(target) : undefined
    const condition = validator?.url === url ? (validator.etag ?? validator.lastModified) : undefined
    // Without a validator only a checksum could tell a mixture of two versions.
    if (offset > 0 && condition === undefined && !(options.md5 !== undefined && validator?.url === url)) {
      await discard(target)
      offset = 0
    }
    const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "rankine" }
    if (offset > 0) headers.range = `bytes=${offset}-`
    if (offset > 0 && condition !== undefined) headers["if-range"] = condition
    const response = await fetch(url, { headers, signal, redirect: "follow" })
    const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "")
    if (response.status === 416 && offset > 0) {
      await response.body?.cancel()
      if (range?.[2] === String(offset)) return
      await discard(target)
      throw new Refused("the server has another file than the one begun", 0)
    }
    if (!response.ok) await refuse(url, response)
    const append = response.status === 206 && range?.[1] === String(offset)
    if (response.status === 206 && !append) {
      await response.body?.cancel()
      await discard(target)
      throw new Refused("the server sent another range than asked for", 0)
    }
    if (!append) offset = 0
    const length = Number(response.headers.get("content-length") ?? Number.NaN)
    const total = append && range?.[2] !== "*" ? Number(range![2]) : offset + length
    await writeValidator(target, url, response.headers)
    const received = await save(response, target, append, offset, total, alive, options)
    if (Number.isFinite(total) && received !== total)
      throw new Error(`the connection was cut after ${received} of ${total} bytes`)
  } finally {
    clearTimeout(timer)
  }
}

async function save(
  response: Response,
  target: string,
  append: boolean,
  offset: number,
  total: number,
  alive: () => void,
  options: DownloadOptions,
): Promise<number> {
  const file = await open(partOf(target), append ? "a" : "w").catch((thrown: unknown) => {
    throw storageError(partOf(target), thrown)
  })
  const report = (): void =>
    options.onProgress?.({
      stage: "download",
      done: offset,
      unit: "bytes",
      ...(Number.isFinite(total) ? { total } : {}),
    })
  try {
    report()
    for await (const bytes of response.body ?? []) {
      alive()
      await file.writeFile(bytes).catch((thrown: unknown) => {
        throw storageError(partOf(target), thrown)
      })
      offset += bytes.length
      report()
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return offset
}

/** Answers that another attempt may change are thrown as Refused, the others as they are to reach the caller. */
async function refuse(url: string, response: Response): Promise<never> {
  await response.body?.cancel()
  const { status } = response
  if (status === 404 || status === 410)
    throw new RankineError("not-found", `the server has no file ${url} (HTTP ${status}); check the base address`, {
      details: { url, status },
    })
  if (status < 500 && status !== 408 && status !== 425 && status !== 429)
    throw new RankineError("network", `the server refused ${url} (HTTP ${status} ${response.statusText})`, {
      details: { url, status },
    })
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN)
  throw new Refused(`HTTP ${status}`, Number.isFinite(seconds) ? Math.min(seconds, 60) * 1000 : undefined)
}

async function readValidator(target: string): Promise<Validator | undefined> {
  try {
    return JSON.parse(await readFile(validatorOf(target), "utf8")) as Validator
  } catch {
    return undefined
  }
}

async function writeValidator(target: string, url: string, headers: Headers): Promise<void> {
  const etag = headers.get("etag")
  const lastModified = headers.get("last-modified")
  const validator: Validator = {
    url,
    // A weak tag promises the same meaning, not the same bytes (RFC 9110, 8.8.1).
    ...(etag && !etag.startsWith("W/") ? { etag } : {}),
    ...(lastModified ? { lastModified } : {}),
  }
  await writeFile(validatorOf(target), JSON.stringify(validator)).catch((thrown: unknown) => {
    throw storageError(validatorOf(target), thrown)
  })
}

async function discard(target: string): Promise<void> {
  await rm(partOf(target), { force: true })
  await rm(validatorOf(target), { force: true })
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (info) => info.size,
    () => 0,
  )
}

/** The MD5 of a file: what BEIR publishes; against accidents, not against an adversary. */
async function md5(path: string): Promise<string> {
  const hash = createHash("md5")
  for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(bytes as Buffer)
  return hash.digest("hex")
}

function storageError(path: string, thrown: unknown): RankineError {
  const full =
    (thrown as NodeJS.ErrnoException).code === "ENOSPC" ? "; free some space, the download goes on from here" : ""
  return new RankineError("storage", `cannot write ${path}: ${toRankineError(thrown).message}${full}`, {
    cause: thrown,
  })
}

function networkError(url: string, thrown: unknown): RankineError {
  const error = toRankineError(thrown)
  const inner = thrown instanceof Error ? thrown.cause : undefined
  const reason = inner instanceof Error ? `${error.message}: ${inner.message}` : error.message
  return new RankineError("network", `cannot fetch ${url} (${reason})`, { cause: thrown, details: { url } })
}
