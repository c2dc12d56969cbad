/** What every decoder is made of, whichever way its attention is computed. @module */
import type { Value } from "../../onnx/ir.js"
import { flatten } from "../encoder/inputs.js"
import type { Net } from "../encoder/net.js"
import type { DecoderConfig } from "./config.js"

/** The graph under construction, and the model it is to compute. */
export interface DecoderParts {
  readonly net: Net
  readonly config: DecoderConfig
}

/** Weights are found with and without these in front of their names. */
export const decoderPrefixes: readonly string[] = [
  "model.",
  "language_model.",
  "language_model.model.",
  "model.language_model.",
]

/** What adapters are saved under, in front of the names of layers. */
export const MODULE_PREFIX = "model."

const TABLE = "embed_tokens.weight"
const HEAD = "lm_head"

export interface Projections {
  /** Each [rows, its heads · head width]. */
  readonly query: Value
  readonly key: Value
  readonly value: Value
  /** All three side by side, where one product gave them and nothing is done to one of them alone; whoever takes it leaves the others. */
  readonly packed?: Value
}

/** From queries, keys and values to [rows, heads · head width]. */
export type Attend = (layer: number, projections: Projections) => Value

/**
 * [rows, width]: the vectors of tokens `ids` [batch, length] after the last norm, one row for each token, or for those that `narrow`
 * picks: in the last layer the others are still looked at, yet their own new vectors, which nobody reads, are not computed.
 */
export function decoderHidden(
  parts: DecoderParts,
  ids: Value,
  attend: Attend,
  narrow: (rows: Value) => Value = (rows) => rows,
): Value {
  const { net, config } = parts
  const { width, heads, headWidth, layers, postNorms } = config
  const embedded = flatten(net, net.lookUp(TABLE, [config.vocabulary, width], ids), width)
  let x = config.embeddingScale === 1 ? embedded : net.op("Mul", [embedded, net.scalar(config.embeddingScale)])
  let normed = rmsNorm(parts, x, "layers.0.input_layernorm", width)
  for (let layer = 0; layer < layers; layer++) {
    const at = `layers.${layer}`
    const last = layer === layers - 1
    let mixed = attend(layer, projections(parts, normed, at))
    if (last) [x, mixed] = [narrow(x), narrow(mixed)]
    const after = (delta: Value, name: string) => (postNorms ? rmsNorm(parts, delta, `${at}.${name}`, width) : delta)
    const attended = net.linear(mixed, `${at}.self_attn.o_proj`, width, heads * headWidth, config.biases.output)
    const between = `${at}.${postNorms ? "pre_feedforward_layernorm" : "post_attention_layernorm"}`
    ;[x, normed] = addAndNorm(parts, x, after(attended, "post_attention_layernorm"), between)
    const fed = after(feedForward(parts, normed, `${at}.mlp`), "post_feedforward_layernorm")
    const next = last ? "norm" : `layers.${layer + 1}.input_layernorm`
    ;[x, normed] = addAndNorm(parts, x, fed, next, `layer ${layer}`)
  }
  return normed
}

/** [rows, vocabulary] of [rows, width]. */
export function decoderLogits({ net, config }: DecoderParts, hidden: Value): Value {
  const { vocabulary, width, logitCap } = config
  const product = net.productRows(hidden, config.tied ? TABLE : `${HEAD}.weight`, [vocabulary, width], 0, vocabulary)
  return capped(net, net.adapted(product, hidden, HEAD, vocabulary, width), logitCap)
}

/** cap · tanh(x / cap), which is about x where that is far below the cap; x itself for a cap of 0. */
export function capped(net: Net, x: Value, cap: number): Value {
  if (cap === 0) return x
  return net.op("Mul", [net.op("Tanh", [net.op("Mul", [x, net.scalar(1 / cap)])]), net.scalar(cap)])
}

function projections(parts: DecoderParts, x: Value, at: string): Projections {
  const { net, config } = parts
  const { width, heads, keyHeads, headWidth, headNorms, biases } = config
  const layers = Object.entries({ q: heads, k: keyHeads, v: keyHeads }).map(([kind, count]) => ({
    name: `${at}.self_attn.${kind}_proj`,
    outputs: count * headWidth,
  }))
  const normed = (projected: Value, kind: string, count: number) => {
    if (!headNorms) return projected
    const each = net.reshape(projected, [-1, headWidth])
    return net.reshape(rmsNorm(parts, each, `${at}.self_attn.${kind}_norm`, headWidth), [-1, count * headWidth])
  }
  const packed = net.linears(x, layers, width, biases.queryKeyValue)
  const apart = () => {
    const [query, key, value] = packed
      ? sideBySide(parts, packed, layers)
      : layers.map(({ name, outputs }) => net.linear(x, name, outputs, width, biases.queryKeyValue))
    return { query: normed(query!, "q", heads), key: normed(key!, "k", keyHeads), value: value! }
  }
  if (!packed || headNorms) return apart()
  // Taken apart only where somebody asks for one of them.
  let split: ReturnType<typeof apart> | undefined
  const each = (name: "query" | "key" | "value") => (split ??= apart())[name]
  return {
    packed,
    get query() {
      return each("query")
    },
    get key() {
      return each("key")
    },
    get value() {
      return each("value")
    },
  }
}

/** The results of layers that were computed side by side. */
function sideBySide({ net }: DecoderParts, all: Value, layers: readonly { readonly outputs: number }[]): Value[] {
  return net.graph.split(
    all,
    layers.map(({ outputs }) => outputs),
    1,
  )
}

/** down(activation(gate(x)) · up(x)), Shazeer, GLU variants improve transformer, 2020. */
function feedForward(parts: DecoderParts, x: Value, at: string): Value {
  const { net, config } = parts
  const { width, intermediate, biases } = config
  const layers = ["gate_proj", "up_proj"].map((name) => ({ name: `${at}.${name}`, outputs: intermediate }))
  const both = net.linears(x, layers, width, biases.feedForward)
  const [gate, up] = both
    ? sideBySide(parts, both, layers)
    : layers.map(({ name, outputs }) => net.linear(x, name, outputs, width, biases.feedForward))
  const gated = net.op("Mul", [net.activation(gate!, config.activation), up!])
  return net.linear(gated, `${at}.down_proj`, width, intermediate, biases.feedForward)
}

/** x / root mean square of x, times a learned number for each component (Zhang and Sennrich, 2019). */
function rmsNorm(parts: DecoderParts, x: Value, name: string, width: number): Value {
  const { net, config } = parts
  const scale = normScale(parts, name, width)
  const epsilon = config.normEpsilon
  if (net.form === "fused")
    return net.op("SimplifiedLayerNormalization", [x, scale], { axis: -1, epsilon, stash_type: 1 })
  const squares = net.op("ReduceMean", [net.op("Mul", [x, x]), net.integers([-1])], { keepdims: 1 })
  const root = net.op("Sqrt", [net.op("Add", [squares, net.scalar(epsilon)])])
  return net.op("Mul", [net.op("Div", [x, root]), scale])
}

/** x + delta, and its norm; `ends` is the layer that ends with the sum. */
function addAndNorm(
  parts: DecoderParts,
  x: Value,
  delta: Value,
  name: string,
  ends?: string,
): [sum: Value, normed: Value] {
  const { net, config } = parts
  if (net.form === "fused") {
    const inputs = [delta, x, normScale(parts, name, config.width)]
    const options = { outputs: 4, domain: "com.microsoft" }
    const outputs = net.graph.op("SkipSimplifiedLayerNormalization", inputs, { epsilon: config.normEpsilon }, options)
    return [outputs[3]!, outputs[0]!]
  }
  const added = net.op("Add", [x, delta])
  const sum = ends === undefined ? added : net.layerEnd(added, ends)
  return [sum, rmsNorm(parts, sum, name, config.width)]
}

/** Of constants alone, so that the sum is done once, when the session loads the model. */
function normScale({ net, config }: DecoderParts, name: string, width: number): Value {
  const weight = net.weight(`${name}.weight`, [width])
  return config.normAddsOne ? net.op("Add", [weight, net.scalar(1)]) : weight
}
