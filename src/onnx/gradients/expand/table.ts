/** Fused operators and what they stand for. @module */
import type { Node } from "../../ir.js"
import { attention, groupQueryAttention, multiHeadAttention } from "./attention.js"
import type { Expansion } from "./expansion.js"
import {
  biasGelu,
  embedLayerNorm,
  fastGelu,
  fusedMatMul,
  rmsNorm,
  skipLayerNorm,
  skipSimplifiedLayerNorm,
} from "./layers.js"
import { rotaryEmbedding } from "./rotary.js"

/** By domain and operator. */
const expansions: Readonly<Record<string, Expansion>> = {
  "com.microsoft.Attention": attention,
  "com.microsoft.BiasGelu": biasGelu,
  "com.microsoft.EmbedLayerNormalization": embedLayerNorm,
  "com.microsoft.FastGelu": fastGelu,
  "com.microsoft.FusedMatMul": fusedMatMul,
  "com.microsoft.GroupQueryAttention": groupQueryAttention,
  "com.microsoft.MultiHeadAttention": multiHeadAttention,
  "com.microsoft.RotaryEmbedding": rotaryEmbedding,
  "com.microsoft.SkipLayerNormalization": skipLayerNorm,
  "com.microsoft.SkipSimplifiedLayerNormalization": skipSimplifiedLayerNorm,
  RMSNormalization: rmsNorm,
}

/** How the node is expanded, where it is fused. */
export function expansionOf({ domain, op }: Node): Expansion | undefined {
  const key = domain === "" ? op : `${domain}.${op}`
  return Object.hasOwn(expansions, key) ? expansions[key] : undefined
}
