/** Rotary positions, as products with cosines and sines (Su et al., 2021). @module */
import type { GraphBuilder } from "../../graph.js"
import type { Value } from "../../ir.js"
import { intOf } from "../rule.js"
import type { Expansion } from "./expansion.js"
import { refuse, splitHeads } from "./heads.js"

export interface Rotation {
  /** int64 [batch or 1, length] */
  readonly positions: Value
  /** [positions, half of the turned components] each */
  readonly cosines: Value
  readonly sines: Value
  /** Neighbours are turned together, not component i with i + half. */
  readonly interleaved: boolean
}

/** Turns [batch, heads, length, size]; components beyond those that the tables speak of stay as they are. */
export function rotate(graph: GraphBuilder, x: Value, { positions, cosines, sines, interleaved }: Rotation): Value {
  const half = Number(cosines.shape?.at(-1))
  const size = Number(x.shape?.at(-1))
  const turned = size > 2 * half ? graph.slice(x, [0], [2 * half], [3]) : x
  const table = (values: Value) => graph.unsqueeze(graph.gather(values, positions), [1])
  const [cosine, sine] = [table(cosines), table(sines)]
  const pairs = interleaved
    ? [graph.slice(turned, [0], [2 * half], [3], [2]), graph.slice(turned, [1], [2 * half], [3], [2])]
    : graph.split(turned, [half, half], 3)
  const [a, b] = pairs as [Value, Value]
  const first = graph.sub(graph.mul(a, cosine), graph.mul(b, sine))
  const second = graph.add(graph.mul(b, cosine), graph.mul(a, sine))
  const joined = interleaved
    ? graph.reshape(graph.concat([graph.unsqueeze(first, [4]), graph.unsqueeze(second, [4])], 4), [0, 0, 0, 2 * half])
    : graph.concat([first, second], 3)
  return size > 2 * half ? graph.concat([joined, graph.slice(x, [2 * half], [size], [3])], 3) : joined
}

export const rotaryEmbedding: Expansion = ({ graph, node, inputs }) => {
  const [x, places, cosines, sines] = inputs
  if (!x || !places || !cosines || !sines) refuse(node, "missing inputs")
  if (intOf(node, "is_packed_batching", 0) === 1) refuse(node, "packed texts")
  const apart = x.shape?.length === 4
  const width = x.shape?.at(-1)
  const turned = intOf(node, "rotary_embedding_dim", 0)
  const heads = intOf(node, "num_heads", 0) || (turned ? 0 : Number(width) / (2 * Number(cosines.shape?.at(-1))))
  if (!apart && !heads) refuse(node, "an unknown number of heads")
  const split = apart ? x : splitHeads(graph, x, heads)
  // One number is the place of the first token.
  const numbered = graph.cast(places, "int64")
  const count = () => graph.squeeze(graph.shape(split, 2, 3), [0])
  const offset = () => graph.range(graph.constant(0, "int64"), count(), graph.constant(1, "int64"))
  const positions = places.shape?.length === 1 ? graph.unsqueeze(graph.add(offset(), numbered), [0]) : numbered
  const interleaved = intOf(node, "interleaved", 0) === 1
  const result = rotate(graph, split, { positions, cosines, sines, interleaved })
  return [apart ? result : graph.reshape(graph.transpose(result, [0, 2, 1, 3]), [0, 0, -1])]
}
