/** The form that most low-rank methods share. @module */
import type { GraphBuilder } from "../../onnx/graph.js"
import type { Value } from "../../onnx/ir.js"

export interface LowRankFactors {
  /** [rank, inputs] */
  readonly a: Value
  /** [outputs, rank] */
  readonly b: Value
  /** A scalar. */
  readonly scale: Value
  /** What a method does to the rank activation x Aᵀ [rows, rank]: gates, masks, a matrix in the middle. Nothing by default. */
  readonly atRank?: (activation: Value) => Value
}

/** [rows, outputs]: scale · atRank(x Aᵀ) Bᵀ of `x` [rows, inputs]. A first: what lies between is as small as the rank. */
export function lowRankDelta(graph: GraphBuilder, x: Value, { a, b, scale, atRank }: LowRankFactors): Value {
  const activation = graph.gemm(x, a, undefined, { transB: true })
  const shaped = atRank ? atRank(activation) : activation
  return graph.gemm(graph.mul(shaped, scale), b, undefined, { transB: true })
}
