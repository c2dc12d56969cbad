/** One file from the hub, whole or not at all. @module */
import { randomBytes } from "node:crypto"
import { mkdir, open, rename, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { throwIfAborted } from "../core/errors.js"
import { openSafetensors } from "./checkpoint/safetensors.js"

export interface Hub {
  /** Files are named relative to it. */
  readonly base: URL
  /** Where they go. */
  readonly folder: string
  readonly fetch: typeof fetch
}

/** Why a file did not come; whoever asked for a model says which one, and what to do. */
export class HubFileError extends Error {
  constructor(
    readonly code: "not-found" | "network" | "storage",
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause })
  }
}

/** A server that says nothing for so long is taken for gone. */
const PATIENCE_MS = 30_000

/**
 * Fetches a file into the folder under its own name; one that is there is not fetched again.
 *
 * @returns false where the repository has no such file
 * @throws HubFileError `not-found` without permission, `network` for all other answers and a body that breaks off, `storage` where it cannot
 *   be written; RankineError `aborted`
 */
export async function fetchFile(hub: Hub, name: string, signal: AbortSignal | undefined): Promise<boolean> {
  const path = join(hub.folder, ...name.split("/"))
  if ((await stat(path).catch(() => undefined))?.isFile()) return true
  const url = new URL(name, hub.base)
  const silence = new AbortController()
  const stop = AbortSignal.any(signal ? [signal, silence.signal] : [silence.signal])
  const watch = setTimeout(() => silence.abort(), PATIENCE_MS)
  try {
    const response = await hub.fetch(url, { headers: headersFor(url), signal: stop })
    if (response.status === 404) {
      await response.body?.cancel()
      return false
    }
    if (response.status === 401 || response.status === 403) {
      await response.body?.cancel()
      throw new HubFileError(
        "not-found",
        `${url} answered ${response.status}: there is no such repository, or it needs permission (set HF_TOKEN)`,
      )
    }
    if (!response.ok || !response.body) {
      await response.body?.cancel()
      throw new HubFileError("network", `${url} answered ${response.status}`)
    }
    await store(response, path, url, watch)
    return true
  } catch (thrown) {
    throwIfAborted(signal)
    if (thrown instanceof HubFileError) throw thrown
    const error = thrown as Error & { code?: string; syscall?: string; cause?: { code?: string; message?: string } }
    if (error.code && ["ENOSPC", "EACCES", "EPERM", "EROFS", "EDQUOT", "ENOTDIR"].includes(error.code))
      throw new HubFileError("storage", `${path} cannot be written (${error.message})`, error)
    const why = silence.signal.aborted
      ? `nothing came for ${PATIENCE_MS / 1000} seconds`
      : (error.cause?.code ?? error.cause?.message ?? error.message)
    throw new HubFileError("network", `${url} cannot be read (${why})`, error)
  } finally {
    clearTimeout(watch)
  }
}

/** Without compression, so that the announced length is that of the file. The token goes to the hub itself and nobody else. */
function headersFor(url: URL): Record<string, string> {
  const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "rankine" }
  const token = process.env.HF_TOKEN
  if (token && url.protocol === "https:" && /(^|\.)(huggingface\.co|hf\.co)$/.test(url.hostname))
    headers.authorization = `Bearer ${token}`
  return headers
}

async function store(response: Response, path: string, url: URL, watch: NodeJS.Timeout): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const partial = `${path}.part-${process.pid}-${randomBytes(4).toString("hex")}`
  const file = await open(partial, "wx")
  try {
    let received = 0
    try {
      for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
        watch.refresh()
        received += piece.length
        await file.writeFile(piece)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    const announced = response.headers.get("content-length")
    if (announced !== null && !response.headers.get("content-encoding") && Number(announced) !== received)
      throw new HubFileError("network", `${url} broke off after ${received} of ${announced} bytes`)
    await check(partial, path, url)
    await rename(partial, path)
  } catch (thrown) {
    await rm(partial, { force: true })
    throw thrown
  }
}

/** A server that announces no length can still break off: what has a length of its own is checked against it. */
async function check(partial: string, path: string, url: URL): Promise<void> {
  if (!path.endsWith(".safetensors")) return
  try {
    await openSafetensors(partial)
  } catch (thrown) {
    throw new HubFileError("network", `${url} did not come whole (${(thrown as Error).message})`, thrown)
  }
}
