/** MPNet's relative positions, which are T5's: a learned number for each head and bucket of distances. @module */
import type { Value } from "../../onnx/ir.js"
import type { EncoderConfig } from "./config.js"
import type { Net } from "./net.js"

/** Distances from here on share the last bucket. */
const FAR = 128

/**
 * The bucket of a distance, key's place minus query's: half of the buckets are for keys behind, half for keys ahead; in each, the first
 * half is one for each distance, the others grow with the logarithm (Raffel et al., 2020, section 2.1; two-directional).
 */
export function relativeBucket(distance: number, buckets: number): number {
  const half = buckets / 2
  const exact = half / 2
  const away = Math.abs(distance)
  const ahead = distance > 0 ? half : 0
  if (away < exact) return ahead + away
  // In float32, as the models were trained: a float64 logarithm rounds some distances into the bucket below.
  const share = Math.fround(Math.fround(Math.log(away / exact)) / Math.fround(Math.log(FAR / exact)))
  return ahead + Math.min(half - 1, exact + Math.floor(Math.fround(share * (half - exact))))
}

/** [1, heads, length, length], the same for all layers. */
export function relativeBias(net: Net, { relativeBuckets, heads, maxLength }: EncoderConfig, places: Value): Value {
  // Looked up by distance, which begins at -(maxLength - 1).
  const table = Array.from({ length: 2 * maxLength - 1 }, (_, index) =>
    relativeBucket(index - (maxLength - 1), relativeBuckets),
  )
  const distances = net.op("Sub", [net.unsqueeze(places, 0), net.unsqueeze(places, 1)])
  const index = net.op("Add", [distances, net.integer(maxLength - 1)])
  const buckets = net.op("Gather", [net.integers(table), index])
  const weights = net.weight("encoder.relative_attention_bias.weight", [relativeBuckets, heads])
  return net.unsqueeze(net.transpose(net.op("Gather", [weights, buckets]), [2, 0, 1]), 0)
}
