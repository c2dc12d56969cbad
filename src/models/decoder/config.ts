/** What config.json says of a decoder, in one form for all families. @module */
import { RankineError } from "../../core/errors.js"
import type { Activation } from "../encoder/config.js"

export type DecoderFamily = "llama" | "mistral" | "qwen2" | "qwen3" | "gemma2" | "gemma3"

/** How positions turn queries and keys (Su et al., 2021), in one kind of layers. */
export interface Rope {
  readonly theta: number
  readonly scaling:
    | { readonly kind: "none" }
    /** All angles divided by a factor (Chen et al., 2023: position interpolation). */
    | { readonly kind: "linear"; readonly factor: number }
    /** Slow turns divided by a factor, fast ones kept, those between mixed (Llama 3.1). */
    | {
        readonly kind: "llama3"
        readonly factor: number
        readonly lowFactor: number
        readonly highFactor: number
        readonly originalLength: number
      }
}

export interface DecoderConfig {
  readonly family: DecoderFamily
  readonly layers: number
  readonly heads: number
  /** Heads of keys and values, each shared by `heads / keyHeads` query heads. */
  readonly keyHeads: number
  readonly headWidth: number
  /** Width of a token's vector. */
  readonly width: number
  /** Width of the feed-forward nets. */
  readonly intermediate: number
  readonly vocabulary: number
  readonly activation: Activation
  readonly normEpsilon: number
  /** Norms multiply by 1 + weight. */
  readonly normAddsOne: boolean
  /** Norms after attention and after the feed-forward net as well as before. */
  readonly postNorms: boolean
  /** Norms of each head's queries and keys. */
  readonly headNorms: boolean
  readonly biases: { readonly queryKeyValue: boolean; readonly output: boolean; readonly feedForward: boolean }
  /** Factor of the scores before the softmax. */
  readonly attentionScale: number
  /** cap · tanh(score / cap); 0 for none. */
  readonly attentionCap: number
  readonly logitCap: number
  /** Factor of the token vectors. */
  readonly embeddingScale: number
  /** For each layer, how many tokens a token sees, itself included; 0 for all before it. */
  readonly windows: readonly number[]
  /** For each layer. */
  readonly ropes: readonly Rope[]
  /** Pairs of neighbours are turned together (the layout of GGUF files of Llama), not the halves of a head. */
  readonly interleavedRope: boolean
  /** The output compares with the table of token vectors. */
  readonly tied: boolean
  /** The most tokens that the model was made for. */
  readonly maxLength: number
  /** Ids that end a text, and the one that begins it. */
  readonly endIds: readonly number[]
  readonly beginId: number | undefined
  /** config.json as it is. */
  readonly raw: Readonly<Record<string, unknown>>
}

type Raw = Readonly<Record<string, unknown>>

/** What a family does where config.json does not say. */
interface Family {
  readonly family: DecoderFamily
  readonly normAddsOne?: boolean
  readonly postNorms?: boolean
  readonly headNorms?: boolean
  readonly scalesEmbeddings?: boolean
  readonly tied: boolean
  readonly headWidth?: number
  readonly theta: number
}

const families: Readonly<Record<string, Family>> = {
  llama: { family: "llama", tied: false, theta: 10_000 },
  mistral: { family: "mistral", tied: false, theta: 10_000 },
  qwen2: { family: "qwen2", tied: false, theta: 10_000 },
  qwen3: { family: "qwen3", headNorms: true, tied: false, headWidth: 128, theta: 10_000 },
  gemma2: {
    family: "gemma2",
    normAddsOne: true,
    postNorms: true,
    scalesEmbeddings: true,
    tied: true,
    headWidth: 256,
    theta: 10_000,
  },
  gemma3_text: {
    family: "gemma3",
    normAddsOne: true,
    postNorms: true,
    headNorms: true,
    scalesEmbeddings: true,
    tied: true,
    headWidth: 256,
    theta: 1_000_000,
  },
}

/** Each `model_type` whose graph can be built from its weights. */
export const decoderTypes: readonly string[] = [...Object.keys(families), "gemma3"]

/** Whether the graph of a `model_type` can be built from its weights. */
export function isDecoderFamily(modelType: unknown): boolean {
  return typeof modelType === "string" && decoderTypes.includes(modelType)
}

/**
 * The configuration in an object as config.json holds it.
 * @param place where it was found, for messages
 * @throws RankineError `model` for an architecture or a variant that is not supported, naming it; `data` for values that are missing or make no sense
 */
export function parseDecoderConfig(given: Raw, place = "config.json"): DecoderConfig {
  try {
    return parse(given)
  } catch (thrown) {
    if (!(thrown instanceof RankineError)) throw thrown
    throw new RankineError(thrown.code, `${place}: ${thrown.message}`, { cause: thrown })
  }
}

function parse(given: Raw): DecoderConfig {
  const raw = textPart(given)
  const type = raw.model_type
  const known = typeof type === "string" && Object.hasOwn(families, type) ? families[type]! : undefined
  if (!known)
    throw unsupported(
      `model_type ${JSON.stringify(type)}; the decoders that can be built from weights are ${decoderTypes.join(", ")}`,
    )
  refuseVariants(raw, known.family)
  const layers = count(raw, "num_hidden_layers")
  const heads = count(raw, "num_attention_heads")
  const keyHeads = count(raw, "num_key_value_heads", heads)
  const width = count(raw, "hidden_size")
  if (heads % keyHeads !== 0)
    throw malformed(`${heads} attention heads cannot share ${keyHeads} heads of keys and values`)
  const headWidth = count(raw, "head_dim", known.headWidth ?? width / heads)
  if (headWidth % 2 !== 0) throw malformed(`head_dim is ${headWidth}, where positions turn pairs of components`)
  const full = layerTypes(raw, known.family, layers)
  const gemma = known.family === "gemma2" || known.family === "gemma3"
  const scalar = gemma ? number(raw, "query_pre_attn_scalar", 256) : headWidth
  const attentionBias = raw.attention_bias === true
  return {
    family: known.family,
    layers,
    heads,
    keyHeads,
    headWidth,
    width,
    intermediate: count(raw, "intermediate_size"),
    vocabulary: count(raw, "vocab_size"),
    activation: activationOf(raw, gemma),
    normEpsilon: number(raw, "rms_norm_eps", 1e-6),
    normAddsOne: known.normAddsOne ?? false,
    postNorms: known.postNorms ?? false,
    headNorms: known.headNorms ?? false,
    biases: {
      queryKeyValue: known.family === "qwen2" || (known.family !== "mistral" && attentionBias),
      output: known.family !== "qwen2" && known.family !== "mistral" && attentionBias,
      feedForward: known.family === "llama" && raw.mlp_bias === true,
    },
    attentionScale: scalar ** -0.5,
    // Gemma 3's configuration has a place for it too, which transformers reads and does not apply.
    attentionCap: known.family === "gemma2" ? cap(raw, "attn_logit_softcapping") : 0,
    logitCap: gemma ? cap(raw, "final_logit_softcapping") : 0,
    embeddingScale: known.scalesEmbeddings ? Math.sqrt(width) : 1,
    windows: full.map((sees) => (sees ? 0 : count(raw, "sliding_window"))),
    ropes: full.map((sees) => ropeOf(raw, known, sees)),
    interleavedRope: false,
    tied: typeof raw.tie_word_embeddings === "boolean" ? raw.tie_word_embeddings : known.tied,
    maxLength: count(raw, "max_position_embeddings", 2048),
    endIds: ids(raw.eos_token_id),
    beginId: ids(raw.bos_token_id)[0],
    raw,
  }
}

/** Models that also see keep what they know of texts in a part of its own. */
function textPart(given: Raw): Raw {
  const text = given.text_config
  if (given.model_type !== "gemma3" || typeof text !== "object" || text === null) return given
  return { model_type: "gemma3_text", ...text }
}

/** Variants that share a family's name and not its arithmetic would give wrong numbers without a word. */
function refuseVariants(raw: Raw, family: DecoderFamily): void {
  if (raw.use_bidirectional_attention === true)
    throw unsupported("use_bidirectional_attention: the model is an encoder, whose tokens see those after them")
  const partial = raw.partial_rotary_factor ?? (raw.rope_parameters as Raw | undefined)?.partial_rotary_factor
  if (partial !== undefined && partial !== null && partial !== 1)
    throw unsupported(`partial_rotary_factor ${JSON.stringify(partial)}`)
  if (raw.quantization_config !== undefined && raw.quantization_config !== null) {
    const method = (raw.quantization_config as Raw).quant_method
    throw unsupported(`weights quantised by ${JSON.stringify(method)}: take the original model, or its GGUF file`)
  }
  if (typeof raw.pretraining_tp === "number" && raw.pretraining_tp > 1 && family === "llama")
    throw unsupported(`pretraining_tp ${raw.pretraining_tp}`)
  const extras = ["num_local_experts", "num_experts", "residual_multiplier", "logits_scaling", "no_rope_layers"]
  const extra = extras.find((name) => raw[name] !== undefined && raw[name] !== null)
  if (extra) throw unsupported(`${extra} ${JSON.stringify(raw[extra])}`)
}

/** For each layer whether it sees all tokens before it. */
function layerTypes(raw: Raw, family: DecoderFamily, layers: number): boolean[] {
  const each = (full: (layer: number) => boolean) => Array.from({ length: layers }, (_, layer) => full(layer))
  if (family === "llama") return each(() => true)
  const windowed = typeof raw.sliding_window === "number"
  if (family === "mistral") return each(() => !windowed)
  const gemma = family === "gemma2" || family === "gemma3"
  if (!gemma && (raw.use_sliding_window !== true || !windowed)) return each(() => true)
  if (Array.isArray(raw.layer_types)) {
    const odd = raw.layer_types.find((type) => type !== "full_attention" && type !== "sliding_attention")
    if (odd !== undefined) throw unsupported(`a layer of type ${JSON.stringify(odd)}`)
    if (raw.layer_types.length !== layers)
      throw malformed(`layer_types names ${raw.layer_types.length} layers of ${layers}`)
    return raw.layer_types.map((type) => type === "full_attention")
  }
  if (!gemma) {
    const first = number(raw, "max_window_layers", 28)
    return each((layer) => layer < first)
  }
  if (family === "gemma2") return each((layer) => layer % 2 === 1)
  const every = count(raw, "sliding_window_pattern", number(raw, "_sliding_window_pattern", 6))
  return each((layer) => (layer + 1) % every === 0)
}

/** Newer files keep everything in `rope_parameters`, Gemma's for each type of layer; older ones in `rope_theta` and `rope_scaling`. */
function ropeOf(raw: Raw, { family, theta }: Family, full: boolean): Rope {
  const gemma = family === "gemma3"
  const newer = raw.rope_parameters as Raw | null | undefined
  const kind = full ? "full_attention" : "sliding_attention"
  const own = gemma && newer ? (newer[kind] as Raw | undefined) : undefined
  const parameters = own ?? (newer && !gemma ? newer : undefined)
  if (parameters)
    return { theta: number(parameters, "rope_theta", number(raw, "rope_theta", theta)), scaling: scalingOf(parameters) }
  // Gemma scales the layers that see everything, and leaves the others at the base of its predecessors.
  if (gemma && !full) return { theta: number(raw, "rope_local_base_freq", 10_000), scaling: { kind: "none" } }
  return { theta: number(raw, "rope_theta", theta), scaling: scalingOf((raw.rope_scaling as Raw | null) ?? {}) }
}

function scalingOf(rope: Raw): Rope["scaling"] {
  const kind = rope.rope_type ?? rope.type ?? "default"
  switch (kind) {
    case "default":
      return { kind: "none" }
    case "linear":
      return { kind: "linear", factor: number(rope, "factor") }
    case "llama3":
      return {
        kind: "llama3",
        factor: number(rope, "factor"),
        lowFactor: number(rope, "low_freq_factor"),
        highFactor: number(rope, "high_freq_factor"),
        originalLength: number(rope, "original_max_position_embeddings"),
      }
    default:
      throw unsupported(`rope_type ${JSON.stringify(kind)}; positions may be scaled by linear or llama3`)
  }
}

const activations: Readonly<Record<string, Activation>> = {
  silu: "silu",
  swish: "silu",
  gelu: "gelu",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_new: "gelu-tanh",
  relu: "relu",
}

function activationOf(raw: Raw, gemma: boolean): Activation {
  const name = gemma ? (raw.hidden_activation ?? raw.hidden_act ?? "gelu_pytorch_tanh") : (raw.hidden_act ?? "silu")
  const known = typeof name === "string" && Object.hasOwn(activations, name) ? activations[name] : undefined
  if (!known) throw unsupported(`the activation ${JSON.stringify(name)}`)
  return known
}

function cap(raw: Raw, name: string): number {
  return raw[name] === undefined || raw[name] === null ? 0 : number(raw, name)
}

function ids(given: unknown): number[] {
  return (Array.isArray(given) ? given : [given]).filter((id): id is number => Number.isInteger(id))
}

/** Null stands for a value left out. */
function number(raw: Raw, name: string, fallback?: number): number {
  const value = raw[name] ?? fallback
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0)
    throw malformed(`${name} must be a number above 0, got ${JSON.stringify(value)}`)
  return value
}

function count(raw: Raw, name: string, fallback?: number): number {
  const value = number(raw, name, fallback)
  if (!Number.isInteger(value)) throw malformed(`${name} must be a whole number, got ${value}`)
  return value
}

function unsupported(what: string): RankineError {
  return new RankineError("model", `not supported: ${what}`)
}

function malformed(what: string): RankineError {
  return new RankineError("data", what)
}
