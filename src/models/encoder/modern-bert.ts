/**
 * ModernBERT: rotary positions, layers that see all tokens or only those near, gated feed-forward nets, layer norms before
 * (Warner et al., 2024).
 * @module
 */
import type { Value } from "../../onnx/ir.js"
import { attention } from "./attention.js"
import type { EncoderConfig, ModernBertConfig } from "./config.js"
import { type EncoderInputs, flatten } from "./inputs.js"
import type { Net } from "./net.js"

/** [batch, length, width]: the token vectors after the last norm. */
export function modernBertHidden(net: Net, config: EncoderConfig, inputs: EncoderInputs): Value {
  const { width, heads, intermediate: inner, raw } = config
  const modern = config.modern!
  const size = width / heads
  const attentionBias = raw.attention_bias === true
  const feedBias = raw.mlp_bias === true
  const norm = (x: Value, name: string) => net.layerNorm(x, name, width, config.normEpsilon, raw.norm_bias === true)
  const globalTurns = rotations(net, inputs.places, size, modern.globalTheta)
  const localTurns = rotations(net, inputs.places, size, modern.localTheta)
  const near = nearness(net, inputs.places, modern)

  const words = net.lookUp("embeddings.tok_embeddings.weight", [config.vocabulary, width], inputs.ids)
  let x = flatten(net, norm(words, "embeddings.norm"), width)
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `layers.${layer}`
    const global = modern.global[layer]
    // The first layer has no norm of its own: the embeddings' is just before it.
    const normed = layer === 0 ? x : norm(x, `${at}.attn_norm`)
    const all = inputs.unflatten(net.linear(normed, `${at}.attn.Wqkv`, 3 * width, width, attentionBias), 3 * width)
    const part = (index: number) =>
      net.op("Slice", [all, net.integers([index * width]), net.integers([(index + 1) * width]), net.integers([2])])
    const turn = (value: Value) => rotate(net, value, heads, size, global ? globalTurns : localTurns)
    const mixed = attention(net, {
      query: turn(part(0)),
      key: turn(part(1)),
      value: part(2),
      heads,
      width,
      mask: inputs.mask,
      bias: global ? undefined : near,
    })
    x = net.op("Add", [x, net.linear(flatten(net, mixed, width), `${at}.attn.Wo`, width, width, attentionBias)])
    const wide = net.linear(norm(x, `${at}.mlp_norm`), `${at}.mlp.Wi`, 2 * inner, width, feedBias)
    const half = (from: number) =>
      net.op("Slice", [wide, net.integers([from]), net.integers([from + inner]), net.integers([1])])
    const gated = net.op("Mul", [net.activation(half(0), config.activation), half(inner)])
    x = net.op("Add", [x, net.linear(gated, `${at}.mlp.Wo`, width, inner, feedBias)])
    x = net.layerEnd(x, `layer ${layer}`)
  }
  return inputs.unflatten(norm(x, "final_norm"), width)
}

interface Rotations {
  /** [length, 1, size] */
  readonly cosines: Value
  readonly sines: Value
}

/** Angles place · theta^(-2i / size), in float32 as the models were trained (Su et al., 2021, equation 15). */
function rotations(net: Net, places: Value, size: number, theta: number): Rotations {
  const speeds = Array.from({ length: size / 2 }, (_, pair) =>
    Math.fround(1 / Math.fround(theta ** Math.fround((2 * pair) / size))),
  )
  const row = net.graph.constant([...speeds, ...speeds], "float32")
  const angles = net.op("Mul", [net.unsqueeze(net.cast(places, "float32"), 1), row])
  const computed = (op: string) => net.unsqueeze(net.compute(net.op(op, [angles])), 1)
  return { cosines: computed("Cos"), sines: computed("Sin") }
}

/** Turns component i of each head together with component i + size / 2. */
function rotate(net: Net, x: Value, heads: number, size: number, { cosines, sines }: Rotations): Value {
  const split = net.reshape(x, [0, 0, heads, size])
  const half = (from: number, to: number) =>
    net.op("Slice", [split, net.integers([from]), net.integers([to]), net.integers([3])])
  const swapped = net.op("Concat", [net.op("Neg", [half(size / 2, size)]), half(0, size / 2)], { axis: 3 })
  const turned = net.op("Add", [net.op("Mul", [split, cosines]), net.op("Mul", [swapped, sines])])
  return net.reshape(turned, [0, 0, heads * size])
}

/** [1, 1, length, length]: 0 for tokens within reach, far below zero beyond. */
function nearness(net: Net, places: Value, { reach }: ModernBertConfig): Value {
  const distance = net.op("Abs", [net.op("Sub", [net.unsqueeze(places, 0), net.unsqueeze(places, 1)])])
  const far = net.op("Greater", [distance, net.integer(reach)])
  const bias = net.op("Where", [far, net.lowest(), net.scalar(0)])
  return net.unsqueeze(net.unsqueeze(bias, 0), 0)
}
