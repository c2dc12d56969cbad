/** T5's attention: no scaling, head widths of their own, and a learned number for each distance. @module */
import type { Value } from "../../onnx/ir.js"
import { maskAndBias } from "../encoder/attention.js"
import type { T5Parts } from "./parts.js"
import { innerWidth } from "./parts.js"

export interface T5AttentionInput {
  /** [batch, queries, inner], heads side by side. */
  readonly query: Value
  /** Each [batch, keys, inner]. */
  readonly key: Value
  readonly value: Value
  /** int32 [batch, keys]: 1 for real tokens. All are where it is left out. */
  readonly mask?: Value | undefined
  /** Added to the scores: [1, heads, queries, keys]. */
  readonly bias?: Value | undefined
}

/** Scores of what must not be looked at. */
export const NEVER = -1e30

/** [batch, queries, inner]: softmax(Q Kᵀ + bias) V, head by head (Raffel et al., 2020; the scale is part of the learned weights). */
export function t5Attention(parts: T5Parts, { query, key, value, mask, bias }: T5AttentionInput): Value {
  const { net, config } = parts
  const { heads, headWidth } = config
  if (net.form === "fused")
    return net.op(
      "MultiHeadAttention",
      [query, key, value, undefined, ...maskAndBias(net, query, mask, bias)],
      { num_heads: heads, scale: 1, mask_filter_value: NEVER },
      "com.microsoft",
    )
  const split = (x: Value, order: readonly number[]) => net.transpose(net.reshape(x, [0, 0, heads, headWidth]), order)
  let scores = net.op("MatMul", [split(query, [0, 2, 1, 3]), split(key, [0, 2, 3, 1])])
  if (bias) scores = net.op("Add", [scores, bias])
  if (mask) {
    const real = net.unsqueeze(net.unsqueeze(net.cast(mask, "bool"), 1), 1)
    scores = net.op("Where", [real, scores, net.scalar(NEVER)])
  }
  const mixed = net.op("MatMul", [net.op("Softmax", [scores], { axis: -1 }), split(value, [0, 2, 1, 3])])
  return net.reshape(net.transpose(mixed, [0, 2, 1, 3]), [0, 0, innerWidth(parts)])
}
