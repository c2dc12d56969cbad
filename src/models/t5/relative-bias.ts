/** Relative positions: distances share buckets, and each head has a learned number for each bucket. @module */
import type { Value } from "../../onnx/ir.js"
import { NEVER } from "./attention.js"
import type { T5Parts } from "./parts.js"

/** How distances are shared out: the encoder's look both ways, the decoder's only back. */
export interface BucketRule {
  readonly buckets: number
  readonly maxDistance: number
  readonly bidirectional: boolean
}

/**
 * The bucket of a distance, key's place minus query's: the first half of the buckets is one for each distance, the others grow with the
 * logarithm up to `maxDistance`; where both directions count, each has half of all buckets (Raffel et al., 2020, section 2.1).
 */
export function bucketOf(distance: number, { buckets, maxDistance, bidirectional }: BucketRule): number {
  const count = bidirectional ? Math.floor(buckets / 2) : buckets
  const ahead = bidirectional && distance > 0 ? count : 0
  const away = bidirectional ? Math.abs(distance) : Math.max(0, -distance)
  const exact = Math.floor(count / 2)
  if (away < exact) return ahead + away
  // In float32, as the models were trained: a float64 logarithm rounds some distances into the bucket below.
  const share = Math.fround(Math.fround(Math.log(away / exact)) / Math.fround(Math.log(maxDistance / exact)))
  return ahead + Math.min(count - 1, exact + Math.floor(Math.fround(share * (count - exact))))
}

/** [1, heads, queries, keys]: what a stack adds to its scores, the same in all of its layers; keys ahead are out of the decoder's sight. */
export function relativeBias(parts: T5Parts, stack: "encoder" | "decoder", queries: Value, keys: Value): Value {
  const { net, config } = parts
  const { buckets, maxDistance, heads } = config
  const rule = { buckets, maxDistance, bidirectional: stack === "encoder" }
  // From maxDistance on all distances are alike: the table ends there.
  const table = Array.from({ length: 2 * maxDistance + 1 }, (_, index) => bucketOf(index - maxDistance, rule))
  const learned = net.weight(`${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`, [buckets, heads])
  const byDistance = net.transpose(net.op("Gather", [learned, net.integers(table)]), [1, 0])
  const distances = net.op("Sub", [net.unsqueeze(keys, 0), net.unsqueeze(queries, 1)])
  const near = net.op("Min", [net.op("Max", [distances, net.integer(-maxDistance)]), net.integer(maxDistance)])
  const bias = net.op("Gather", [byDistance, net.op("Add", [near, net.integer(maxDistance)])], { axis: 1 })
  if (stack === "encoder") return net.unsqueeze(bias, 0)
  const ahead = net.op("Greater", [distances, net.integer(0)])
  return net.unsqueeze(net.op("Where", [ahead, net.scalar(NEVER), bias]), 0)
}
