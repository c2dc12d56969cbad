/** What the files of a late-interaction model say: projection, markers, lengths, query augmentation, tokens that do not count. @module */
import { createHash } from "node:crypto"
import { join } from "node:path"
import { RankineError } from "../core/errors.js"
import { openSafetensors } from "./checkpoint/safetensors.js"
import type { TokenProjection } from "./encoder/token-projection.js"
import { readModelJson } from "./model-files.js"

/** How one kind of text is read. */
export interface SideConfig {
  /** A token of the vocabulary that is put behind the first special token; empty: none. */
  readonly marker: string
  /** Text that is put before the text. */
  readonly prompt: string
  /** Most tokens, special ones and marker included; `undefined`: as many as the model reads. */
  readonly length: number | undefined
}

export interface MultiVectorConfig {
  /** The folder of config.json, the weights and tokenizer.json. */
  readonly transformer: string
  readonly projections: readonly TokenProjection[]
  /** Of the projections' bytes. */
  readonly digest: string
  readonly query: SideConfig
  readonly document: SideConfig
  /** Queries are padded with the mask token to their length; the other tokens look at those, or not. */
  readonly expansion: "none" | "attended" | "unattended"
  /** Tokens of documents that get no vector. */
  readonly skipWords: readonly string[]
}

/** Python's string.punctuation, which the original skips in documents. */
export const PUNCTUATION: readonly string[] = [..."!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"]

type Json = Readonly<Record<string, unknown>>

/**
 * Reads a ColBERT checkpoint in one of its layouts: Stanford's (`linear.weight` among the weights, settings in artifact.metadata), PyLate's
 * (modules.json with a Dense module, settings in config_sentence_transformers.json), that of sentence-transformers' MultiVectorEncoder
 * (settings with the modules). `plain` reads any encoder: its own token vectors, no markers, no augmentation.
 *
 * @throws RankineError `configuration` where the files name no projection, `model` for what is not supported, `data` for malformed files
 */
export async function readMultiVectorConfig(folder: string, plain: boolean): Promise<MultiVectorConfig> {
  const modules = await readModelJson(folder, "modules.json")
  if (plain) {
    const entries = Array.isArray(modules) ? (modules as { type?: unknown; path?: unknown }[]) : []
    const place = entries.find(({ type }) => moduleKind(type) === "Transformer")?.path
    const side: SideConfig = { marker: "", prompt: "", length: undefined }
    const transformer = join(folder, text(place))
    const none = { projections: [], digest: "none", expansion: "none", skipWords: PUNCTUATION } as const
    return { transformer, query: side, document: side, ...none }
  }
  return modules ? readModules(folder, modules) : readStanford(folder)
}

async function readStanford(folder: string): Promise<MultiVectorConfig> {
  const checkpoint = await openSafetensors(folder)
  if (!checkpoint.tensors.has("linear.weight"))
    throw new RankineError(
      "configuration",
      `${folder} has neither modules.json nor a weight linear.weight, so that it is no late-interaction model; ` +
        `to use the token vectors of a plain encoder, say projection: "none"`,
    )
  const metadata: Json = (await readModelJson(folder, "artifact.metadata")) ?? {}
  const { projections, digest } = await readProjections([folder], false)
  const dimension = number(metadata.dim)
  if (dimension !== undefined && dimension !== projections[0].outputs)
    throw new RankineError(
      "data",
      `artifact.metadata says dim ${dimension}, and linear.weight has ${projections[0].outputs} rows: the files are not of one model`,
    )
  return {
    transformer: folder,
    projections,
    digest,
    query: {
      marker: text(metadata.query_token_id, "[unused0]"),
      prompt: "",
      length: number(metadata.query_maxlen) ?? 32,
    },
    document: {
      marker: text(metadata.doc_token_id, "[unused1]"),
      prompt: "",
      length: number(metadata.doc_maxlen) ?? 220,
    },
    expansion: metadata.attend_to_mask_tokens === true ? "attended" : "unattended",
    skipWords: metadata.mask_punctuation === false ? [] : PUNCTUATION,
  }
}

async function readModules(folder: string, modules: unknown): Promise<MultiVectorConfig> {
  if (!Array.isArray(modules)) throw new RankineError("data", `${join(folder, "modules.json")} must be a list`)
  let transformer: string | undefined
  const dense: string[] = []
  let mask: Json = {}
  for (const { type, path } of modules as { type?: unknown; path?: unknown }[]) {
    const place = join(folder, text(path))
    const kind = moduleKind(type)
    if (kind === "Transformer" && !transformer) transformer = place
    else if (kind === "Dense") dense.push(place)
    else if (kind === "MultiVectorMask") mask = (await readModelJson(place, "config.json")) ?? {}
    else if (kind !== "Normalize")
      throw new RankineError(
        "model",
        `modules.json names a module of type ${JSON.stringify(type)}: a late-interaction model has Transformer, Dense, ` +
          `MultiVectorMask and Normalize; to use the token vectors of a plain encoder, say projection: "none"`,
      )
  }
  if (!transformer) throw new RankineError("model", `${join(folder, "modules.json")} names no Transformer module`)
  if (dense.length === 0)
    throw new RankineError(
      "configuration",
      `${join(folder, "modules.json")} names no Dense module; to use the token vectors of a plain encoder, say projection: "none"`,
    )
  requireDocumentsOnly(mask)
  const settings: Json = (await readModelJson(folder, "config_sentence_transformers.json")) ?? {}
  const own: Json = (await readModelJson(transformer, "sentence_bert_config.json")) ?? {}
  const prompts = (settings.prompts ?? {}) as Json
  const skipWords = settings.skiplist_words ?? mask.skiplist_words
  // PyLate's checkpoints, and only they, have markers unless they say otherwise.
  const pylate = "query_prefix" in settings || settings.model_type === "ColBERT"
  const side = (kind: "query" | "document", marker: string, length: number | undefined): SideConfig => {
    const prefix = text(settings[`${kind}_prefix`], pylate ? marker : "")
    const prompt = text(prompts[kind])
    return {
      marker: prefix,
      // A file written by one library for the other repeats the marker in the prompt.
      prompt: prefix && prompt.startsWith(prefix) ? prompt.slice(prefix.length) : prompt,
      length: number(settings[`${kind}_length`]) ?? number(own[`${kind}_length`]) ?? length,
    }
  }
  const expansion = expansionOf(settings, own, pylate)
  const query = side("query", "[Q] ", pylate ? 32 : number(own.max_seq_length))
  return {
    transformer,
    ...(await readProjections(dense, true)),
    query: { ...query, length: expansion.length ?? query.length },
    document: side("document", "[D] ", pylate ? 180 : number(own.max_seq_length)),
    expansion: expansion.kind,
    skipWords: Array.isArray(skipWords)
      ? skipWords.filter((word) => typeof word === "string")
      : pylate
        ? PUNCTUATION
        : [],
  }
}

function expansionOf(
  settings: Json,
  own: Json,
  pylate: boolean,
): { kind: MultiVectorConfig["expansion"]; length?: number | undefined } {
  const newer = (settings.query_expansion ?? own.query_expansion) as Json | null | undefined
  if (newer) {
    if (newer.strategy !== "fixed")
      throw new RankineError(
        "model",
        `query expansion of the kind ${JSON.stringify(newer.strategy)} is not supported ("fixed" is)`,
      )
    if (typeof newer.token === "string")
      throw new RankineError(
        "model",
        `query expansion by the token ${newer.token} is not supported (the mask token is)`,
      )
    return { kind: newer.attend === true ? "attended" : "unattended", length: number(newer.length) }
  }
  if (!pylate || settings.do_query_expansion === false) return { kind: "none" }
  return { kind: settings.attend_to_expansion_tokens === true ? "attended" : "unattended" }
}

/** Masks that would change which vectors a text has are refused rather than passed over. */
function requireDocumentsOnly({ skiplist_tasks: tasks, keep_only_token_ids: only }: Json): void {
  if (Array.isArray(tasks) && (tasks.length !== 1 || tasks[0] !== "document"))
    throw new RankineError("model", "a list of skipped words for other texts than documents is not supported")
  if (Array.isArray(only) && only.length > 0)
    throw new RankineError("model", "keep_only_token_ids (late interaction with images) is not supported")
}

/** `modular`: the folders are modules with a config.json of their own. */
async function readProjections(
  folders: readonly string[],
  modular: boolean,
): Promise<{ projections: [TokenProjection, ...TokenProjection[]]; digest: string }> {
  const hash = createHash("sha256")
  const projections: TokenProjection[] = []
  for (const folder of folders) {
    const dense: Json = modular ? ((await readModelJson(folder, "config.json")) ?? {}) : {}
    const activation = text(dense.activation_function, "Identity")
    if (!activation.endsWith("Identity") || dense.use_residual === true)
      throw new RankineError(
        "model",
        `${join(folder, "config.json")}: a projection with ${dense.use_residual === true ? "a residual" : activation} is not supported`,
      )
    const checkpoint = await openSafetensors(folder)
    const [outputs, inputs] = checkpoint.tensors.get("linear.weight")?.shape ?? []
    if (outputs === undefined || inputs === undefined)
      throw new RankineError("data", `${folder} has no weight linear.weight: copy it from the model's repository again`)
    const weight = await checkpoint.read("linear.weight")
    const bias = checkpoint.tensors.has("linear.bias") ? await checkpoint.read("linear.bias") : undefined
    for (const values of [weight, bias]) if (values) hash.update(new Uint8Array(values.buffer))
    projections.push({ weight, bias, outputs, inputs })
  }
  return { projections: projections as [TokenProjection, ...TokenProjection[]], digest: hash.digest("hex") }
}

function moduleKind(type: unknown): string {
  return typeof type === "string" ? type.slice(type.lastIndexOf(".") + 1) : ""
}

function text(value: unknown, fallback = ""): string {
  return typeof value === "string" ? value : fallback
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined
}
