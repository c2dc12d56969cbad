/** Brings models from the hub, through @huggingface/transformers' settings into @huggingface/transformers' cache. @module */
import { rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { RankineError, throwIfAborted } from "../core/errors.js"
import { loadOptional } from "../core/optional.js"
import type { OnProgress } from "../core/progress.js"
import { fetchFile, type Hub, HubFileError } from "./hub-file.js"
import { readModelJson } from "./model-files.js"
import { type OnnxChoice, onnxFileNames } from "./onnx-files.js"

export interface DownloadOptions extends OnnxChoice {
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string
  /** The folder that keeps what was downloaded. Default: `env.cacheDir` of @huggingface/transformers. */
  readonly cacheDir?: string
  readonly signal?: AbortSignal
  readonly onProgress?: OnProgress
}

/** The settings of @huggingface/transformers that say where files come from and where they go. */
interface TransformersModule {
  readonly env: {
    readonly remoteHost: string
    readonly remotePathTemplate: string
    readonly allowRemoteModels: boolean
    readonly cacheDir: string | null
    readonly fetch: typeof fetch
  }
}

/** What a tokenizer and a model need beside their weights; `config.json` and `tokenizer.json` must be there. */
const smallFiles = [
  "tokenizer_config.json",
  "special_tokens_map.json",
  "modules.json",
  "config_sentence_transformers.json",
  "sentence_bert_config.json",
  "artifact.metadata",
  "chat_template.jinja",
]

/** HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbid downloads. */
export function isOffline(): boolean {
  const { HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE } = process.env
  return [HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE].some((value) => /^(1|true|yes|on)$/i.test(value ?? ""))
}

/**
 * The cache of @huggingface/transformers, without loading the package: `.cache` in its own folder. Another one that a program sets
 * (`env.cacheDir`) is read when a model is downloaded. `undefined` where the package is not installed.
 */
export function transformersCache(): string | undefined {
  try {
    return join(dirname(dirname(fileURLToPath(import.meta.resolve("@huggingface/transformers")))), ".cache")
  } catch {
    return undefined
  }
}

/** Where the cache keeps a model: the main revision in the repository's folder, others in a folder inside. */
export function cachedFolder(cache: string, repository: string, revision = "main"): string {
  return join(cache, ...repository.split("/"), ...(revision === "main" ? [] : [revision]))
}

/**
 * Whether a folder of a cache holds a whole model with the weights asked for: they arrive last, and under their names only when they are
 * complete, so where there are weights there is everything.
 */
export async function isWholeModel(folder: string, choice: OnnxChoice = {}): Promise<boolean> {
  const exists = async (name: string) => (await stat(join(folder, name)).catch(() => undefined))?.isFile() === true
  if (!(await exists("tokenizer.json"))) return false
  for (const name of wantedWeights(choice)) if (await exists(name)) return true
  return false
}

const safetensorsFiles = ["model.safetensors", "model.safetensors.index.json"]

/** Any of these will do. */
function wantedWeights(choice: OnnxChoice): string[] {
  if (choice.file !== undefined || choice.weights === "onnx") return onnxFileNames(choice)
  return choice.weights === "safetensors" ? safetensorsFiles : [...safetensorsFiles, ...onnxFileNames(choice)]
}

/**
 * Downloads a model and returns its folder: configuration, tokenizer, the files of sentence-transformers, and weights. A file is written
 * under another name until it is complete and flushed, and weights come last: whatever interrupts this leaves no folder that is taken for
 * a model, and what has arrived is not fetched again.
 *
 * @param repository `organisation/name`
 * @throws RankineError `dependency` without @huggingface/transformers; `not-found` where the repository or a file that is needed does not
 *   exist or may not be read; `network` where the hub cannot be reached or breaks off; `storage` where a file cannot be written; `aborted`
 */
export async function downloadModel(repository: string, options: DownloadOptions = {}): Promise<string> {
  const { revision = "main", signal } = options
  throwIfAborted(signal)
  if (isOffline())
    throw unavailable(repository, "not-found", "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids downloads")
  const { env } = await loadOptional<TransformersModule>("@huggingface/transformers")
  const cache = options.cacheDir ?? env.cacheDir ?? undefined
  if (cache === undefined)
    throw new RankineError(
      "configuration",
      "@huggingface/transformers has no cacheDir: set env.cacheDir, or give cacheDir",
    )
  const folder = cachedFolder(cache, repository, revision)
  if (await isWholeModel(folder, options)) return folder
  if (!env.allowRemoteModels)
    throw unavailable(repository, "not-found", "env.allowRemoteModels of @huggingface/transformers is false")
  const path = env.remotePathTemplate
    .replaceAll("{model}", repository)
    .replaceAll("{revision}", encodeURIComponent(revision))
  const hub: Hub = { base: new URL(path.endsWith("/") ? path : `${path}/`, env.remoteHost), folder, fetch: env.fetch }
  try {
    await bring(hub, repository, options)
  } catch (thrown) {
    if (thrown instanceof HubFileError) throw unavailable(repository, thrown.code, thrown.message, thrown.cause)
    throw thrown
  }
  return folder
}

async function bring(hub: Hub, repository: string, options: DownloadOptions): Promise<void> {
  const { signal, onProgress } = options
  let done = 0
  const get = async (name: string): Promise<boolean> => {
    throwIfAborted(signal)
    const found = await fetchFile(hub, name, signal)
    if (found) onProgress?.({ stage: `download ${repository}`, done: ++done, unit: "files" })
    return found
  }
  const need = async (name: string): Promise<void> => {
    if (!(await get(name))) throw new HubFileError("not-found", `the repository has no ${name}`)
  }
  await need("config.json")
  await need("tokenizer.json")
  for (const name of smallFiles) await get(name)
  for (const { path, dense } of await modulesOf(hub.folder)) {
    await get(`${path}/config.json`)
    if (dense) await need(`${path}/model.safetensors`)
  }
  const looked: string[] = []
  for (const name of await weightFiles(hub.folder, options)) {
    looked.push(name)
    if (name.endsWith(".index.json") ? await getShards(hub, name, get, need) : await getWeights(name, get)) return
  }
  throw new HubFileError("not-found", `the repository has none of ${looked.join(", ")}`)
}

/** Weights in their order of preference. */
async function weightFiles(folder: string, options: OnnxChoice): Promise<string[]> {
  const { model_type: type } = (await readModelJson(folder, "config.json")) ?? {}
  const wanted = wantedWeights(options)
  return typeof type === "string" && builtFromWeights.has(type)
    ? wanted
    : wanted.sort((a, b) => Number(b.endsWith(".onnx")) - Number(a.endsWith(".onnx")))
}

/** Types of models whose graphs are built from safetensors. */
const builtFromWeights: ReadonlySet<string> = new Set([
  ...["bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet", "modernbert"],
  ...["model2vec", "t5", "llama", "qwen2", "qwen3", "mistral", "gemma3_text"],
])

/** Data beside a graph comes before it: a graph that is there can be loaded. */
async function getWeights(name: string, get: (name: string) => Promise<boolean>): Promise<boolean> {
  if (name.endsWith(".onnx")) for (const ending of ["_data", ".data"]) await get(name + ending)
  return get(name)
}

/** The index is read under another name and gets its own when all its files are there. */
async function getShards(
  hub: Hub,
  name: string,
  get: (name: string) => Promise<boolean>,
  need: (name: string) => Promise<void>,
): Promise<boolean> {
  const preview: Hub = { ...hub, folder: join(hub.folder, ".index") }
  if (!(await fetchFile(preview, name, undefined))) return false
  const { weight_map: map } = (await readModelJson(preview.folder, name)) ?? {}
  const shards = new Set(Object.values((map ?? {}) as Record<string, unknown>))
  for (const shard of shards)
    if (typeof shard === "string" && /^[\w.-]+\.safetensors$/.test(shard)) await need(shard)
    else throw new HubFileError("not-found", `${name} names ${JSON.stringify(shard)}, which is no file of weights`)
  await rm(preview.folder, { recursive: true, force: true })
  return get(name)
}

/** Folders that modules.json names and that hold settings or a projection. */
async function modulesOf(folder: string): Promise<{ path: string; dense: boolean }[]> {
  const modules = await readModelJson(folder, "modules.json")
  if (!Array.isArray(modules)) return []
  return (modules as { path?: unknown; type?: unknown }[]).flatMap(({ path, type }) =>
    typeof path === "string" && /^[\w-]+$/.test(path)
      ? [{ path, dense: typeof type === "string" && type.endsWith(".Dense") }]
      : [],
  )
}

function unavailable(repository: string, code: "not-found" | "network" | "storage", why: string, cause?: unknown) {
  return new RankineError(
    code,
    `model ${repository} is not on this machine and could not be downloaded: ${why}. Copy its files (config.json, tokenizer.json, ` +
      "tokenizer_config.json, for sentence encoders modules.json and the folders it names, and model.safetensors or onnx/model.onnx) " +
      `into a folder ${repository} inside the folder of local models (RANKINE_MODELS, else ~/.cache/rankine/models)`,
    { details: { repository }, ...(cause === undefined ? {} : { cause }) },
  )
}
