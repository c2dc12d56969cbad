import type { Value } from "../../onnx/ir.js"
import type { Net } from "./net.js"

/** What every encoder starts from. */
export interface EncoderInputs {
  /** int32 [batch, length] */
  readonly ids: Value
  /** int32 [batch, length]: 1 for tokens, 0 for the padding after them. */
  readonly mask: Value
  /** int32 [batch, length], for families with token types. */
  readonly types: Value | undefined
  /** int64 [length]: 0, 1, 2, ... */
  readonly places: Value
  /** Turns [batch · length, width] into [batch, length, width]. */
  unflatten(flat: Value, width: number): Value
}

/** int32 inputs: half the bytes of int64, and arrays of numbers in JavaScript. */
export function encoderInputs(net: Net, withTypes: boolean): EncoderInputs {
  const { graph } = net
  const ids = graph.input("input_ids", "int32", ["batch", "length"])
  const mask = graph.input("attention_mask", "int32", ["batch", "length"])
  const types = withTypes ? graph.input("token_type_ids", "int32", ["batch", "length"]) : undefined
  const sizes = net.op("Shape", [ids])
  const length = net.squeeze(net.op("Slice", [sizes, net.integers([1]), net.integers([2])]), 0)
  const places = net.op("Range", [net.integer(0), length, net.integer(1)])
  const unflatten = (flat: Value, width: number) =>
    net.reshape(flat, net.op("Concat", [sizes, net.integers([width])], { axis: 0 }))
  return { ids, mask, types, places, unflatten }
}

/** [batch · length, width] of [batch, length, width]: one row for each token. */
export function flatten(net: Net, x: Value, width: number): Value {
  return net.reshape(x, [-1, width])
}
