/** What a result depends on besides the code: machine, versions, commit. @module */
import { spawnSync } from "node:child_process"
import { cpus, release, totalmem, type } from "node:os"
import { benchFolder } from "./engines.mjs"

function firstLine(program, args) {
  const result = spawnSync(program, args, { cwd: benchFolder, encoding: "utf8" })
  return result.status === 0 ? result.stdout.trim().split("\n")[0] : undefined
}

export function describeMachine() {
  const processors = cpus()
  return {
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    commit: firstLine("git", ["rev-parse", "--short", "HEAD"]) ?? "unknown",
    changed: (firstLine("git", ["status", "--porcelain", "--untracked-files=no"]) ?? "") !== "",
  }
}

/** Is there a `taskset` that can hold a process on one core? */
export function canPin() {
  return spawnSync("taskset", ["-c", "0", "true"]).status === 0
}
