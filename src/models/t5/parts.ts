/** What the encoder and the decoder of a T5 are made of: norms without mean, projections without bias. @module */
import type { Value } from "../../onnx/ir.js"
import { flatten } from "../encoder/inputs.js"
import type { Net } from "../encoder/net.js"
import type { T5Config } from "./config.js"

/** The graph under construction, and the model it is to compute. */
export interface T5Parts {
  readonly net: Net
  readonly config: T5Config
}

/** Names that the one table of token vectors is saved under. */
const TABLES = ["shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
const HEAD = "lm_head.weight"

/** The name of the token vectors' table. */
export function tableName({ net }: T5Parts): string {
  return TABLES.find((name) => net.has(name)) ?? TABLES[0]
}

/** The name of the table that the output is compared with: the token vectors' own where the model shares it (T5 1.0). */
export function outputTableName(parts: T5Parts): string {
  return !parts.config.scaleOutput && parts.net.has(HEAD) ? HEAD : tableName(parts)
}

/** [batch · length, width] of ids [batch, length]. */
export function embed(parts: T5Parts, ids: Value): Value {
  const { net, config } = parts
  return flatten(net, net.lookUp(tableName(parts), [config.vocabulary, config.width], ids), config.width)
}

/** x / root mean square of x, times a learned number for each component (Zhang and Sennrich, 2019). */
export function rmsNorm({ net, config }: T5Parts, x: Value, name: string): Value {
  const scale = net.weight(`${name}.weight`, [config.width])
  const epsilon = config.normEpsilon
  if (net.form === "fused")
    return net.op("SimplifiedLayerNormalization", [x, scale], { axis: -1, epsilon, stash_type: 1 })
  const squares = net.op("ReduceMean", [net.op("Mul", [x, x]), net.integers([-1])], { keepdims: 1 })
  const root = net.op("Sqrt", [net.op("Add", [squares, net.scalar(epsilon)])])
  return net.op("Mul", [net.op("Div", [x, root]), scale])
}

/** x + net(norm(x)), the last part of every layer; `x` is [rows, width]. */
export function feedForward(parts: T5Parts, x: Value, layer: string): Value {
  const { net, config } = parts
  const { width, intermediate } = config
  const at = `${layer}.DenseReluDense`
  const normed = rmsNorm(parts, x, `${layer}.layer_norm`)
  const wide = (name: string) => net.linear(normed, `${at}.${name}`, intermediate, width, false)
  const activated = net.activation(wide(config.gated ? "wi_0" : "wi"), config.activation)
  const inner = config.gated ? net.op("Mul", [activated, wide("wi_1")]) : activated
  return net.op("Add", [x, net.linear(inner, `${at}.wo`, width, intermediate, false)])
}

/** All heads side by side: queries, keys and values are so wide. */
export function innerWidth({ config }: T5Parts): number {
  return config.heads * config.headWidth
}

/** [rows, heads · head width] of [rows, width]: a query, key or value projection. */
export function project(parts: T5Parts, x: Value, name: string): Value {
  return parts.net.linear(x, name, innerWidth(parts), parts.config.width, false)
}

/** x + projected `mixed`: the end of every attention. */
export function addAttended(parts: T5Parts, x: Value, mixed: Value, name: string): Value {
  const { net, config } = parts
  return net.op("Add", [x, net.linear(mixed, name, config.width, innerWidth(parts), false)])
}
