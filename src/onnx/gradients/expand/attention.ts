/** Fused attention, as products and a softmax. @module */
import type { GraphBuilder } from "../../graph.js"
import type { Node, Value } from "../../ir.js"
import { floatOf, intOf, intsOf } from "../rule.js"
import type { Expansion } from "./expansion.js"
import { refuse, splitHeads } from "./heads.js"
import { rotate } from "./rotary.js"

/** Keys out of sight, where the operator names no number of its own: what ONNX Runtime takes. */
const HIDDEN = -1e4

interface Heads {
  /** [batch, heads, queries, size] */
  readonly query: Value
  /** [batch, heads, keys, size] each */
  readonly key: Value
  readonly value: Value
  readonly scale: number
  /** Added to the scores, each broadcast to [batch, heads, queries, keys]. */
  readonly biases: readonly Value[]
  /** Scores become c · tanh(score / c). */
  readonly softcap?: number
}

/** [batch, queries, heads · size] */
function attend(graph: GraphBuilder, { query, key, value, scale, biases, softcap = 0 }: Heads): Value {
  const scaled = graph.mul(query, scale)
  let scores = graph.matMul(scaled, graph.transpose(key, [0, 1, 3, 2]))
  if (softcap > 0) scores = graph.mul(graph.tanh(graph.div(scores, softcap)), softcap)
  for (const bias of biases) scores = graph.add(scores, bias)
  const mixed = graph.transpose(graph.matMul(graph.softmax(scores), value), [0, 2, 1, 3])
  return graph.reshape(mixed, [0, 0, -1])
}

/** 0 where the condition holds and `hidden` elsewhere, in the type of `like`. */
function hide(graph: GraphBuilder, visible: Value, like: Value, hidden: number): Value {
  const type = like.type ?? "float32"
  return graph.where(visible, graph.constant(0, type), graph.constant(hidden, type))
}

/** int64 [1, size of that axis]: 0, 1, 2, ... */
function countUp(graph: GraphBuilder, x: Value, axis: number): Value {
  const size = graph.squeeze(graph.shape(x, axis, axis + 1), [0])
  return graph.unsqueeze(graph.range(graph.constant(0, "int64"), size, graph.constant(1, "int64")), [0])
}

/** [queries, keys]: keys not ahead of the query, the last query standing at the last key. */
function causal(graph: GraphBuilder, query: Value, key: Value): Value {
  const keys = countUp(graph, key, 2)
  const behind = graph.sub(graph.shape(key, 2, 3), graph.shape(query, 2, 3))
  const queries = graph.transpose(graph.add(countUp(graph, query, 2), behind))
  return graph.lessOrEqual(keys, queries)
}

/** The bias that a mask of keys stands for: [batch, keys] of 0 and 1, [batch, queries, keys], or [batch] lengths. */
function maskBias(graph: GraphBuilder, node: Node, mask: Value, key: Value): Value {
  const hidden = floatOf(node, "mask_filter_value", HIDDEN)
  const rank = mask.shape?.length
  if (rank === 1) {
    // Lengths, or, with three numbers a text, something else that only packed inputs have.
    if (mask.shape![0] !== key.shape?.[0]) refuse(node, "a mask of one axis that is not one length a text")
    const lengths = graph.unsqueeze(graph.cast(mask, "int64"), [1])
    const visible = graph.less(countUp(graph, key, 2), lengths)
    return hide(graph, graph.unsqueeze(visible, [1, 2]), key, hidden)
  }
  if (rank !== 2 && rank !== 3) refuse(node, "a mask of unknown axes")
  const visible = graph.cast(mask, "bool")
  return hide(graph, graph.unsqueeze(visible, rank === 2 ? [1, 2] : [1]), key, hidden)
}

function sizeOf(node: Node, value: Value): number {
  const size = value.shape?.at(-1)
  return typeof size === "number" ? size : refuse(node, "heads of unknown size")
}

/** The past comes before the present; what both are together is an output too. */
function withPast(graph: GraphBuilder, past: Value | undefined, present: Value): Value {
  return past ? graph.concat([past, present], 2) : present
}

export const multiHeadAttention: Expansion = ({ graph, node, inputs }) => {
  const [query, key, value, bias, mask, scoreBias, pastKey, pastValue] = inputs
  if (!query || !key || !value || query.shape?.length !== 3) refuse(node, "packed queries, keys and values")
  const heads = intOf(node, "num_heads", 1)
  const widths = [query, key, value].map((x) => x.shape?.at(-1))
  const parts =
    bias && key.shape?.length === 3 ? graph.split(bias, widths as number[], 0) : [undefined, undefined, undefined]
  const apart = (x: Value, index: number) => {
    if (x.shape?.length === 4) return x
    return splitHeads(graph, parts[index] ? graph.add(x, parts[index]) : x, heads)
  }
  const split = { query: apart(query, 0), key: apart(key, 1), value: apart(value, 2) }
  const keys = withPast(graph, pastKey, split.key)
  const values = withPast(graph, pastValue, split.value)
  const biases: Value[] = []
  if (mask) biases.push(maskBias(graph, node, mask, keys))
  if (scoreBias) biases.push(scoreBias)
  if (intOf(node, "unidirectional", 0) === 1)
    biases.push(hide(graph, causal(graph, split.query, keys), keys, floatOf(node, "mask_filter_value", HIDDEN)))
  const scale = floatOf(node, "scale", 0) || 1 / Math.sqrt(sizeOf(node, split.query))
  return [attend(graph, { query: split.query, key: keys, value: values, scale, biases }), keys, values]
}

export const attention: Expansion = ({ graph, node, inputs }) => {
  const [x, weights, bias, mask, past, scoreBias] = inputs
  const all = weights?.shape?.[1]
  if (!x || !weights || typeof all !== "number") refuse(node, "weights of unknown size")
  if (past) refuse(node, "a past")
  if (intOf(node, "do_rotary", 0) === 1) refuse(node, "rotary positions")
  const heads = intOf(node, "num_heads", 1)
  const widths = intsOf(node, "qkv_hidden_sizes") ?? [all / 3, all / 3, all / 3]
  const product = graph.matMul(x, weights)
  const parts = graph.split(bias ? graph.add(product, bias) : product, widths, 2)
  const [query, key, value] = parts.map((part) => splitHeads(graph, part, heads)) as [Value, Value, Value]
  const biases: Value[] = []
  if (mask) biases.push(maskBias(graph, node, mask, key))
  if (scoreBias) biases.push(scoreBias)
  if (intOf(node, "unidirectional", 0) === 1)
    biases.push(hide(graph, causal(graph, query, key), key, floatOf(node, "mask_filter_value", HIDDEN)))
  const scale = floatOf(node, "scale", 0) || 1 / Math.sqrt(sizeOf(node, query))
  return [attend(graph, { query, key, value, scale, biases }), undefined]
}

/** Grouped queries, causal, over a prompt: what is cached of before must be empty. */
export const groupQueryAttention: Expansion = ({ graph, node, inputs }) => {
  const [query, key, value, pastKey, pastValue, lengths, , cosines, sines, positions, scoreBias, sink] = inputs
  if (sink || intOf(node, "smooth_softmax", 0) === 1) refuse(node, "a sink")
  const heads = intOf(node, "num_heads", 1)
  const groups = intOf(node, "kv_num_heads", heads)
  let parts = [query!, key!, value!]
  if (!key) {
    const size = Number(query!.shape?.at(-1)) / (heads + 2 * groups)
    parts = graph.split(query!, [heads * size, groups * size, groups * size], 2)
  }
  const own = parts.map((part, index) => splitHeads(graph, part, index === 0 ? heads : groups))
  let [q, k] = own as [Value, Value]
  const pastLength = pastKey?.shape?.[2] === 0 || !pastKey ? undefined : graph.shape(pastKey, 2, 3)
  const places = () => {
    if (positions) return graph.cast(positions, "int64")
    const counted = countUp(graph, q, 2)
    return pastLength ? graph.add(counted, pastLength) : counted
  }
  if (intOf(node, "do_rotary", 0) === 1) {
    const interleaved = intOf(node, "rotary_interleaved", 0) === 1
    const turn = (x: Value) => rotate(graph, x, { positions: places(), cosines: cosines!, sines: sines!, interleaved })
    q = turn(q)
    k = turn(k)
  }
  const keys = withPast(graph, pastLength && pastKey, k)
  const values = withPast(graph, pastLength && pastValue, own[2]!)
  const hidden = q.type === "float16" ? -6e4 : -1e30
  let visible = causal(graph, q, keys)
  const window = intOf(node, "local_window_size", -1)
  if (window > 0) {
    const behind = graph.sub(graph.shape(keys, 2, 3), graph.shape(q, 2, 3))
    const away = graph.sub(graph.transpose(graph.add(countUp(graph, q, 2), behind)), countUp(graph, keys, 2))
    visible = graph.and(visible, graph.less(away, window))
  }
  if (lengths) {
    // The index of the last token of each text: what follows is padding.
    const last = graph.reshape(graph.cast(lengths, "int64"), [-1, 1, 1, 1])
    visible = graph.and(visible, graph.lessOrEqual(graph.unsqueeze(countUp(graph, keys, 2), [0, 1]), last))
  }
  const biases = [hide(graph, visible, q, hidden), ...(scoreBias ? [scoreBias] : [])]
  const scale = floatOf(node, "scale", 0) || 1 / Math.sqrt(sizeOf(node, q))
  const share = { key: repeatHeads(graph, keys, heads / groups), value: repeatHeads(graph, values, heads / groups) }
  const softcap = floatOf(node, "softcap", 0)
  return [attend(graph, { query: q, ...share, scale, biases, softcap }), keys, values]
}

/** Each head so many times in a row: the queries of a group share it. */
function repeatHeads(graph: GraphBuilder, x: Value, times: number): Value {
  if (times === 1) return x
  const [, heads, , size] = x.shape ?? []
  const apart = graph.unsqueeze(x, [2])
  const repeated = graph.concat(
    Array.from({ length: times }, () => apart),
    2,
  )
  return graph.reshape(repeated, [0, Number(heads) * times, -1, Number(size)])
}
