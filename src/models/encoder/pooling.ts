/** One vector for a row of token vectors. @module */
import type { Value } from "../../onnx/ir.js"
import type { Net } from "./net.js"

/**
 * - `cls`, `last`: the first or the last token's vector.
 * - `mean`: their mean; `max`: the largest of each component.
 * - `mean-sqrt-length`: their sum over the square root of their number.
 * - `weighted-mean`: later tokens count more, the n-th n times (SGPT).
 */
export type Pooling = "cls" | "mean" | "max" | "last" | "mean-sqrt-length" | "weighted-mean"

/** What pooling writes its nodes with: a `Net`, or any other builder of graphs. */
export type PoolingNodes = Pick<
  Net,
  "op" | "cast" | "scalar" | "integer" | "integers" | "unsqueeze" | "squeeze" | "firstToken"
>

/** [batch, width] from `hidden` [batch, length, width] and the int32 `mask` [batch, length], which is 1 for real tokens. */
export function pool(net: PoolingNodes, hidden: Value, mask: Value, pooling: Pooling): Value {
  switch (pooling) {
    case "cls":
      return net.firstToken(hidden)
    case "max": {
      const real = net.unsqueeze(net.cast(mask, "bool"), 2)
      const lowest = net.scalar(-3e38)
      return net.op("ReduceMax", [net.op("Where", [real, hidden, lowest]), net.integers([1])], { keepdims: 0 })
    }
    default:
      return weightedSum(net, hidden, mask, pooling)
  }
}

/** Length 1 for every row of [batch, width]; a row of zeros stays one. */
export function normalizeRows(net: PoolingNodes, rows: Value): Value {
  const length = net.op("ReduceL2", [rows, net.integers([-1])], { keepdims: 1 })
  return net.op("Div", [rows, net.op("Max", [length, net.scalar(1e-12)])])
}

/** All others are one matrix product with the tokens' weights, which touches each vector once. */
function weightedSum(net: PoolingNodes, hidden: Value, mask: Value, pooling: Exclude<Pooling, "cls" | "max">): Value {
  const real = net.cast(mask, "float32")
  const count = net.op("ReduceSum", [real, net.integers([1])], { keepdims: 1 })
  // 1, 2, 3, ... for the tokens of each row; padding is at the end.
  const number = () => net.op("CumSum", [real, net.integer(1)])
  const weights = (): Value => {
    switch (pooling) {
      case "mean":
        return net.op("Div", [real, count])
      case "mean-sqrt-length":
        return net.op("Div", [real, net.op("Sqrt", [count])])
      case "last":
        return net.op("Mul", [real, net.cast(net.op("Equal", [number(), count]), "float32")])
      case "weighted-mean": {
        const grown = net.op("Mul", [number(), real])
        return net.op("Div", [grown, net.op("ReduceSum", [grown, net.integers([1])], { keepdims: 1 })])
      }
    }
  }
  return net.squeeze(net.op("MatMul", [net.unsqueeze(weights(), 1), hidden]), 1)
}
