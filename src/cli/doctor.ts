/** What this machine offers, and what to type for what it lacks. @module */
import { existsSync } from "node:fs"
import { readdir, stat, statfs } from "node:fs/promises"
import { availableParallelism, cpus, totalmem } from "node:os"
import { dirname, join } from "node:path"
import { loadOptional, type OptionalPackage, optionalPackages } from "../core/index.js"
import { type LocalModel, localModels } from "../models/locate-all.js"
import { identifyModel } from "../models/open-model.js"
import { checkModel, type ModelCheck } from "../models/open-model-check.js"
import { packageVersion } from "../pipelines/environment.js"
import { formatBytes, plural } from "./format.js"

/** `ok`: works. `missing`: something optional is not there. `problem`: Rankine itself will not work well. */
export type CheckStatus = "ok" | "missing" | "problem"

export interface Check {
  readonly name: string
  readonly status: CheckStatus
  readonly detail: string
  /** What to type, or to do, where something is not as it should be. */
  readonly remedy?: string
}

const MINIMUM_NODE = [20, 19] as const
const LITTLE_SPACE = 1e9

export async function examine(cacheDirectory: string): Promise<Check[]> {
  return [
    { name: "rankine", status: "ok", detail: packageVersion() },
    checkNode(process.versions.node),
    checkMachine(),
    checkSimd(),
    ...(await Promise.all((Object.keys(optionalPackages) as OptionalPackage[]).map(checkPackage))),
    await checkCache(cacheDirectory),
    await checkSpace("disk space of the cache", cacheDirectory),
    await checkSpace("disk space here", process.cwd()),
  ]
}

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const fits = major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])
  return fits
    ? { name: "Node.js", status: "ok", detail: version }
    : {
        name: "Node.js",
        status: "problem",
        detail: `${version}, too old`,
        remedy: `install Node.js ${MINIMUM_NODE.join(".")} or newer`,
      }
}

function checkMachine(): Check {
  const model = cpus()[0]?.model.trim() ?? "unknown processor"
  return {
    name: "machine",
    status: "ok",
    detail: `${process.platform} ${process.arch}, ${model}, ${plural(availableParallelism(), "core")}, ${formatBytes(totalmem())} memory`,
  }
}

// The smallest module with a SIMD instruction: a function that splats a zero (i32x4.splat) and drops it.
const simdModule = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0],
  ...[10, 9, 1, 7, 0, 65, 0, 253, 17, 26, 11],
)

function hasSimd(): boolean {
  try {
    new WebAssembly.Module(simdModule)
    return true
  } catch {
    return false
  }
}

function checkSimd(): Check {
  return hasSimd()
    ? { name: "WebAssembly SIMD", status: "ok", detail: "available" }
    : {
        name: "WebAssembly SIMD",
        status: "missing",
        detail: "not available: searching falls back to plain JavaScript, same results, slower",
        remedy: "use a processor with SSE4.1 or NEON and a Node.js built for it",
      }
}

interface OnnxRuntime {
  listSupportedBackends?(): readonly { readonly name: string; readonly bundled: boolean }[]
}

async function checkPackage(name: OptionalPackage): Promise<Check> {
  const { purpose, install } = optionalPackages[name]
  try {
    const loaded = await loadOptional<OnnxRuntime>(name)
    if (name !== "onnxruntime-node") return { name, status: "ok", detail: "loads" }
    const devices = (loaded.listSupportedBackends?.() ?? []).filter(({ bundled }) => bundled).map((one) => one.name)
    if (cudaFiles()) devices.push("cuda")
    return { name, status: "ok", detail: `loads; devices: ${devices.join(", ") || "cpu"}` }
  } catch {
    return { name, status: "missing", detail: `not available: ${purpose}`, remedy: install }
  }
}

/** CUDA's provider is a file of its own beside the library: there or not, whatever the binding lists. */
function cudaFiles(): boolean {
  try {
    const entry = new URL(import.meta.resolve("onnxruntime-node")).pathname
    const library = `bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime_providers_cuda.so`
    return existsSync(join(dirname(dirname(entry)), library))
  } catch {
    return false
  }
}

/** Each model on this machine with what it is; nothing is loaded. */
export async function listModels(): Promise<Check[]> {
  const models = await localModels()
  if (models.length === 0)
    return [
      {
        name: "models",
        status: "missing",
        detail: "none on this machine",
        remedy: "put a model's folder into RANKINE_MODELS (else ~/.cache/rankine/models)",
      },
    ]
  return Promise.all(models.map(listed))
}

async function listed(model: LocalModel): Promise<Check> {
  const name = `model ${model.name}`
  try {
    const { kind, entry } = await identifyModel(model.folder, { download: false })
    const known = entry === undefined ? "" : entry.golden ? ", can be checked with --models" : ", in the registry"
    return { name, status: "ok", detail: `${kind}${known} (${model.folder})` }
  } catch (thrown) {
    return { name, status: "ok", detail: `${(thrown as Error).message}` }
  }
}

/** The models on this machine whose numbers the registry knows, each loaded and compared. */
export async function checkKnownModels(): Promise<ModelCheck[]> {
  const checks: ModelCheck[] = []
  for (const { folder } of await localModels()) {
    const info = await identifyModel(folder, { download: false }).catch(() => undefined)
    // One after the other: together they might not fit into memory.
    if (info?.entry?.golden) checks.push(await checkModel(folder, { download: false }))
  }
  return checks
}

async function checkCache(directory: string): Promise<Check> {
  const name = "data set cache"
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    return { name, status: "ok", detail: `${directory} (${plural(files.length, "file")}, ${formatBytes(total)})` }
  } catch {
    return { name, status: "ok", detail: `${directory} (empty: filled by rankine datasets fetch NAME)` }
  }
}

async function checkSpace(name: string, directory: string): Promise<Check> {
  let existing = directory
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing)
  const { bavail, bsize } = await statfs(existing)
  const free = bavail * bsize
  return free >= LITTLE_SPACE
    ? { name, status: "ok", detail: `${formatBytes(free)} free` }
    : {
        name,
        status: "problem",
        detail: `only ${formatBytes(free)} free`,
        remedy: `free some space on the disk of ${existing}`,
      }
}
