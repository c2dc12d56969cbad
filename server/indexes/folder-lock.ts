/** Keeps two processes from writing into one folder. @module */
import { readFile, rm, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { resolve } from "node:path"
import { setTimeout } from "node:timers/promises"
import { RankineError } from "../../src/core/index.js"
import { storageError } from "./durable.js"

const FILE = "lock.json"
const LONGEST_END_MS = 3000
const LOOK_EVERY_MS = 100

interface Holder {
  readonly pid: number
  readonly host: string
}

/** Folders of this process. */
const held = new Set<string>()

/**
 * Takes a folder. The lock of a process that is gone, or of another machine (a container that was replaced), is taken over: on storage that
 * several machines share it is for the operator to start one server only.
 *
 * @throws RankineError `storage` where a living process of this machine has it, this one included
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  const path = resolve(folder, FILE)
  const mine: Holder = { pid: process.pid, host: hostname() }
  if (held.has(path)) throw inUse(folder, "this process")
  held.add(path)
  try {
    await take(path, folder, mine)
  } catch (thrown) {
    held.delete(path)
    throw thrown
  }
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true })
      held.delete(path)
    },
  }
}

async function take(path: string, folder: string, mine: Holder): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await writeFile(path, JSON.stringify(mine), { flag: "wx" })
      return
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST" || tries > 2) throw storageError(path, cause)
    }
    const holder = await readHolder(path)
    const isOther = holder?.host === mine.host && holder.pid !== mine.pid
    if (isOther && !(await isGone(holder.pid))) throw inUse(folder, `process ${holder.pid}`)
    // One with our number was another one, before a restart: in containers most are number 1.
    await rm(path, { force: true })
  }
}

function inUse(folder: string, who: string): RankineError {
  return new RankineError("storage", `${folder} is in use by ${who}: end it, or give this server a folder of its own`)
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Holder
  } catch {
    return undefined
  }
}

/** Waits for one that is about to end: a server is often started again right after it was told to stop. */
async function isGone(pid: number): Promise<boolean> {
  for (let waited = 0; waited < LONGEST_END_MS; waited += LOOK_EVERY_MS) {
    if (!isAlive(pid)) return true
    await setTimeout(LOOK_EVERY_MS)
  }
  return !isAlive(pid)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM"
  }
}
