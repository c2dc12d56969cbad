/** Collections by name: downloaded once, checked, unpacked into the cache. @module */
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { RankineError, toRankineError } from "../src/core/errors.js"
import type { OnProgress } from "../src/core/progress.js"
import { cacheDirectory } from "./cache.js"
import { type DownloadOptions, download } from "./download.js"
import { withLock } from "./lock.js"
import { BEIR_BASE_URL, type DatasetEntry, findEntry, listDatasets } from "./registry.js"
import { unzip } from "./unzip.js"

export interface FetchOptions {
  /** Where collections are kept; `RANKINE_CACHE` or `~/.cache/rankine` by default. */
  readonly cacheDir?: string
  /** The address that holds `scifact.zip`; BEIR's public server by default. */
  readonly baseUrl?: string
  readonly signal?: AbortSignal
  /** Stages `download` (bytes), `unpack` (files), `wait` (another process is fetching the same). */
  readonly onProgress?: OnProgress
  /** Another MD5 than the registry's, or `false` for none: a mirror may pack the same files differently. */
  readonly md5?: string | false
  readonly transfer?: Omit<DownloadOptions, "md5" | "signal" | "onProgress">
}

/**
 * Makes sure that a collection lies in the cache and returns its directory. A second call, or a second process, finds it there.
 * Throws `not-found` for an unknown name or one that cannot be fetched, and what `download` and `unzip` throw; an
 * error of the network names the address, the cache, and how to do without.
 */
export async function fetchDataset(name: string, options: FetchOptions = {}): Promise<string> {
  const entry = findEntry(name)
  if (!entry) throw unknownName(name)
  if (entry.url === undefined)
    throw new RankineError(
      "not-found",
      `${entry.name} cannot be fetched by name; put its files into a folder and pass that (--data DIR)`,
    )
  const root = join(cacheDirectory(options.cacheDir), "datasets")
  const target = join(root, entry.name)
  if (await isDirectory(target)) return target
  await mkdir(root, { recursive: true }).catch((thrown: unknown) => {
    throw new RankineError(
      "storage",
      `cannot write the cache ${root}: ${toRankineError(thrown).message}; set RANKINE_CACHE`,
      {
        cause: thrown,
      },
    )
  })
  const { signal, onProgress } = options
  await withLock(
    `${target}.lock`,
    async () => {
      // Another process may have brought it while this one waited.
      if (!(await isDirectory(target))) await bring(entry, entry.url!, target, options)
    },
    {
      ...(signal ? { signal } : {}),
      onWait: () => onProgress?.({ stage: "wait", done: 0, unit: "bytes" }),
    },
  )
  return target
}

async function bring(entry: DatasetEntry, path: string, target: string, options: FetchOptions): Promise<void> {
  const { signal, onProgress } = options
  const url = `${(options.baseUrl ?? BEIR_BASE_URL).replace(/\/+$/, "")}/${path}`
  const archive = `${target}.zip`
  const md5 = options.md5 === undefined ? entry.md5 : options.md5 || undefined
  const common = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) }
  try {
    await download(url, archive, { ...options.transfer, ...common, ...(md5 === undefined ? {} : { md5 }) })
  } catch (thrown) {
    const error = toRankineError(thrown)
    if (error.code !== "network" && error.code !== "not-found") throw error
    throw new RankineError(
      error.code,
      `${error.message}. ${entry.name} is not in the cache ${dirname(target)} yet. Without a connection: unpack ${path} from elsewhere ` +
        "into a folder and pass that (--data DIR), or set the base address to a mirror",
      { cause: error, details: { ...error.details } },
    )
  }
  // What a killed process left: nobody else is unpacking while this one holds the lock.
  for (const name of await readdir(dirname(target)))
    if (name.startsWith(`${entry.name}.unpack-`))
      await rm(join(dirname(target), name), { recursive: true, force: true })
  // Unpacked beside its place, so that one rename makes all of it visible at once.
  const folder = await mkdtemp(`${target}.unpack-`)
  try {
    await unzip(archive, folder, common)
    await rename(await collectionRoot(folder, archive), target)
    await rm(archive, { force: true })
  } catch (thrown) {
    const error = toRankineError(thrown, "storage")
    // An archive that cannot be unpacked would fail again from the cache.
    if (error.code === "data") await rm(archive, { force: true })
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The single folder that BEIR's archives hold, or the top when the files lie there. */
async function collectionRoot(folder: string, archive: string): Promise<string> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter((entry) => !/^(\.|__MACOSX)/.test(entry.name))
  if (entries.length === 0) throw new RankineError("data", `${archive} is empty; fetch it again`)
  const [only] = entries
  return entries.length === 1 && only!.isDirectory() ? join(folder, only!.name) : folder
}

/** The error for a name that is neither a path nor in the registry, with the names that come nearest. */
export function unknownName(name: string): RankineError {
  const near = listDatasets()
    .map((entry) => ({ name: entry.name, distance: editDistance(name.toLowerCase(), entry.name) }))
    .filter((entry) => entry.distance <= Math.max(2, name.length / 3))
    .sort((left, right) => left.distance - right.distance)
    .slice(0, 3)
    .map((entry) => entry.name)
  const hint = near.length > 0 ? `; did you mean ${near.join(" or ")}?` : "; `rankine datasets` lists the names"
  return new RankineError("not-found", `there is no file, folder or data set "${name}"${hint}`)
}

/** Levenshtein's distance, for suggestions. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (left[i - 1] === right[j - 1] ? 0 : 1)))
    row = next
  }
  return row[right.length]!
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  )
}
