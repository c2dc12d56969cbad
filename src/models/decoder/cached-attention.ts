/** Attention over keys and values that are kept between runs, by ONNX Runtime's GroupQueryAttention. @module */
import type { Value } from "../../onnx/ir.js"
import type { DecoderConfig } from "./config.js"
import type { Attend, DecoderParts } from "./parts.js"
import { type RopeTables, ropeTables, rotate } from "./rope.js"

/** What the cached graph reads beside its ids. */
export interface CachedInputs {
  /** int32 [batch, length], padded on the right where nothing came before. */
  readonly ids: Value
  /** int32 [batch]: the place of each row's last token, so one less than all its tokens. */
  readonly last: Value
  /** int32 [1]: all tokens of the longest row. */
  readonly total: Value
  /** Where several texts may go on from one row side by side: what tells them apart. */
  readonly apart?: Apart | undefined
}

export interface Apart {
  /** int64 [batch, length]: the place of each token in its own text. */
  readonly positions: Value
  /** [1, 1, length, total]: 0 where a token may look at another, -Infinity where that one is of another text. */
  readonly mask: Value
}

/** Names of the graph's inputs and outputs for keys and values: the outputs may be written into the inputs' memory. */
export const pastName = (layer: number, kind: "key" | "value"): string => `past.${layer}.${kind}`
export const presentName = (layer: number, kind: "key" | "value"): string => `present.${layer}.${kind}`

/** GroupQueryAttention takes heads whose width is a multiple of this; others are filled up with zeros, which change no product. */
const MULTIPLE = 8
/** And turns only those whose width is a multiple of this. */
const TURNED_MULTIPLE = 16

/** Components that a cache keeps of each head. */
export function cachedHeadWidth({ headWidth }: DecoderConfig): number {
  return Math.ceil(headWidth / MULTIPLE) * MULTIPLE
}

/**
 * Adds inputs and outputs `past.N.key`, `present.N.key` and so on, each [batch, key heads, places, head width], to the graph, and gives its
 * attention. Rows begin anew where `total` is the length of `ids`; else they go on, several by one token each, or one by many.
 */
export function cachedAttention(parts: DecoderParts, inputs: CachedInputs, contextLength: number): Attend {
  const { net, config } = parts
  const { graph } = net
  const { heads, keyHeads, headWidth } = config
  const stored = cachedHeadWidth(config)
  const type = net.scalar(0).type!
  const sizes = net.op("Shape", [inputs.ids])
  const turns = headWidth % TURNED_MULTIPLE !== 0 ? outsideTurns(parts, inputs) : undefined
  const known = new Map<string, RopeTables>()
  const places = graph.range(net.integer(0), net.integer(contextLength), net.integer(1))
  const tables = (layer: number) => {
    const rope = config.ropes[layer]!
    const key = JSON.stringify(rope)
    // Of constants alone, so that they are computed once, when the session loads the model.
    const made = known.get(key) ?? ropeTables(net, rope, headWidth, places)
    known.set(key, made)
    return made
  }
  const shaped = (x: Value, last: readonly number[]) =>
    net.reshape(x, net.op("Concat", [sizes, net.integers(last)], { axis: 0 }))
  const asTheyAre = !turns && stored === headWidth
  const prepared = (x: Value, count: number, layer: number, turned: boolean) => {
    if (asTheyAre) return shaped(x, [count * headWidth])
    let split = shaped(x, [count, headWidth])
    if (turned && turns) split = rotate(net, split, headWidth, turns(layer, tables(layer)), config.interleavedRope)
    if (stored > headWidth) {
      const ends = net.integers([0, 0, 0, 0, 0, 0, 0, stored - headWidth])
      split = net.op("Pad", [split, ends, net.scalar(0)])
    }
    return net.reshape(split, [0, 0, count * stored])
  }

  return (layer, projections) => {
    const sizesOf = (places: string) => ["batch", keyHeads, places, stored]
    const past = (kind: "key" | "value") => graph.input(pastName(layer, kind), type, sizesOf("capacity"))
    const { cosines, sines } = turns ? {} : tables(layer)
    const window = config.windows[layer]!
    const given = [
      ...(asTheyAre && projections.packed
        ? [shaped(projections.packed, [(heads + 2 * keyHeads) * headWidth]), undefined, undefined]
        : [
            prepared(projections.query, heads, layer, true),
            prepared(projections.key, keyHeads, layer, true),
            prepared(projections.value, keyHeads, layer, false),
          ]),
      past("key"),
      past("value"),
      inputs.last,
      inputs.total,
      cosines,
      sines,
      // Where heads come turned already, the operator has no use for places.
      turns ? undefined : inputs.apart?.positions,
      inputs.apart?.mask,
    ]
    const attributes = {
      num_heads: heads,
      kv_num_heads: keyHeads,
      scale: config.attentionScale,
      softcap: config.attentionCap,
      do_rotary: turns ? 0 : 1,
      rotary_interleaved: config.interleavedRope ? 1 : 0,
      local_window_size: window === 0 ? -1 : window,
    }
    const outputs = [`attended.${layer}`, presentName(layer, "key"), presentName(layer, "value")]
    const results = graph.op("GroupQueryAttention", given, attributes, { outputs, domain: "com.microsoft" })
    for (const name of outputs.slice(1)) {
      // Outputs of the node itself: through an Identity they could not be written in place.
      graph.graph.outputs.push({ name, type, shape: sizesOf("kept") })
      graph.graph.values.delete(name)
    }
    const flat = net.reshape(results[0]!, [-1, heads * stored])
    if (stored === headWidth) return flat
    const cut = [net.integers([0]), net.integers([headWidth]), net.integers([2])]
    const split = net.op("Slice", [net.reshape(flat, [-1, heads, stored]), ...cut])
    return net.reshape(split, [-1, heads * headWidth])
  }
}

/** Picks the places of the tokens at hand, for heads that are turned before they come to the operator. */
function outsideTurns(
  { net }: DecoderParts,
  { ids, last, apart }: CachedInputs,
): (layer: number, tables: RopeTables) => RopeTables {
  const { graph } = net
  const counted = () => {
    const length = graph.shape(ids, 1, 2)
    const fresh = graph.sub(graph.cast(last, "int64"), graph.sub(length, 1))
    // Of rows that begin, the shorter ones are padded on the right: their first token is at 0 all the same.
    const begin = graph.max(fresh, 0)
    const offsets = graph.range(net.integer(0), graph.squeeze(length, [0]), net.integer(1))
    return graph.add(graph.unsqueeze(begin, [1]), offsets)
  }
  const places = apart?.positions ?? counted()
  const known = new Map<RopeTables, RopeTables>()
  return (_, tables) => {
    const pick = (table: Value) => graph.unsqueeze(graph.gather(table, places), [2])
    const made = known.get(tables) ?? { cosines: pick(tables.cosines), sines: pick(tables.sines) }
    known.set(tables, made)
    return made
  }
}
