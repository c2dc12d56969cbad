/** Processes killed while they save over an index, and what is found there afterwards. @module */
import { spawn } from "node:child_process"
import { cp, rm } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { benchFolder } from "../engines.mjs"
import { runChild } from "./child.mjs"

const KILLS = 20
const MORE = 1000

/** Starts the overwriting process and kills it so many milliseconds after it said that it saves. True when it had not ended by then. */
function overwriteAndKill(settings, milliseconds) {
  const script = join(benchFolder, "engines", "neural", "nearest.mjs")
  const child = spawn(process.execPath, [script, JSON.stringify(settings)], { stdio: ["ignore", "pipe", "inherit"] })
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (JSON.parse(line).status === "saving") setTimeout(() => child.kill("SIGKILL"), milliseconds)
  })
  return new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (_, signal) => resolve(signal === "SIGKILL"))
  })
}

/**
 * Saves an index of this kind, then again and again lets a process add 1,000 vectors and save, killing it at moments spread over the time that
 * saving takes. Afterwards the index must load and be the old one or the new one.
 */
export async function killWhileSaving(kind, { corpus: file, dimension }, folder, options) {
  const pristine = join(folder, "pristine")
  const directory = join(folder, "index")
  const settings = { file, dimension, directory, more: MORE }
  options.onStatus?.(`nearest: kills while ${kind} saves`)
  try {
    await runChild("nearest.mjs", { operation: "save", kind, ...settings, directory: pristine }, options)
  } catch (error) {
    return { kind, absent: error.message }
  }
  const restore = async () => {
    await rm(directory, { recursive: true, force: true })
    await cp(pristine, directory, { recursive: true })
  }
  await restore()
  const { seconds } = await runChild("nearest.mjs", { operation: "overwrite", ...settings }, options)
  const { size: full } = await runChild("nearest.mjs", { operation: "check", ...settings }, options)
  const found = { kind, kills: 0, whole: 0, before: 0, after: 0, damaged: 0, saveSeconds: seconds }
  for (let i = 0; i < KILLS; i++) {
    await restore()
    const killed = await overwriteAndKill({ operation: "overwrite", ...settings }, ((i + 0.5) / KILLS) * seconds * 1000)
    if (!killed) continue
    found.kills++
    try {
      const { size, intact } = await runChild("nearest.mjs", { operation: "check", ...settings }, options)
      if (!intact || (size !== full && size !== full - MORE)) found.damaged++
      else {
        found.whole++
        found[size === full ? "after" : "before"]++
      }
    } catch {
      found.damaged++
    }
  }
  return found
}
