/** What the files of a sentence-transformers folder say: pooling, normalisation, prompts, longest text. @module */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import { RankineError } from "../core/errors.js"
import type { Pooling } from "./encoder/pooling.js"
import { readModelJson } from "./model-files.js"

export interface SentenceTransformer {
  /** The folder of config.json, model.safetensors and tokenizer.json. */
  readonly transformer: string
  readonly pooling: Pooling
  readonly normalize: boolean
  /** `max_seq_length`, special tokens included. */
  readonly maxLength: number | undefined
  readonly lowerCase: boolean
  /** What is put before a text. */
  readonly prompts: { readonly query: string; readonly document: string }
}

const poolingModes: Readonly<Record<string, Pooling>> = {
  cls: "cls",
  mean: "mean",
  max: "max",
  lasttoken: "last",
  mean_sqrt_len_tokens: "mean-sqrt-length",
  weightedmean: "weighted-mean",
  pooling_mode_cls_token: "cls",
  pooling_mode_mean_tokens: "mean",
  pooling_mode_max_tokens: "max",
  pooling_mode_lasttoken: "last",
  pooling_mode_mean_sqrt_len_tokens: "mean-sqrt-length",
  pooling_mode_weightedmean_tokens: "weighted-mean",
}

/**
 * Reads modules.json and the files that it names; `undefined` where the folder has none.
 * @throws RankineError `model` for modules or poolings that are not supported, `data` for malformed files
 */
export async function readSentenceTransformer(folder: string): Promise<SentenceTransformer | undefined> {
  const modules = await readModelJson(folder, "modules.json")
  if (!modules) return undefined
  if (!Array.isArray(modules))
    throw new RankineError("data", `${join(folder, "modules.json")} must be a list of modules`)
  let transformer: string | undefined
  let pooling: Pooling | undefined
  let includesPrompt = true
  let normalize = false
  for (const { type, path } of modules as { type?: unknown; path?: unknown }[]) {
    const place = join(folder, typeof path === "string" ? path : "")
    const kind = typeof type === "string" ? type.slice(type.lastIndexOf(".") + 1) : ""
    if (kind === "Transformer" && !transformer) transformer = place
    else if (kind === "Pooling" && !pooling) {
      const config = (await readModelJson(place, "config.json")) ?? {}
      pooling = poolingOf(config, place)
      includesPrompt = config.include_prompt !== false
    } else if (kind === "Normalize") normalize = true
    else
      throw new RankineError(
        "model",
        `modules.json names a module of type ${JSON.stringify(type)}, which is not supported (Transformer, Pooling, Normalize are)`,
      )
  }
  if (!transformer || !pooling)
    throw new RankineError("model", `${join(folder, "modules.json")} needs a Transformer and a Pooling module`)
  const limits = await firstJson(transformer, [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_xlm-roberta_config.json",
  ])
  const prompts = await promptsOf(folder)
  if (!includesPrompt && (prompts.query || prompts.document))
    throw new RankineError("model", "pooling without the prompt's tokens (include_prompt: false) is not supported")
  const longest = limits.max_seq_length
  return {
    transformer,
    pooling,
    normalize,
    maxLength: typeof longest === "number" && longest > 0 ? longest : undefined,
    lowerCase: limits.do_lower_case === true,
    prompts,
  }
}

function poolingOf(config: Readonly<Record<string, unknown>>, place: string): Pooling {
  const newer = config.pooling_mode
  const names =
    typeof newer === "string"
      ? [newer]
      : Object.keys(config).filter((key) => key.startsWith("pooling_mode_") && config[key] === true)
  const pooling = names.length === 1 && Object.hasOwn(poolingModes, names[0]) ? poolingModes[names[0]] : undefined
  if (!pooling)
    throw new RankineError(
      "model",
      `${join(place, "config.json")}: ${names.length === 0 ? "no pooling" : names.join(" and ")} is not supported; ` +
        "one of cls, mean, max, lasttoken, mean_sqrt_len_tokens, weightedmean is",
    )
  return pooling
}

/** The prompt for queries is called `query`, the one for documents `document`, `passage` or `corpus`; else the default one is for both. */
async function promptsOf(folder: string): Promise<{ query: string; document: string }> {
  const config = (await readModelJson(folder, "config_sentence_transformers.json")) ?? {}
  const prompts = (config.prompts ?? {}) as Readonly<Record<string, unknown>>
  const byDefault = config.default_prompt_name
  const first = (...names: string[]): string => {
    for (const name of typeof byDefault === "string" ? [...names, byDefault] : names) {
      const prompt = Object.hasOwn(prompts, name) ? prompts[name] : undefined
      if (typeof prompt === "string") return prompt
    }
    return ""
  }
  return { query: first("query"), document: first("document", "passage", "corpus") }
}

async function firstJson(folder: string, names: readonly string[]): Promise<Record<string, unknown>> {
  for (const name of names)
    if (await stat(join(folder, name)).catch(() => undefined)) return (await readModelJson(folder, name)) ?? {}
  return {}
}
