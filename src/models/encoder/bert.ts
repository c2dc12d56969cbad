/**
 * BERT and its relatives RoBERTa, DistilBERT and MPNet: each layer is attention and a feed-forward net, with a layer norm after
 * each sum (Devlin et al., 2019; Liu et al., 2019; Sanh et al., 2019; Song et al., 2020).
 * @module
 */
import type { Value } from "../../onnx/ir.js"
import { attention } from "./attention.js"
import type { EncoderConfig } from "./config.js"
import { type EncoderInputs, flatten } from "./inputs.js"
import type { Net } from "./net.js"
import { relativeBias } from "./relative-positions.js"

/** Names of the weights of layer `n`. */
interface LayerNames {
  readonly query: string
  readonly key: string
  readonly value: string
  readonly mixed: string
  readonly attentionNorm: string
  readonly wide: string
  readonly narrow: string
  readonly norm: string
}

/**
 * [batch, length, width]: the last layer's token vectors. With `firstOnly` it is [batch, 1, width]: in the last layer the other tokens
 * are still looked at, yet their own new vectors, which nobody reads, are not computed.
 */
export function bertHidden(net: Net, config: EncoderConfig, inputs: EncoderInputs, firstOnly: boolean): Value {
  const { width, heads, normEpsilon } = config
  const bias = config.family === "mpnet" ? relativeBias(net, config, inputs.places) : undefined
  let x = flatten(net, embeddings(net, config, inputs), width)
  for (let layer = 0; layer < config.layers; layer++) {
    const names = layerNames(config, layer)
    const key = inputs.unflatten(net.linear(x, names.key, width, width), width)
    // Rounded activations shift all values of a text in the same direction, which averaging over tokens does not undo: two thirds of
    // what integers cost MiniLM comes from here.
    const exact = net.precision === "int8"
    const valued = exact ? net.exactLinear(x, names.value, width, width) : net.linear(x, names.value, width, width)
    const value = inputs.unflatten(valued, width)
    const first = firstOnly && layer === config.layers - 1
    if (first) x = net.firstToken(inputs.unflatten(x, width))
    const asked = net.linear(x, names.query, width, width)
    const query = first ? net.unsqueeze(asked, 1) : inputs.unflatten(asked, width)
    const rowBias = first && bias ? net.op("Slice", [bias, ...[0, 1, 2].map((at) => net.integers([at]))]) : bias
    const mixed = attention(net, { query, key, value, heads, width, mask: inputs.mask, bias: rowBias })
    const attended = net.linear(flatten(net, mixed, width), names.mixed, width, width)
    x = net.layerNorm(net.op("Add", [attended, x]), names.attentionNorm, width, normEpsilon)
    const inner = config.intermediate
    const wide = net.activation(net.linear(x, names.wide, inner, width), config.activation)
    x = net.layerNorm(net.op("Add", [net.linear(wide, names.narrow, width, inner), x]), names.norm, width, normEpsilon)
    x = net.layerEnd(x, `layer ${layer}`)
  }
  return firstOnly ? net.unsqueeze(x, 1) : inputs.unflatten(x, width)
}

function embeddings(net: Net, config: EncoderConfig, { ids, types, places }: EncoderInputs): Value {
  const { width, firstPosition, maxLength, tokenTypes } = config
  const words = net.lookUp("embeddings.word_embeddings.weight", [config.vocabulary, width], ids)
  const shifted = firstPosition === 0 ? places : net.op("Add", [places, net.integer(firstPosition)])
  const positions = net.lookUp("embeddings.position_embeddings.weight", [maxLength + firstPosition, width], shifted)
  let sum = net.op("Add", [words, positions])
  if (types) {
    sum = net.op("Add", [sum, net.lookUp("embeddings.token_type_embeddings.weight", [tokenTypes, width], types)])
  } else if (tokenTypes > 0) {
    // One type only: its row is added to every token.
    sum = net.op("Add", [sum, net.weight("embeddings.token_type_embeddings.weight", [tokenTypes, width])])
  }
  return net.layerNorm(sum, "embeddings.LayerNorm", width, config.normEpsilon)
}

function layerNames({ family }: EncoderConfig, layer: number): LayerNames {
  if (family === "distilbert") {
    const at = `transformer.layer.${layer}`
    return {
      query: `${at}.attention.q_lin`,
      key: `${at}.attention.k_lin`,
      value: `${at}.attention.v_lin`,
      mixed: `${at}.attention.out_lin`,
      attentionNorm: `${at}.sa_layer_norm`,
      wide: `${at}.ffn.lin1`,
      narrow: `${at}.ffn.lin2`,
      norm: `${at}.output_layer_norm`,
    }
  }
  const at = `encoder.layer.${layer}`
  const ends = { wide: `${at}.intermediate.dense`, narrow: `${at}.output.dense`, norm: `${at}.output.LayerNorm` }
  if (family === "mpnet")
    return {
      query: `${at}.attention.attn.q`,
      key: `${at}.attention.attn.k`,
      value: `${at}.attention.attn.v`,
      mixed: `${at}.attention.attn.o`,
      attentionNorm: `${at}.attention.LayerNorm`,
      ...ends,
    }
  return {
    query: `${at}.attention.self.query`,
    key: `${at}.attention.self.key`,
    value: `${at}.attention.self.value`,
    mixed: `${at}.attention.output.dense`,
    attentionNorm: `${at}.attention.output.LayerNorm`,
    ...ends,
  }
}
