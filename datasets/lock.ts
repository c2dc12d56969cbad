/** One process at a time, across processes and machines that share a file system. @module */
import { open, readFile, rm, stat, utimes } from "node:fs/promises"
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
 * every few seconds: one that was killed leaves a file that goes stale and is taken over.
 * Throws `storage` when the file cannot be written, `aborted` when the signal fires while waiting.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const { signal, onWait, staleMilliseconds = 30_000 } = options
  const token = `${process.pid} ${performance.timeOrigin + performance.now()} ${Math.random()}`
  let waited = false
  while (!(await acquire(path, token))) {
    throwIfAborted(signal)
    const age = await stat(path).then(
      (info) => Date.now() - info.mtimeMs,
      () => 0,
    )
    if (age > staleMilliseconds) {
      await rm(path, { force: true })
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
