/** One process at a time, across processes and machines that share a file system. @module */
import { randomUUID } from "node:crypto"
import { open, readFile, rm, stat, utimes } from "node:fs/promises"
import { hostname } from "node:os"
import { setTimeout as delay } from "node:timers/promises"
import { RankineError, throwIfAborted, toRankineError } from "../src/core/errors.js"

export interface LockOptions {
  readonly signal?: AbortSignal
  /** Called once when another process holds the lock. */
  readonly onWait?: () => void
  /** A lock whose holder gave no sign for so long is taken over; 30,000 by default. */
  readonly staleMilliseconds?: number
}

/**
 * Runs `work` while holding the lock file `path`, waiting while another process holds it. The holder touches the file
 * every few seconds: one that was killed leaves a file that is taken over, at once on the same machine.
 * Throws `storage` when the file cannot be written, `aborted` when the signal fires while waiting.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const { signal, onWait, staleMilliseconds = 30_000 } = options
  const token = `${hostname()} ${process.pid} ${randomUUID()}`
  let waited = false
  while (!(await acquire(path, token))) {
    throwIfAborted(signal)
    if (await isStale(path, staleMilliseconds)) {
      await takeOver(path, token, staleMilliseconds)
      continue
    }
    if (!waited) onWait?.()
    waited = true
    await delay(Math.min(250, staleMilliseconds / 4))
  }
  const beat = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {})
  }, staleMilliseconds / 6)
  beat.unref()
  try {
    return await work()
  } finally {
    clearInterval(beat)
    // Another process may have taken over from a holder that slept: its lock is not ours to remove.
    if ((await readFile(path, "utf8").catch(() => "")) === token) await rm(path, { force: true })
  }
}

/** Its holder gave no sign for too long, or was a process of this machine that is no more. */
async function isStale(path: string, staleMilliseconds: number): Promise<boolean> {
  try {
    const [info, token] = await Promise.all([stat(path), readFile(path, "utf8")])
    if (Date.now() - info.mtimeMs > staleMilliseconds) return true
    const [host, pid] = token.split(" ")
    return host === hostname() && /^\d+$/.test(pid ?? "") && !isRunning(Number(pid))
  } catch {
    return false
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== "ESRCH"
  }
}

/** Removes a stale lock. The guard keeps two who wait from removing first the old lock and then each other's new one. */
async function takeOver(path: string, token: string, staleMilliseconds: number): Promise<void> {
  const guard = `${path}.takeover`
  if (!(await acquire(guard, token))) {
    if (await isStale(guard, staleMilliseconds)) await rm(guard, { force: true })
    await delay(10)
    return
  }
  try {
    if (await isStale(path, staleMilliseconds)) await rm(path, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}

async function acquire(path: string, token: string): Promise<boolean> {
  try {
    const file = await open(path, "wx")
    try {
      await file.writeFile(token)
    } finally {
      await file.close()
    }
    return true
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "EEXIST") return false
    throw new RankineError("storage", `cannot write ${path}: ${toRankineError(thrown).message}`, { cause: thrown })
  }
}
