/** What config.json says of a T5, in one form for all its versions. @module */
import { join } from "node:path"
import { RankineError } from "../../core/errors.js"
import type { Activation } from "../encoder/config.js"
import { readModelJson } from "../model-files.js"

/** T5 1.0 and 1.1, Flan-T5, mT5 and ByT5 differ in these values and in nothing else. */
export interface T5Config {
  readonly encoderLayers: number
  readonly decoderLayers: number
  readonly heads: number
  /** Width of a token's vector. */
  readonly width: number
  /** Width of a head, which need not be the width shared out among the heads. */
  readonly headWidth: number
  /** Width of the feed-forward nets. */
  readonly intermediate: number
  readonly vocabulary: number
  readonly activation: Activation
  /** The feed-forward nets multiply two projections, one of them activated (Shazeer, 2020). */
  readonly gated: boolean
  readonly normEpsilon: number
  /** Buckets of relative positions, and the distance from which on all share the last bucket. */
  readonly buckets: number
  readonly maxDistance: number
  /** The decoder's vectors are divided by the root of the width before the vocabulary's, as where both tables are one. */
  readonly scaleOutput: boolean
  readonly padId: number
  readonly endId: number
  /** What the decoder reads first. */
  readonly startId: number
  /** config.json as it is. */
  readonly raw: Readonly<Record<string, unknown>>
}

/** Types that share T5's arithmetic; UMT5 and LongT5 attend differently. */
const TYPES: ReadonlySet<unknown> = new Set(["t5", "mt5"])

/**
 * Reads config.json of a model's folder.
 * @throws RankineError `not-found` without the file, `model` for an architecture that is not supported, `data` for missing values
 */
export async function readT5Config(folder: string): Promise<T5Config> {
  const raw = await readModelJson(folder, "config.json")
  if (!raw)
    throw new RankineError(
      "not-found",
      `${join(folder, "config.json")} is missing: copy it from the model's repository`,
      { details: { folder, lookedFor: ["config.json"] } },
    )
  return parseT5Config(raw)
}

/** The same from an object. */
export function parseT5Config(raw: Readonly<Record<string, unknown>>): T5Config {
  if (!TYPES.has(raw.model_type))
    throw new RankineError(
      "model",
      `config.json: model_type ${JSON.stringify(raw.model_type)} is no T5 that can be built (${[...TYPES].join(", ")})`,
    )
  const number = (name: string, fallback?: number): number => {
    const value = raw[name] ?? fallback
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0)
      throw new RankineError("data", `config.json: ${name} must be a number, got ${JSON.stringify(value)}`)
    return value
  }
  const encoderLayers = number("num_layers")
  const endId = Array.isArray(raw.eos_token_id) ? raw.eos_token_id[0] : (raw.eos_token_id ?? 1)
  if (typeof endId !== "number")
    throw new RankineError("data", `config.json: eos_token_id must be a number, got ${JSON.stringify(endId)}`)
  const padId = number("pad_token_id", 0)
  return {
    encoderLayers,
    decoderLayers: number("num_decoder_layers", encoderLayers),
    heads: number("num_heads"),
    width: number("d_model"),
    headWidth: number("d_kv"),
    intermediate: number("d_ff"),
    vocabulary: number("vocab_size"),
    ...feedForward(raw),
    normEpsilon: number("layer_norm_epsilon", 1e-6),
    buckets: number("relative_attention_num_buckets", 32),
    maxDistance: number("relative_attention_max_distance", 128),
    scaleOutput: scalesOutput(raw),
    padId,
    endId,
    startId: number("decoder_start_token_id", padId),
    raw,
  }
}

const activations: Readonly<Record<string, Activation>> = {
  relu: "relu",
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  silu: "silu",
  swish: "silu",
}

/** `relu`, `gated-gelu` and the like; the original's gated GELU is the approximate one. */
function feedForward(raw: Readonly<Record<string, unknown>>): Pick<T5Config, "activation" | "gated"> {
  const kind = raw.feed_forward_proj ?? (raw.model_type === "mt5" ? "gated-gelu" : "relu")
  const text = typeof kind === "string" ? kind : ""
  const gated = text.startsWith("gated-")
  const name = text === "gated-gelu" ? "gelu_new" : gated ? text.slice("gated-".length) : text
  if (!Object.hasOwn(activations, name))
    throw new RankineError("model", `config.json: feed_forward_proj ${JSON.stringify(kind)} is not supported`)
  return { activation: activations[name], gated }
}

/** T5 1.0 shares one table between input and output and scales; 1.1 has two and does not. Newer files say it in a word of its own. */
function scalesOutput(raw: Readonly<Record<string, unknown>>): boolean {
  if (typeof raw.scale_decoder_outputs === "boolean") return raw.scale_decoder_outputs
  return raw.model_type === "mt5" ? false : raw.tie_word_embeddings !== false
}
