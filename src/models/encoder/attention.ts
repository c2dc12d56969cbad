/** Attention among the tokens of each row. @module */
import type { Value } from "../../onnx/ir.js"
import type { Net } from "./net.js"

export interface AttentionInput {
  /** Each [batch, length, width], heads side by side. */
  readonly query: Value
  readonly key: Value
  readonly value: Value
  readonly heads: number
  readonly width: number
  /** int32 [batch, length]: 1 for real tokens. */
  readonly mask: Value
  /** Added to the scores: [1, heads or 1, length, length]. */
  readonly bias?: Value | undefined
}

/** [batch, length, width]: softmax(Q Kᵀ / √size + bias) V, head by head. */
export function attention(net: Net, input: AttentionInput): Value {
  return net.form === "fused" ? fused(net, input) : standard(net, input)
}

function fused(net: Net, { query, key, value, heads, mask, bias }: AttentionInput): Value {
  const inputs = [query, key, value, undefined, ...maskAndBias(net, query, mask, bias)]
  return net.op("MultiHeadAttention", inputs, { num_heads: heads }, "com.microsoft")
}

/**
 * The inputs of MultiHeadAttention for padding and bias. As a bias, padding is a low number for each query and key: [batch, 1, queries,
 * keys], with the other bias [batch, heads, queries, keys].
 */
export function maskAndBias(
  net: Net,
  query: Value,
  mask: Value | undefined,
  bias: Value | undefined,
): [mask: Value | undefined, bias: Value | undefined] {
  if (!mask || net.padding === "mask") return [mask, bias]
  const { graph } = net
  const real = net.unsqueeze(net.unsqueeze(net.cast(mask, "bool"), 1), 1)
  const hidden = net.op("Where", [real, net.scalar(0), net.lowest()])
  const sizes = [graph.shape(mask, 0, 1), net.integers([1]), graph.shape(query, 1, 2), graph.shape(mask, 1, 2)]
  const wide = graph.expand(hidden, graph.concat(sizes, 0))
  return [undefined, bias ? net.op("Add", [wide, bias]) : wide]
}

function standard(net: Net, { query, key, value, heads, width, mask, bias }: AttentionInput): Value {
  const size = width / heads
  const split = (x: Value, order: readonly number[]) => net.transpose(net.reshape(x, [0, 0, heads, size]), order)
  const scaled = net.op("Mul", [split(query, [0, 2, 1, 3]), net.scalar(1 / Math.sqrt(size))])
  let scores = net.op("MatMul", [scaled, split(key, [0, 2, 3, 1])])
  if (bias) scores = net.op("Add", [scores, bias])
  const real = net.unsqueeze(net.unsqueeze(net.cast(mask, "bool"), 1), 1)
  const masked = net.op("Where", [real, scores, net.lowest()])
  const mixed = net.op("MatMul", [net.op("Softmax", [masked], { axis: -1 }), split(value, [0, 2, 1, 3])])
  return net.reshape(net.transpose(mixed, [0, 2, 1, 3]), [0, 0, width])
}
