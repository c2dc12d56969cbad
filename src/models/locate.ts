/** Finds a model: a folder, a name among the local models or in a cache of the hub; and brings it from the hub. @module */
import { readdir, readFile, stat } from "node:fs/promises"
import { homedir } from "node:os"
import { isAbsolute, join, resolve, sep } from "node:path"
import { RankineError } from "../core/errors.js"
import { cachedFolder, type DownloadOptions, downloadModel, isOffline, isWholeModel, transformersCache } from "./hub.js"
import { loadRegistry } from "./registry/registry.js"

/** One of these makes a folder a model. */
const MODEL_FILES = ["config.json", "modules.json", "tokenizer.json", "model.safetensors"]

export interface LocateOptions {
  /** The folder of local models. Default: the environment variable RANKINE_MODELS, else `~/.cache/rankine/models`. */
  readonly modelsDir?: string
  /**
   * Bring a model that is not on this machine from the hub. Default: true for a name `organisation/name`, unless HF_HUB_OFFLINE is set;
   * a short name is downloaded only where this is true.
   */
  readonly download?: boolean
  /** Which revision and which weights, and where they are kept. */
  readonly hub?: DownloadOptions
}

/** The part of a loader's options that says where a model is, and the rest. */
export function splitLocateOptions<Options extends LocateOptions>(
  options: Options,
): [where: LocateOptions, rest: Omit<Options, keyof LocateOptions>] {
  const { modelsDir, download, hub, ...rest } = options
  const where = Object.entries({ modelsDir, download, hub }).filter(([, value]) => value !== undefined)
  return [Object.fromEntries(where), rest]
}

/** The folder of local models: RANKINE_MODELS, else `~/.cache/rankine/models`. */
export function defaultModelsDir(): string {
  return process.env.RANKINE_MODELS || join(homedir(), ".cache", "rankine", "models")
}

/**
 * The absolute folder of a model. Looked for, in this order: a folder of that path; a folder of that name, or of the part after the last
 * slash, among the local models; a hub name such as `org/name`, or a short name that the registry knows, in the Hugging Face cache
 * (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, else `~/.cache/huggingface/hub`), at its main revision, else the newest snapshot; the same in
 * the cache of @huggingface/transformers; the hub itself.
 *
 * @throws RankineError `not-found` naming every folder and file looked for, and how to provide them; what `downloadModel` throws
 */
export async function locateModel(nameOrPath: string, options: LocateOptions = {}): Promise<string> {
  if (nameOrPath.trim() === "")
    throw new RankineError("argument", "a model's name is empty: give a folder or a name such as all-MiniLM-L6-v2")
  const modelsDir = resolve(options.modelsDir ?? defaultModelsDir())
  const lookedAt: string[] = []
  const tried = async (folder: string, test = isModel): Promise<string | undefined> => {
    lookedAt.push(folder)
    return (await test(folder)) ? folder : undefined
  }
  const asPath = resolve(nameOrPath)
  const local = await tried(asPath)
  if (local) return local
  let brought = ""
  if (isHubName(nameOrPath)) {
    const names = [nameOrPath, nameOrPath.slice(nameOrPath.lastIndexOf("/") + 1)]
    for (const name of new Set(names)) {
      const found = await tried(join(modelsDir, ...name.split("/")))
      if (found) return found
    }
    const repository = nameOrPath.includes("/") ? nameOrPath : (await loadRegistry()).find(nameOrPath)?.repository
    const cache = transformersCache()
    const allowed = options.download ?? (nameOrPath.includes("/") && !isOffline() && cache !== undefined)
    const whole = (folder: string) => isWholeModel(folder, options.hub)
    for (const folder of await snapshotsOf(repository ?? nameOrPath, options.hub?.revision, lookedAt)) {
      // A snapshot may hold no more than what some program once asked for.
      const found = await tried(folder, allowed ? whole : isModel)
      if (found) return found
    }
    if (cache !== undefined && repository !== undefined) {
      const found = await tried(cachedFolder(cache, repository, options.hub?.revision), whole)
      if (found) return found
    }
    if (allowed && repository !== undefined)
      return downloadModel(repository, options.hub).catch((thrown: unknown) => {
        if (!(thrown instanceof RankineError) || thrown.code === "aborted") throw thrown
        const { code, message, details } = thrown
        throw new RankineError(code, `${message}. Looked for before: ${lookedAt.join("; ")}`, {
          cause: thrown.cause,
          details: { ...details, lookedAt },
        })
      })
    brought =
      repository === undefined
        ? ""
        : isOffline()
          ? " HF_HUB_OFFLINE forbids downloads."
          : cache === undefined
            ? " It can be downloaded from the hub with: npm i @huggingface/transformers."
            : ` It can be downloaded from the hub: ask for ${repository}, with downloads allowed.`
  }
  throw new RankineError(
    "not-found",
    `model ${nameOrPath} is not on this machine. Looked for ${MODEL_FILES.join(", ")} in: ${lookedAt.join("; ")}.${brought} ` +
      `Give the path of its folder, or put the folder (config.json, model.safetensors, tokenizer.json) into ${modelsDir} ` +
      "(another place: RANKINE_MODELS), or download it with Hugging Face's own tool, whose cache is read",
    { details: { lookedAt, files: MODEL_FILES, modelsDir } },
  )
}

/** Names have at most one slash and no way out of the folder they are looked for in. */
function isHubName(name: string): boolean {
  if (isAbsolute(name) || (sep !== "/" && name.includes(sep))) return false
  const parts = name.split("/")
  return parts.length <= 2 && parts.every((part) => /^[\p{L}\p{N}_][\p{L}\p{N}._ +-]*$/u.test(part))
}

/** @internal Whether a folder holds anything of a model. */
export async function isModel(folder: string): Promise<boolean> {
  for (const file of MODEL_FILES) {
    // Following links: a cache's entry whose target is gone does not count.
    const found = await stat(join(folder, file)).catch(() => undefined)
    if (found?.isFile()) return true
  }
  return false
}

/** @internal The cache of Hugging Face's own tools. */
export function hubCache(): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = process.env
  if (HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE) return (HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE)!
  return join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface"), "hub")
}

/** @internal Snapshot folders of a repository: that of the revision asked for, else the main one's first, then from new to old. */
export async function snapshotsOf(name: string, revision?: string, lookedAt: string[] = []): Promise<string[]> {
  const repository = join(hubCache(), `models--${name.replaceAll("/", "--")}`)
  const folder = join(repository, "snapshots")
  const names = await readdir(folder).catch(() => [] as string[])
  if (names.length === 0) lookedAt.push(folder)
  const reference = revision ?? "main"
  const commit = (await readFile(join(repository, "refs", reference), "utf8").catch(() => reference)).trim()
  const dated = await Promise.all(
    names.map(async (each) => ({
      path: join(folder, each),
      time: each === commit ? Number.POSITIVE_INFINITY : (await stat(join(folder, each))).mtimeMs,
    })),
  )
  return dated
    .filter(({ time }) => revision === undefined || time === Number.POSITIVE_INFINITY)
    .sort((a, b) => b.time - a.time)
    .map(({ path }) => path)
}
