/** What a measurement was made with: versions and machine, without names of hosts, users or paths. @module */
import { readFileSync } from "node:fs"
import { availableParallelism, cpus, totalmem } from "node:os"
import { join } from "node:path"
import { packageRoot } from "../core/package-root.js"

/** Rankine's own version. */
export function packageVersion(): string {
  try {
    const manifest = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version?: string }
    return manifest.version || "unknown"
  } catch {
    // A copy of the code without its manifest still works.
    return "unknown"
  }
}

export function versions(): Record<string, string> {
  return { rankine: packageVersion(), node: process.versions.node, v8: process.versions.v8 }
}

export interface Machine {
  readonly [property: string]: string | number
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly platform: string
  readonly arch: string
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() || "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: process.platform,
    arch: process.arch,
  }
}

/** The most memory that this process has held so far. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}
