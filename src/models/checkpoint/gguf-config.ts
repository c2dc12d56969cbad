/** The configuration of a GGUF file's model, in the words of config.json. @module */
import { RankineError } from "../../core/errors.js"
import type { GgufValue } from "./gguf-cursor.js"
import type { GgufFile } from "./gguf-file.js"
import { type GgufArchitecture, ggufArchitectures } from "./gguf-names.js"
import { llama3ScalingOf } from "./gguf-rope.js"

/** An object as config.json holds it. */
export type HubConfig = Readonly<Record<string, unknown>>

/** Gemma 3 sees everything in each sixth layer, Gemma 2 in each second; their files do not say so. */
const gemmaPattern = { gemma2: 2, gemma3: 6 }
/** Layers of the largest, which alone divide their scores by another width than a head's. */
const gemmaLargest = { gemma2: 46, gemma3: 62 }

/** Tokens that end an answer in one model family or another: files name at most two of them. */
const answerEnds = ["<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>"]

/** Throws `model` for an architecture that is not read. */
export function architectureOf({ values, files }: GgufFile): GgufArchitecture {
  const name = values.get("general.architecture")
  const known = ggufArchitectures.find((each) => each === name)
  if (known) return known
  throw new RankineError(
    "model",
    `${files[0]}: general.architecture ${JSON.stringify(name)} is not among those that are read (${ggufArchitectures.join(", ")})`,
  )
}

/**
 * What config.json said of the model before it was converted, as far as computing needs it.
 * @throws RankineError `data` for values that are missing or make no sense, `model` for variants that are not supported, naming them
 */
export async function ggufConfig(file: GgufFile): Promise<HubConfig> {
  const architecture = architectureOf(file)
  const keys = new Keys(file, architecture)
  if ((keys.optional("expert_count") ?? 0) > 0) throw keys.unsupported("a mixture of experts")
  const width = keys.number("embedding_length")
  const layers = keys.number("block_count")
  const heads = keys.number("attention.head_count")
  const headWidth = keys.optional("attention.key_length") ?? width / heads
  const valueWidth = keys.optional("attention.value_length") ?? headWidth
  if (valueWidth !== headWidth) throw keys.unsupported(`values of width ${valueWidth} with keys of width ${headWidth}`)
  const turned = keys.optional("rope.dimension_count") ?? headWidth
  if (turned !== headWidth) throw keys.unsupported(`positions that turn ${turned} of a head's ${headWidth} components`)
  const theta = keys.optional("rope.freq_base") ?? 10_000
  const vocabulary = file.tensors.get("token_embd.weight")?.shape[0]
  if (vocabulary === undefined) throw new RankineError("data", `${file.files[0]} has no tensor token_embd.weight`)
  const scaling = await ropeScaling(file, keys, theta)
  return {
    ...family(file, architecture, keys, layers, headWidth, width / heads),
    hidden_size: width,
    intermediate_size: keys.number("feed_forward_length"),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keys.optional("attention.head_count_kv") ?? heads,
    head_dim: headWidth,
    vocab_size: vocabulary,
    max_position_embeddings: keys.number("context_length"),
    rms_norm_eps: shortest(keys.number("attention.layer_norm_rms_epsilon")),
    rope_theta: shortest(theta),
    ...(scaling === undefined ? {} : { rope_scaling: scaling }),
    tie_word_embeddings: !file.tensors.has("output.weight"),
    ...tokenIds(file),
  }
}

/** What only one architecture has. */
function family(
  { tensors }: GgufFile,
  architecture: GgufArchitecture,
  keys: Keys,
  layers: number,
  headWidth: number,
  share: number,
): HubConfig {
  // Older files of Gemma 2 leave out what all of its models have.
  const window = keys.optional("attention.sliding_window") ?? (architecture === "gemma2" ? 4096 : undefined)
  switch (architecture) {
    case "llama": {
      const biased = { attention_bias: tensors.has("blk.0.attn_q.bias"), mlp_bias: tensors.has("blk.0.ffn_up.bias") }
      // Mistral's files call themselves llama; what tells them apart is the window.
      const kind = window ? { model_type: "mistral", sliding_window: window } : { model_type: "llama", ...biased }
      return { ...kind, hidden_act: "silu" }
    }
    case "qwen2":
    case "qwen3":
      return {
        model_type: architecture,
        hidden_act: "silu",
        use_sliding_window: false,
        ...(architecture === "qwen3" ? { attention_bias: tensors.has("blk.0.attn_q.bias") } : {}),
      }
    case "gemma2":
    case "gemma3":
      return {
        model_type: architecture === "gemma2" ? "gemma2" : "gemma3_text",
        hidden_activation: "gelu_pytorch_tanh",
        query_pre_attn_scalar: layers === gemmaLargest[architecture] ? share : headWidth,
        ...(architecture === "gemma3"
          ? { rope_local_base_freq: shortest(keys.optional("rope.freq_base_swa") ?? 10_000) }
          : {}),
        layer_types: layerTypes(keys, layers, window, gemmaPattern[architecture]),
        ...(window ? { sliding_window: window } : {}),
        ...capped(keys, "attn_logit_softcapping", architecture === "gemma2" ? 50 : undefined),
        ...capped(keys, "final_logit_softcapping", architecture === "gemma2" ? 30 : undefined),
      }
  }
}

function capped(keys: Keys, name: string, usual: number | undefined): HubConfig {
  const value = keys.optional(name) ?? usual
  return value ? { [name]: shortest(value) } : {}
}

function layerTypes(keys: Keys, layers: number, window: number | undefined, pattern: number): string[] {
  const given = keys.raw("attention.sliding_window_pattern")
  const every = typeof given === "number" ? given : pattern
  return Array.from({ length: layers }, (_, layer) => {
    const windowed = Array.isArray(given) ? given[layer] === true || given[layer] === 1 : (layer + 1) % every !== 0
    return window && windowed ? "sliding_attention" : "full_attention"
  })
}

async function ropeScaling(file: GgufFile, keys: Keys, theta: number): Promise<HubConfig | undefined> {
  if (file.tensors.has("rope_freqs.weight")) {
    const divisors = await file.read("rope_freqs.weight")
    if (divisors.every((divisor) => divisor === 1)) return undefined
    const scaling = llama3ScalingOf(divisors, theta)
    if (!scaling) throw keys.unsupported("rope_freqs.weight, whose numbers are not those of Llama 3's scaling,")
    return { ...scaling }
  }
  const kind = keys.raw("rope.scaling.type")
  if (kind === undefined || kind === "none") {
    // Files from before the key had a name for the kind.
    const factor = keys.optional("rope.scale_linear")
    return factor && factor !== 1 ? { rope_type: "linear", factor } : undefined
  }
  const original = keys.optional("rope.scaling.original_context_length")
  return {
    rope_type: kind,
    factor: keys.number("rope.scaling.factor"),
    ...(original === undefined ? {} : { original_max_position_embeddings: original }),
  }
}

function tokenIds({ values }: GgufFile): HubConfig {
  const tokens = (values.get("tokenizer.ggml.tokens") ?? []) as readonly GgufValue[]
  const types = (values.get("tokenizer.ggml.token_type") ?? []) as readonly GgufValue[]
  const id = (kind: string) => {
    const value = values.get(`tokenizer.ggml.${kind}_token_id`)
    // Absent ids are written as the largest 32-bit number.
    return typeof value === "number" && (tokens.length === 0 || value < tokens.length) ? value : undefined
  }
  const ends = new Set([id("eos"), id("eot"), id("eom")])
  for (const name of answerEnds) {
    const found = tokens.indexOf(name)
    if (found >= 0 && types[found] === 3) ends.add(found)
  }
  ends.delete(undefined)
  const list = [...ends]
  const entries = {
    bos_token_id: id("bos"),
    eos_token_id: list.length > 1 ? list : list[0],
    pad_token_id: id("padding"),
  }
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined))
}

/** Files keep float32: 1e-6 comes back as 9.999999974752427e-7. The shortest decimal of the same float32 is what was meant. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === Math.fround(value)) return short
  }
  return value
}

/** The metadata of one architecture. */
class Keys {
  constructor(
    private readonly file: GgufFile,
    private readonly architecture: string,
  ) {}

  raw(name: string): GgufValue | undefined {
    return this.file.values.get(`${this.architecture}.${name}`)
  }

  optional(name: string): number | undefined {
    const value = this.raw(name)
    // Some architectures give a number for each layer.
    const single = Array.isArray(value) && value.every((each) => each === value[0]) ? value[0] : value
    if (single === undefined) return undefined
    if (typeof single !== "number" || !Number.isFinite(single) || single < 0) {
      if (Array.isArray(value)) throw this.unsupported(`${name} with another number in each layer`)
      throw new RankineError(
        "data",
        `${this.file.files[0]}: ${this.architecture}.${name} is ${String(single)}, no number`,
      )
    }
    return single
  }

  number(name: string): number {
    const value = this.optional(name)
    if (value) return value
    throw new RankineError("data", `${this.file.files[0]}: its metadata lacks ${this.architecture}.${name}`)
  }

  unsupported(what: string): RankineError {
    return new RankineError("model", `${this.file.files[0]}: ${what} is not supported: take another model`)
  }
}
