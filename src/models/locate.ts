/** Finds a model on this machine: a folder, a name among the local models, or a name in the hub's cache. @module */
import { readdir, readFile, stat } from "node:fs/promises"
import { homedir } from "node:os"
import { isAbsolute, join, resolve, sep } from "node:path"
import { RankineError } from "../core/errors.js"

/** One of these makes a folder a model. */
const MODEL_FILES = ["config.json", "modules.json", "tokenizer.json", "model.safetensors"]

export interface LocateOptions {
  /** The folder of local models. Default: the environment variable RANKINE_MODELS, else `~/.cache/rankine/models`. */
  readonly modelsDir?: string
}

/** The folder of local models: RANKINE_MODELS, else `~/.cache/rankine/models`. */
export function defaultModelsDir(): string {
  return process.env.RANKINE_MODELS || join(homedir(), ".cache", "rankine", "models")
}

/**
 * The absolute folder of a model; nothing is downloaded. Looked for, in this order: a folder of that path; a folder of that name, or of
 * the part after the last slash, among the local models; a hub name such as `org/name` in the Hugging Face cache
 * (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, else `~/.cache/huggingface/hub`), at its main revision, else the newest snapshot.
 *
 * @throws RankineError `not-found` naming every folder and file looked for, and how to provide them
 */
export async function locateModel(nameOrPath: string, options: LocateOptions = {}): Promise<string> {
  if (nameOrPath.trim() === "")
    throw new RankineError("argument", "a model's name is empty: give a folder or a name such as all-MiniLM-L6-v2")
  const modelsDir = resolve(options.modelsDir ?? defaultModelsDir())
  const lookedAt: string[] = []
  const tried = async (folder: string): Promise<string | undefined> => {
    lookedAt.push(folder)
    return (await isModel(folder)) ? folder : undefined
  }
  const asPath = resolve(nameOrPath)
  const local = await tried(asPath)
  if (local) return local
  if (isHubName(nameOrPath)) {
    const names = [nameOrPath, nameOrPath.slice(nameOrPath.lastIndexOf("/") + 1)]
    for (const name of new Set(names)) {
      const found = await tried(join(modelsDir, ...name.split("/")))
      if (found) return found
    }
    const repository = join(hubCache(), `models--${nameOrPath.replaceAll("/", "--")}`)
    const snapshots = await snapshotsOf(repository)
    if (snapshots.length === 0) lookedAt.push(join(repository, "snapshots"))
    for (const snapshot of snapshots) {
      const found = await tried(snapshot)
      if (found) return found
    }
  }
  throw new RankineError(
    "not-found",
    `model ${nameOrPath} is not on this machine. Looked for ${MODEL_FILES.join(", ")} in: ${lookedAt.join("; ")}. ` +
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

async function isModel(folder: string): Promise<boolean> {
  for (const file of MODEL_FILES) {
    // Following links: a cache's entry whose target is gone does not count.
    const found = await stat(join(folder, file)).catch(() => undefined)
    if (found?.isFile()) return true
  }
  return false
}

function hubCache(): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = process.env
  if (HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE) return (HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE)!
  return join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface"), "hub")
}

/** Snapshot folders, the main revision first, then from new to old. */
async function snapshotsOf(repository: string): Promise<string[]> {
  const folder = join(repository, "snapshots")
  const names = await readdir(folder).catch(() => [] as string[])
  const main = (await readFile(join(repository, "refs", "main"), "utf8").catch(() => "")).trim()
  const dated = await Promise.all(
    names.map(async (name) => ({
      path: join(folder, name),
      time: name === main ? Number.POSITIVE_INFINITY : (await stat(join(folder, name))).mtimeMs,
    })),
  )
  return dated.sort((a, b) => b.time - a.time).map(({ path }) => path)
}
