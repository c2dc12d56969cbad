/** What late interaction puts behind the last layer: every token's vector projected into a smaller space, and of length 1. @module */
import type { Value } from "../../onnx/ir.js"
import type { EncoderInputs } from "./inputs.js"
import { flatten } from "./inputs.js"
import type { Net } from "./net.js"
import { normalizeRows } from "./pooling.js"

/** x · Wᵀ + b, read from a file of its own or of the checkpoint. */
export interface TokenProjection {
  /** [outputs, inputs], row by row. */
  readonly weight: Float32Array
  readonly bias: Float32Array | undefined
  readonly outputs: number
  readonly inputs: number
}

/** [batch, length, outputs of the last projection]; without projections the tokens keep their width. */
export function projectTokens(
  net: Net,
  inputs: EncoderInputs,
  hidden: Value,
  width: number,
  projections: readonly TokenProjection[],
  normalize: boolean,
): Value {
  let x = flatten(net, hidden, width)
  projections.forEach(({ weight, bias, outputs, inputs: wide }, index) => {
    const values = [x, constant(net, `projection.${index}.weight`, [outputs, wide], weight)]
    if (bias) values.push(constant(net, `projection.${index}.bias`, [outputs], bias))
    x = net.op("Gemm", values, { transB: 1 })
  })
  if (normalize) x = normalizeRows(net, x)
  return inputs.unflatten(x, projections.at(-1)?.outputs ?? width)
}

/** In the graph itself: it is small, and may lie in another folder than the model's weights. */
function constant(net: Net, name: string, dims: readonly number[], values: Float32Array): Value {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  return net.graph.initializer(name, "float32", dims, bytes)
}
