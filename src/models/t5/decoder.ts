/** T5's decoder: each token looks back at those before it, and at all that the encoder read. @module */
import type { Value } from "../../onnx/ir.js"
import { flatten } from "../encoder/inputs.js"
import { t5Attention } from "./attention.js"
import {
  addAttended,
  embed,
  feedForward,
  innerWidth,
  outputTableName,
  project,
  rmsNorm,
  type T5Parts,
} from "./parts.js"
import { relativeBias } from "./relative-bias.js"

/** Keys and values of one layer, each [batch, tokens, inner]. */
export interface KeysAndValues {
  readonly key: Value
  readonly value: Value
}

/** What the decoder looks at of the encoder's tokens. */
export interface CrossMemory {
  readonly layers: readonly KeysAndValues[]
  /** int32 [batch, length]: 1 for real tokens. */
  readonly mask: Value
}

/** Keys and values of every layer, computed once however many tokens are decoded; `hidden` is [batch, length, width]. */
export function crossMemory(parts: T5Parts, hidden: Value, mask: Value): CrossMemory {
  const { net, config } = parts
  const inner = innerWidth(parts)
  const rows = flatten(net, hidden, config.width)
  const unflatten = unflattener(parts, hidden)
  const layers = Array.from({ length: config.decoderLayers }, (_, layer) => {
    const at = `decoder.block.${layer}.layer.1.EncDecAttention`
    const part = (name: string) => unflatten(project(parts, rows, `${at}.${name}`), inner)
    return { key: part("k"), value: part("v") }
  })
  return { layers, mask }
}

export interface DecoderInput {
  /** int32 [batch, steps] */
  readonly ids: Value
  readonly memory: CrossMemory
  /** Keys and values of the tokens before these, for each layer; none where it is left out. */
  readonly past?: readonly KeysAndValues[]
}

export interface DecoderOutput {
  /** [batch · steps, width] */
  readonly hidden: Value
  /** Keys and values of all tokens so far, for each layer. */
  readonly present: readonly KeysAndValues[]
}

/** Decodes given tokens, each knowing those before it. */
export function decoderHidden(parts: T5Parts, { ids, memory, past }: DecoderInput): DecoderOutput {
  const { net, config } = parts
  const inner = innerWidth(parts)
  const unflatten = unflattener(parts, ids)
  const steps = sizeOf(parts, ids, 1)
  const before = past ? sizeOf(parts, past[0].key, 1) : net.integer(0)
  const all = net.op("Add", [before, steps])
  const range = (from: Value) => net.op("Range", [from, all, net.integer(1)])
  const bias = relativeBias(parts, "decoder", range(before), range(net.integer(0)))
  const present: KeysAndValues[] = []
  let x = embed(parts, ids)
  for (let layer = 0; layer < config.decoderLayers; layer++) {
    const at = `decoder.block.${layer}.layer`
    const normed = rmsNorm(parts, x, `${at}.0.layer_norm`)
    const part = (name: string) => unflatten(project(parts, normed, `${at}.0.SelfAttention.${name}`), inner)
    const grown = (earlier: Value | undefined, now: Value) =>
      earlier ? net.op("Concat", [earlier, now], { axis: 1 }) : now
    const key = grown(past?.[layer].key, part("k"))
    const value = grown(past?.[layer].value, part("v"))
    present.push({ key, value })
    const looked = t5Attention(parts, { query: part("q"), key, value, bias })
    x = addAttended(parts, x, flatten(net, looked, inner), `${at}.0.SelfAttention.o`)
    const crossed = rmsNorm(parts, x, `${at}.1.layer_norm`)
    const query = unflatten(project(parts, crossed, `${at}.1.EncDecAttention.q`), inner)
    const read = t5Attention(parts, { query, ...memory.layers[layer], mask: memory.mask })
    x = addAttended(parts, x, flatten(net, read, inner), `${at}.1.EncDecAttention.o`)
    x = net.layerEnd(feedForward(parts, x, `${at}.2`), `decoder layer ${layer}`)
  }
  return { hidden: rmsNorm(parts, x, "decoder.final_layer_norm"), present }
}

/** [rows, tokens] of [rows, width]: the logits of some tokens of the vocabulary, or of all. No others are computed. */
export function outputLogits(parts: T5Parts, hidden: Value, tokens?: readonly number[]): Value {
  const { net, config } = parts
  const { vocabulary, width } = config
  const name = outputTableName(parts)
  const shape = [vocabulary, width]
  const rows = tokens?.map((token) => net.weightRows(name, shape, token, token + 1))
  const table = !rows ? net.weight(name, shape) : rows.length === 1 ? rows[0] : net.op("Concat", rows, { axis: 0 })
  const scaled = config.scaleOutput ? net.op("Mul", [hidden, net.scalar(width ** -0.5)]) : hidden
  return net.op("Gemm", [scaled, table], { transB: 1 })
}

/** Turns [rows · columns, width] into [rows, columns, width], rows and columns as in `like`. */
export function unflattener({ net }: T5Parts, like: Value): (flat: Value, width: number) => Value {
  const sizes = net.op("Shape", [like], { start: 0, end: 2 })
  return (flat, width) => net.reshape(flat, net.op("Concat", [sizes, net.integers([width])], { axis: 0 }))
}

/** The size of one axis, a scalar. */
function sizeOf({ net }: T5Parts, value: Value, axis: number): Value {
  return net.squeeze(net.op("Shape", [value], { start: axis, end: axis + 1 }), 0)
}
