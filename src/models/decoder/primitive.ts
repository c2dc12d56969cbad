/** Decoders of the standard's operators only: without a cache, to be differentiated, or to look into their attention. @module */
import type { Value } from "../../onnx/ir.js"
import type { Checkpoint } from "../checkpoint/safetensors.js"
import { Net, type NetOptions } from "../encoder/net.js"
import type { DecoderConfig } from "./config.js"
import {
  type Attend,
  capped,
  type DecoderParts,
  decoderHidden,
  decoderLogits,
  decoderPrefixes,
  MODULE_PREFIX,
} from "./parts.js"
import { type RopeTables, ropeTables, rotate } from "./rope.js"

export type PrimitiveForm = Partial<Pick<NetOptions, "precision" | "adapters" | "layerMarks">>

/** A graph under construction, to which a loss or outputs are still to be added. */
export interface PrimitiveDecoder {
  /** `net.graph` is the graph; `net.toModel()` makes the model, and `net.folder` is where its weights lie. */
  readonly net: Net
  /** int32 [batch, length]: the input `input_ids`, padded on either side. */
  readonly ids: Value
  /** int32 [batch, length]: the input `attention_mask`, 1 for tokens, 0 for padding. */
  readonly mask: Value
  /** [batch · length, width] after the last norm. */
  readonly hidden: Value
  /** For each layer [batch, heads, length, length]: how much each token looks at each. */
  readonly attentions: readonly Value[]
  /** [rows, vocabulary] of any rows of `hidden`. */
  logits(rows: Value): Value
}

/**
 * Writes a decoder of standard operators in float32. Positions are counted from the first column, as transformers counts them where it is
 * given no positions.
 * @throws RankineError `data` where the checkpoint lacks a weight or has one of another shape
 */
export function primitiveDecoder(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  options: PrimitiveForm = {},
): PrimitiveDecoder {
  const net = new Net(`${config.family}-primitive`, checkpoint, decoderPrefixes, {
    precision: "fp32",
    ...options,
    half: false,
    form: "standard",
    modulePrefix: MODULE_PREFIX,
  })
  const parts = { net, config }
  const ids = net.graph.input("input_ids", "int32", ["batch", "length"])
  const mask = net.graph.input("attention_mask", "int32", ["batch", "length"])
  const attentions: Value[] = []
  const hidden = decoderHidden(parts, ids, primitiveAttention(parts, ids, mask, attentions))
  return { net, ids, mask, hidden, attentions, logits: (rows) => decoderLogits(parts, rows) }
}

/** What a primitive graph gives; several may be asked for. */
export interface PrimitiveOutputs {
  /** `logits` [batch, length, vocabulary]. */
  readonly logits?: boolean
  /** `hidden` [batch, length, width] after the last norm. */
  readonly hidden?: boolean
  /** `attentions.N` [batch, heads, length, length]. */
  readonly attentions?: boolean
}

/** The same as a model that is ready to run. */
export async function buildPrimitiveDecoder(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  outputs: PrimitiveOutputs,
  options: PrimitiveForm = {},
): Promise<{ readonly model: Uint8Array; readonly folder: string }> {
  const { net, ids, hidden, attentions, logits } = primitiveDecoder(config, checkpoint, options)
  const { graph } = net
  const sizes = graph.shape(ids)
  const unflatten = (rows: Value, width: number) => graph.reshape(rows, graph.concat([sizes, net.integers([width])], 0))
  if (outputs.logits) graph.output(unflatten(logits(hidden), config.vocabulary), "logits")
  if (outputs.hidden) graph.output(unflatten(hidden, config.width), "hidden")
  if (outputs.attentions)
    for (const [layer, weights] of attentions.entries()) graph.output(weights, `attentions.${layer}`)
  return { model: await net.toModel(), folder: net.folder }
}

function primitiveAttention(parts: DecoderParts, ids: Value, mask: Value, attentions: Value[]): Attend {
  const { net, config } = parts
  const { graph } = net
  const { heads, keyHeads, headWidth } = config
  const sharing = heads / keyHeads
  const sizes = graph.shape(ids)
  const places = graph.range(net.integer(0), graph.squeeze(graph.shape(ids, 1, 2), [0]), net.integer(1))
  const masks = new Map<number, Value>()
  const tables = new Map<string, RopeTables>()
  const turned = (layer: number): RopeTables => {
    const rope = config.ropes[layer]!
    const key = JSON.stringify(rope)
    let made = tables.get(key)
    if (!made) {
      const { cosines, sines } = ropeTables(net, rope, headWidth, places)
      made = { cosines: net.unsqueeze(cosines, 1), sines: net.unsqueeze(sines, 1) }
      tables.set(key, made)
    }
    return made
  }
  const visible = (window: number): Value => {
    const known = masks.get(window) ?? visibility(net, places, mask, window)
    masks.set(window, known)
    return known
  }
  const split = (x: Value, count: number) =>
    graph.reshape(x, graph.concat([sizes, net.integers([count, headWidth])], 0))

  return (layer, projected) => {
    const turn = (x: Value, count: number) =>
      rotate(net, split(x, count), headWidth, turned(layer), config.interleavedRope)
    // The query heads that share a head of keys become rows of one product.
    const query = net.transpose(
      net.reshape(turn(projected.query, heads), [0, 0, keyHeads, sharing, headWidth]),
      [0, 2, 3, 1, 4],
    )
    const rows = net.reshape(query, [0, 0, -1, headWidth])
    const scaled = net.op("Mul", [rows, net.scalar(config.attentionScale)])
    const key = net.transpose(turn(projected.key, keyHeads), [0, 2, 3, 1])
    const value = net.transpose(split(projected.value, keyHeads), [0, 2, 1, 3])
    const scores = capped(net, net.op("MatMul", [scaled, key]), config.attentionCap)
    const length = graph.shape(ids, 1, 2)
    const squares = graph.concat([graph.shape(ids, 0, 1), net.integers([heads]), length, length], 0)
    const masked = net.op("Where", [visible(config.windows[layer]!), net.reshape(scores, squares), net.lowest()])
    const weights = net.op("Softmax", [masked], { axis: -1 })
    attentions.push(weights)
    const grouped = graph.concat([graph.shape(ids, 0, 1), net.integers([keyHeads, -1]), length], 0)
    const mixed = net.op("MatMul", [net.reshape(weights, grouped), value])
    const apart = graph.concat([graph.shape(ids, 0, 1), net.integers([heads]), length, net.integers([headWidth])], 0)
    return net.reshape(net.transpose(net.reshape(mixed, apart), [0, 2, 1, 3]), [-1, heads * headWidth])
  }
}

/** [batch, 1, length, length]: whether a token may look at another: one before it or itself, no padding, and near enough. */
function visibility(net: Net, places: Value, mask: Value, window: number): Value {
  const { graph } = net
  const from = net.unsqueeze(places, 1)
  const to = net.unsqueeze(places, 0)
  let seen = graph.lessOrEqual(to, from)
  if (window > 0) seen = graph.and(seen, graph.less(graph.sub(from, to), window))
  const real = net.unsqueeze(net.unsqueeze(net.cast(mask, "bool"), 1), 1)
  return graph.and(real, seen)
}
