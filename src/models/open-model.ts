/** Opens a model of any kind by its name: what it is follows from the registry and from its own files. @module */
import { basename } from "node:path"
import { RankineError } from "../core/errors.js"
import { type CrossEncoder, loadCrossEncoder } from "./cross-encoder.js"
import { embeddedModel, isEmbedded } from "./embedded.js"
import { type Embedder, type EmbedderOptions, loadEmbedder } from "./embedder.js"
import type { EncoderSettings } from "./encoder/load.js"
import { type LocateOptions, locateModel } from "./locate.js"
import { readModelJson } from "./model-files.js"
import { loadMultiVectorEncoder, type MultiVectorEncoder } from "./multi-vector-encoder.js"
import { kindFromFiles } from "./open-model-kind.js"
import type { ModelKind, RegistryEntry } from "./registry/entry.js"
import { loadRegistry, type RegistryOptions } from "./registry/registry.js"
import { readSentenceTransformer } from "./sentence-transformer.js"
import { loadSparseEncoder, type SparseEncoder } from "./sparse-encoder.js"
import { loadStaticEmbedder, type StaticEmbedder } from "./static-embedder.js"
import { loadMonoT5 } from "./t5/monot5.js"
import type { T5Scorer } from "./t5/pair-model.js"

export interface IdentifyOptions extends LocateOptions, RegistryOptions {
  /** What the model is, where neither the registry nor its files say it, or to use it as something else. */
  readonly kind?: ModelKind
}

export interface OpenModelOptions extends EncoderSettings, IdentifyOptions {
  /** Overrides registry and files. */
  readonly prompts?: EmbedderOptions["prompts"]
  readonly pooling?: NonNullable<EmbedderOptions["pooling"]>
  readonly normalize?: boolean
  /** Most tokens of a text, or of a pair. */
  readonly maxLength?: number
}

/** What a model is. */
export interface ModelInfo {
  /** The registry's name, else the folder's. */
  readonly name: string
  readonly folder: string
  readonly kind: ModelKind
  /** What the kind was told from. */
  readonly reason: string
  /** The first architecture that config.json names. */
  readonly architecture: string | undefined
  readonly entry: RegistryEntry | undefined
}

type Loaded =
  | { readonly kind: "static"; readonly model: StaticEmbedder }
  | { readonly kind: "embedder"; readonly model: Embedder }
  | { readonly kind: "sparse"; readonly model: SparseEncoder }
  | { readonly kind: "cross-encoder"; readonly model: CrossEncoder }
  | { readonly kind: "late-interaction"; readonly model: MultiVectorEncoder }
  | { readonly kind: "t5"; readonly model: T5Scorer }

/** A model with what it is; `kind` says which one. It holds native memory until it is disposed of. */
export type OpenedModel = Loaded & AsyncDisposable & { readonly info: ModelInfo }

/**
 * Finds a model and says what it is, without loading it. Files that leave no doubt win over the registry; an unknown model needs no entry.
 *
 * @throws RankineError `not-found` where there is no such model, `model` where neither registry nor files tell its kind, naming what was seen
 */
export async function identifyModel(nameOrPath: string, options: IdentifyOptions = {}): Promise<ModelInfo> {
  const registry = await loadRegistry(options)
  const folder = await folderOf(nameOrPath, options)
  const entry = registry.find(nameOrPath) ?? registry.find(folder)
  const found = await kindFromFiles(folder)
  const config = (await readModelJson(folder, "config.json")) ?? {}
  const architecture = Array.isArray(config.architectures) ? String(config.architectures[0]) : undefined
  const info = { name: entry?.name ?? basename(folder), folder, architecture, entry }
  if (options.kind !== undefined) return { ...info, kind: options.kind, reason: "asked for" }
  if (found?.certain) return { ...info, kind: found.kind, reason: found.reason }
  if (entry) return { ...info, kind: entry.kind, reason: `the registry's entry ${entry.name}` }
  // An encoder without a head can only be an embedder; a masked language model may be one that was never trained to search.
  if (found && found.kind !== "sparse") return { ...info, kind: found.kind, reason: found.reason }
  throw new RankineError(
    "model",
    found
      ? `${folder}: ${found.reason}, which a learned sparse encoder (SPLADE) has, and a language model that was never trained for retrieval too: ` +
          'say kind "sparse" if it is one, or add it to a registry (RANKINE_REGISTRY)'
      : `${folder}: it cannot be told what kind of model this is, since modules.json is missing and config.json names no architecture: ` +
          "say the kind, or add the model to a registry (RANKINE_REGISTRY)",
    { details: { folder, architecture } },
  )
}

/**
 * Finds, identifies and loads a model. Prompts, pooling and lengths come from the options, else from the model's own files, else from the
 * registry.
 *
 * ```ts
 * await using opened = await openModel("sentence-transformers/all-MiniLM-L6-v2")
 * if (opened.kind === "embedder") console.log(await opened.model.encode(["steam engines"], "document"))
 * ```
 * @throws RankineError as `identifyModel` and the loaders; `model` for decoders
 */
export async function openModel(nameOrPath: string, options: OpenModelOptions = {}): Promise<OpenedModel> {
  const info = await identifyModel(nameOrPath, options)
  const loaded = await load(info, options)
  return {
    ...loaded,
    info,
    async [Symbol.asyncDispose]() {
      if (Symbol.asyncDispose in loaded.model) await loaded.model[Symbol.asyncDispose]()
    },
  }
}

async function load(info: ModelInfo, options: OpenModelOptions): Promise<Loaded> {
  const { folder, entry } = info
  const { normalize, maxLength } = options
  const settings = encoderSettings(options)
  const limit = maxLength === undefined ? {} : { maxLength }
  switch (info.kind) {
    case "static":
      return {
        kind: info.kind,
        model: await loadStaticEmbedder(folder, { ...limit, ...(normalize === undefined ? {} : { normalize }) }),
      }
    case "embedder":
      return {
        kind: info.kind,
        model: await loadEmbedder(folder, { ...settings, ...(await embedderSettings(folder, entry, options)) }),
      }
    case "sparse":
      return { kind: info.kind, model: await loadSparseEncoder(folder, { ...settings, ...limit }) }
    case "cross-encoder":
      return { kind: info.kind, model: await loadCrossEncoder(folder, { ...settings, ...limit }) }
    case "late-interaction":
      return {
        kind: info.kind,
        model: await loadMultiVectorEncoder(folder, {
          ...settings,
          ...(maxLength === undefined ? {} : { documentLength: maxLength }),
        }),
      }
    case "t5":
      return {
        kind: info.kind,
        model: await loadMonoT5(folder, {
          ...limit,
          ...(options.device === undefined ? {} : { device: options.device }),
          ...(options.threads === undefined ? {} : { threads: options.threads }),
          ...(options.checkDevice === undefined ? {} : { checkDevice: options.checkDevice }),
          ...(entry?.template === undefined ? {} : { template: entry.template }),
          ...(entry?.answers === undefined ? {} : { answers: entry.answers }),
        }),
      }
    case "decoder":
      throw new RankineError(
        "model",
        `${info.name} is a decoder (${info.reason}), which is neither an embedding model nor a scorer of pairs: it is opened by what generates text`,
      )
  }
}

const notForEncoders: ReadonlySet<string> = new Set([
  ...["kind", "registry", "modelsDir", "download", "hub"],
  ...["prompts", "pooling", "normalize", "maxLength"],
])

function encoderSettings(options: OpenModelOptions): EncoderSettings {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !notForEncoders.has(name)))
}

type EmbedderSettings = Pick<EmbedderOptions, "pooling" | "normalize" | "prompts" | "maxLength">

/** What is asked for, then what the model's files say, then the registry. */
async function embedderSettings(
  folder: string,
  entry: RegistryEntry | undefined,
  { pooling, normalize, prompts = {}, maxLength }: OpenModelOptions,
): Promise<EmbedderSettings> {
  const files = await readSentenceTransformer(folder)
  const settings = {
    pooling: pooling ?? files?.pooling ?? entry?.pooling,
    normalize: normalize ?? files?.normalize ?? entry?.normalize,
    maxLength: maxLength ?? (files ? undefined : entry?.maxLength),
  }
  const prompt = (side: "query" | "document") =>
    prompts[side] ?? (files?.prompts[side] || (entry?.prompts?.[side] ?? ""))
  const known = Object.entries(settings).filter(([, value]) => value !== undefined)
  return {
    ...(Object.fromEntries(known) as EmbedderSettings),
    prompts: { query: prompt("query"), document: prompt("document") },
  }
}

/** The package's own models go by their short names. */
async function folderOf(nameOrPath: string, options: LocateOptions): Promise<string> {
  if (isEmbedded(nameOrPath)) {
    try {
      return embeddedModel(nameOrPath)
    } catch (thrown) {
      if (!(thrown instanceof RankineError) || thrown.code !== "not-found") throw thrown
    }
  }
  return locateModel(nameOrPath, options)
}
