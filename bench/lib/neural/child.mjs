/** A script of ours in a process of its own that prints one JSON line, so that its memory is its own. @module */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { benchFolder, threadLimits } from "../engines.mjs"

const STDERR_KEPT = 2000

/**
 * Runs bench/engines/neural/SCRIPT with `settings` and gives what it printed. Throws Error with the last line of its errors where it fails
 * or is stopped after `limits.seconds`.
 */
export async function runChild(script, settings, { threads, cpu, limits, onStatus }) {
  const command = [process.execPath, "--expose-gc", join(benchFolder, "engines", "neural", script)]
  const [file, ...args] = cpu === undefined ? command : ["taskset", "-c", cpu, ...command]
  const env = { ...process.env, ...threadLimits(threads) }
  const child = spawn(file, [...args, JSON.stringify({ threads, ...settings })], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  })
  let errors = ""
  let answer
  child.stderr.on("data", (chunk) => {
    errors = (errors + chunk).slice(-STDERR_KEPT)
  })
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { status, ...rest } = JSON.parse(line)
    if (status === undefined) answer = rest
    else onStatus?.(status)
  })
  const timer = setTimeout(() => child.kill("SIGKILL"), limits.seconds * 1000)
  const { code, signal } = await new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (status, killed) => resolve({ code: status, signal: killed }))
  }).finally(() => clearTimeout(timer))
  if (code === 0 && answer) return answer
  if (signal === "SIGKILL") throw new Error(`stopped: over ${Math.round(limits.seconds / 60)} min`)
  const last =
    errors
      .trim()
      .split("\n")
      .findLast((line) => /error/i.test(line)) ?? errors.trim().split("\n").at(-1)
  throw new Error(`ended (${signal ?? `exit ${code}`})${last ? `: ${last}` : ""}`)
}

/** As `runChild`, with a failure as a row's reason. */
export async function rowOf(name, script, settings, options) {
  try {
    return { name, ...(await runChild(script, settings, options)) }
  } catch (error) {
    return { name, absent: error.message }
  }
}
