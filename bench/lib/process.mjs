/** An engine in a process of its own: commands out, answers in, stopped when it takes too long or too much memory. @module */
import { spawn, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { oneThread } from "./engines.mjs"

const POLL_MILLISECONDS = 200
const STDERR_KEPT = 2000

/** Raised for an engine that was stopped or failed; the message goes into the table. */
export class EngineStopped extends Error {}

/** Resident bytes now and at the highest, or undefined where the system does not tell. */
function memoryOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8")
    const field = (name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, "m"))?.[1]) * 1024
    return { resident: field("VmRSS"), peak: field("VmHWM") }
  } catch {
    const listed = spawnSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })
    const resident = Number(listed.stdout) * 1024
    return resident > 0 ? { resident, peak: resident } : undefined
  }
}

export class EngineProcess {
  #child
  #waiting
  #errors = ""
  #peak = 0
  #busySeconds = 0
  #limits

  /**
   * `limits`: { seconds, bytes } for all that the engine does; `cpu`: the core (or cores, as `0,1`) to stay on, where `taskset` exists;
   * `env`: the variables that say how many threads libraries start.
   */
  constructor(engine, { limits, cpu, env = oneThread }) {
    this.engine = engine
    this.#limits = limits
    const [program, ...rest] = engine.command
    const [file, args] = cpu === undefined ? [program, rest] : ["taskset", ["-c", String(cpu), program, ...rest]]
    this.#child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } })
    this.#child.stderr.on("data", (chunk) => {
      this.#errors = (this.#errors + chunk).slice(-STDERR_KEPT)
    })
    this.#child.stdin.on("error", () => {})
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#waiting?.resolve(line))
    this.#child.on("error", (error) => this.#waiting?.reject(new EngineStopped(`does not start: ${error.message}`)))
    this.#child.on("close", (code, signal) => {
      const last = this.#errors.trim().split("\n").at(-1)
      this.#waiting?.reject(new EngineStopped(`ended (${signal ?? `exit ${code}`})${last ? `: ${last}` : ""}`))
    })
  }

  get peakBytes() {
    this.#readMemory()
    return this.#peak
  }

  get residentBytes() {
    return this.#readMemory()?.resident
  }

  #readMemory() {
    const memory = memoryOf(this.#child.pid)
    if (memory) this.#peak = Math.max(this.#peak, memory.peak)
    return memory
  }

  /** Sends one command and gives its answer. Throws EngineStopped on an error of the engine, or on a limit, after stopping it. */
  async ask(op, fields = {}) {
    const start = performance.now()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new EngineStopped("has ended")
    let poll
    let timer
    try {
      const line = await new Promise((resolve, reject) => {
        this.#waiting = { resolve, reject }
        const { seconds, bytes } = this.#limits
        timer = setTimeout(
          () => reject(new EngineStopped(`stopped: over ${Math.round(seconds / 60)} min at ${op}`)),
          Math.max(0, seconds - this.#busySeconds) * 1000,
        )
        poll = setInterval(() => {
          const memory = this.#readMemory()
          if (memory && memory.resident > bytes)
            reject(new EngineStopped(`stopped: over ${Math.round(bytes / 2 ** 30)} GB at ${op}`))
        }, POLL_MILLISECONDS)
        this.#child.stdin.write(`${JSON.stringify({ op, ...fields })}\n`)
      })
      const answer = JSON.parse(line)
      if (!answer.ok) throw new EngineStopped(`failed at ${op}: ${String(answer.error).split("\n")[0]}`)
      return answer
    } catch (error) {
      this.#child.kill("SIGKILL")
      throw error
    } finally {
      clearTimeout(timer)
      clearInterval(poll)
      this.#waiting = undefined
      this.#busySeconds += (performance.now() - start) / 1000
    }
  }

  /** Ends the process and waits until it is gone, so that its memory is free for the next collection. */
  async quit() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once("close", resolve))
    this.#child.stdin.end(`${JSON.stringify({ op: "quit" })}\n`)
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000)
    await gone
    clearTimeout(timer)
  }
}
