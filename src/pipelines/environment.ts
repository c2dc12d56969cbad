/** What a measurement was made with: versions and machine, without names of hosts, users or paths. @module */
import { readFileSync } from "node:fs"
import { availableParallelism, cpus, totalmem } from "node:os"

/** Rankine's own version. */
export function packageVersion(): string {
  // The package's root is two folders above the source of this file, and three above its build in dist.
  for (const root of ["../../", "../../../"]) {
    const manifest = readManifest(new URL(`${root}package.json`, import.meta.url))
    if (manifest?.name === "rankine" && manifest.version) return manifest.version
  }
  return "unknown"
}

function readManifest(file: URL): { readonly name?: string; readonly version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch {
    return undefined
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
