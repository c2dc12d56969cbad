/** What the tensors of GGUF files are called in the checkpoints that they were made from. @module */

/** Architectures whose files are read as models, as `general.architecture` names them. */
export type GgufArchitecture = "llama" | "qwen2" | "qwen3" | "gemma2" | "gemma3"

export const ggufArchitectures: readonly GgufArchitecture[] = ["llama", "qwen2", "qwen3", "gemma2", "gemma3"]

const outer: Readonly<Record<string, string>> = {
  token_embd: "model.embed_tokens",
  output_norm: "model.norm",
  output: "lm_head",
}

const inLayer: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  attn_q_norm: "self_attn.q_norm",
  attn_k_norm: "self_attn.k_norm",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
}

/** Gemma has norms after attention and after the feed-forward net too. */
const inGemmaLayer: Readonly<Record<string, string>> = {
  ...inLayer,
  ffn_norm: "pre_feedforward_layernorm",
  post_attention_norm: "post_attention_layernorm",
  post_ffw_norm: "post_feedforward_layernorm",
}

/** Its norms and their names differ from the others'. */
export function isGemma(architecture: GgufArchitecture): boolean {
  return architecture === "gemma2" || architecture === "gemma3"
}

/** The name in a checkpoint of Hugging Face's layout, or undefined for a tensor that the architecture does not have there. */
export function hubNameOf(name: string, architecture: GgufArchitecture): string | undefined {
  const [, layer, part, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? []
  if (part === undefined) return undefined
  const table = layer === undefined ? outer : isGemma(architecture) ? inGemmaLayer : inLayer
  if (!Object.hasOwn(table, part)) return undefined
  return `${layer === undefined ? "" : `model.layers.${layer}.`}${table[part]}.${kind}`
}
