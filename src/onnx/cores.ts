/** How many threads a model is worth. @module */
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"

let counted: number | undefined

/**
 * Physical cores that this process may use: two threads of one core share its arithmetic units, so that matrix products gain
 * nothing from the second. Limited by the process's affinity and, in a container, by its share of processor time.
 */
export function physicalCores(): number {
  counted ??= Math.max(
    1,
    Math.min(availableParallelism(), coresOf(read("/proc/cpuinfo")), quotaOf(read("/sys/fs/cgroup/cpu.max"))),
  )
  return counted
}

/** Distinct cores in the text of /proc/cpuinfo; Infinity where it does not name them (other systems, virtual machines on ARM). */
export function coresOf(cpuinfo: string): number {
  const cores = new Set<string>()
  for (const processor of cpuinfo.split(/\n\s*\n/)) {
    const core = /^core id\s*:\s*(\d+)/m.exec(processor)?.[1]
    if (core !== undefined) cores.add(`${/^physical id\s*:\s*(\d+)/m.exec(processor)?.[1] ?? 0} ${core}`)
  }
  return cores.size || Number.POSITIVE_INFINITY
}

/** Processors' worth of time in the text of a control group's cpu.max, rounded up; Infinity without a limit. */
export function quotaOf(text: string): number {
  const [quota, period] = text.trim().split(/\s+/).map(Number)
  return quota && period ? Math.ceil(quota / period) : Number.POSITIVE_INFINITY
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
