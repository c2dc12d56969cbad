/** What config.json says of an encoder, in one form for all families. @module */
import { join } from "node:path"
import { RankineError } from "../../core/errors.js"
import { readModelJson } from "../model-files.js"

/** Encoders that are built from their weights. XLM-R and CamemBERT are RoBERTa, MiniLM is BERT. */
export type EncoderFamily = "bert" | "roberta" | "distilbert" | "mpnet" | "modernbert"

export type Activation = "gelu" | "gelu-tanh" | "relu" | "silu" | "tanh"

export interface EncoderConfig {
  readonly family: EncoderFamily
  readonly layers: number
  readonly heads: number
  /** Width of a token's vector. */
  readonly width: number
  /** Width of the feed-forward nets. */
  readonly intermediate: number
  readonly vocabulary: number
  readonly activation: Activation
  readonly normEpsilon: number
  readonly padId: number
  /** Position of the first token: RoBERTa and MPNet begin after the padding's. */
  readonly firstPosition: number
  /** Longest row in tokens. */
  readonly maxLength: number
  /** Rows of the token type table; 0 where the family has none. */
  readonly tokenTypes: number
  readonly modern: ModernBertConfig | undefined
  /** Buckets of MPNet's relative positions. */
  readonly relativeBuckets: number
  /** config.json as it is. */
  readonly raw: Readonly<Record<string, unknown>>
}

/** What only ModernBERT has. */
export interface ModernBertConfig {
  /** For each layer: it sees all tokens, or only those near. */
  readonly global: readonly boolean[]
  /** A local layer sees tokens up to this distance. */
  readonly reach: number
  readonly globalTheta: number
  readonly localTheta: number
  readonly classifierPooling: "cls" | "mean"
  readonly classifierActivation: Activation
}

const families: Readonly<Record<string, EncoderFamily>> = {
  bert: "bert",
  roberta: "roberta",
  "xlm-roberta": "roberta",
  camembert: "roberta",
  distilbert: "distilbert",
  mpnet: "mpnet",
  modernbert: "modernbert",
}

/** Each `model_type` whose graph can be built from its weights. */
export const encoderTypes: readonly string[] = Object.keys(families)

/** Whether the graph of a `model_type` can be built from its weights. */
export function isEncoderFamily(modelType: unknown): boolean {
  return typeof modelType === "string" && Object.hasOwn(families, modelType)
}

/**
 * Reads config.json of a model's folder.
 * @throws RankineError `not-found` without the file, `model` for an architecture that is not supported, naming it, `data` for missing values
 */
export async function readEncoderConfig(folder: string): Promise<EncoderConfig> {
  const raw = await readModelJson(folder, "config.json")
  if (!raw)
    throw new RankineError(
      "not-found",
      `${join(folder, "config.json")} is missing: copy it from the model's repository`,
      { details: { folder, lookedFor: ["config.json"] } },
    )
  return parseEncoderConfig(raw)
}

/** The same from an object. */
export function parseEncoderConfig(raw: Readonly<Record<string, unknown>>): EncoderConfig {
  const type = raw.model_type
  const family = typeof type === "string" && Object.hasOwn(families, type) ? families[type] : undefined
  if (!family)
    throw new RankineError(
      "model",
      `config.json: model_type ${JSON.stringify(type)} is not among the encoders that can be built from weights ` +
        `(${Object.keys(families).join(", ")})`,
    )
  const distil = family === "distilbert"
  const number = (name: string, fallback?: number): number => {
    const value = raw[name] ?? fallback
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0)
      throw new RankineError("data", `config.json: ${name} must be a number, got ${JSON.stringify(value)}`)
    return value
  }
  refuseVariants(raw)
  const width = number(distil ? "dim" : "hidden_size")
  const layers = number(distil ? "n_layers" : "num_hidden_layers")
  const heads = number(distil ? "n_heads" : "num_attention_heads")
  if (width === 0 || heads === 0 || width % heads !== 0)
    throw new RankineError("data", `config.json: a width of ${width} does not divide among ${heads} attention heads`)
  const padId = number("pad_token_id", family === "roberta" || family === "mpnet" ? 1 : 0)
  const firstPosition = family === "roberta" || family === "mpnet" ? padId + 1 : 0
  return {
    family,
    layers,
    heads,
    width,
    intermediate: number(distil ? "hidden_dim" : "intermediate_size"),
    vocabulary: number("vocab_size"),
    activation: activationOf(raw[distil ? "activation" : family === "modernbert" ? "hidden_activation" : "hidden_act"]),
    normEpsilon: family === "modernbert" ? number("norm_eps", 1e-5) : distil ? 1e-12 : number("layer_norm_eps", 1e-12),
    padId,
    firstPosition,
    maxLength: number("max_position_embeddings", 512) - firstPosition,
    tokenTypes: family === "bert" || family === "roberta" ? number("type_vocab_size", 2) : 0,
    modern: family === "modernbert" ? modernConfig(raw, layers, number) : undefined,
    relativeBuckets: family === "mpnet" ? number("relative_attention_num_buckets", 32) : 0,
    raw,
  }
}

/** Variants that share a family's name and not its arithmetic would give wrong numbers without a word. */
function refuseVariants(raw: Readonly<Record<string, unknown>>): void {
  const positions = raw.position_embedding_type
  if (positions !== undefined && positions !== null && positions !== "absolute")
    throw new RankineError(
      "model",
      `config.json: position_embedding_type ${JSON.stringify(positions)} is not supported`,
    )
  if (raw.is_decoder === true || raw.add_cross_attention === true)
    throw new RankineError("model", "config.json: the model is a decoder, not an encoder")
}

function modernConfig(
  raw: Readonly<Record<string, unknown>>,
  layers: number,
  number: (name: string, fallback?: number) => number,
): ModernBertConfig {
  const every = number("global_attn_every_n_layers", 3)
  const types = raw.layer_types
  const global = Array.isArray(types)
    ? types.map((type) => type === "full_attention")
    : Array.from({ length: layers }, (_, layer) => layer % every === 0)
  if (global.length !== layers)
    throw new RankineError("data", `config.json: layer_types names ${global.length} layers of ${layers}`)
  const rope = raw.rope_parameters as Record<string, { rope_theta?: unknown; rope_type?: unknown }> | undefined
  const theta = (kind: string, old: string, fallback: number) => {
    const entry = rope?.[kind]
    if (entry?.rope_type !== undefined && entry.rope_type !== "default")
      throw new RankineError("model", `config.json: rope_type ${JSON.stringify(entry.rope_type)} is not supported`)
    return typeof entry?.rope_theta === "number" ? entry.rope_theta : number(old, fallback)
  }
  const globalTheta = theta("full_attention", "global_rope_theta", 160_000)
  return {
    global,
    reach: Math.floor(number("local_attention", 128) / 2),
    globalTheta,
    // Null, unlike a missing value, means that local layers turn as global ones do.
    localTheta: raw.local_rope_theta === null ? globalTheta : theta("sliding_attention", "local_rope_theta", 10_000),
    classifierPooling: raw.classifier_pooling === "mean" ? "mean" : "cls",
    classifierActivation: activationOf(raw.classifier_activation),
  }
}

const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  tanh: "tanh",
}

function activationOf(name: unknown): Activation {
  if (name === undefined || name === null) return "gelu"
  const known = typeof name === "string" && Object.hasOwn(activations, name) ? activations[name] : undefined
  if (!known) throw new RankineError("model", `config.json: the activation ${JSON.stringify(name)} is not supported`)
  return known
}
