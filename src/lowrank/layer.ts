/** The linear layers that low-rank methods act on. @module */
import type { GraphBuilder } from "../onnx/graph.js"
import type { Value } from "../onnx/ir.js"

/** A linear layer `y = x Wᵀ`, by the name of its module in the published model: what adapters are saved under. */
export interface LinearLayer {
  /** As `model.layers.0.self_attn.q_proj`. */
  readonly module: string
  readonly inputs: number
  readonly outputs: number
}

/** Writes what an adapter adds to the result of a layer, [rows, outputs], from the layer's input `x` [rows, inputs]; nothing for layers that have none. */
export type AdapterSlot = (graph: GraphBuilder, layer: LinearLayer, x: Value) => Value | undefined
