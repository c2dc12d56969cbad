/** Where adapters attach to the linear layers of a model. @module */
import type { GraphBuilder } from "../../onnx/graph.js"
import type { Value } from "../../onnx/ir.js"

/** A linear layer, by the name of its module in the published model: what adapters are saved under. */
export interface LinearLayer {
  /** As `model.layers.0.self_attn.q_proj`. */
  readonly module: string
  readonly inputs: number
  readonly outputs: number
}

/** Writes what an adapter adds to the result of a layer, [rows, outputs], from the layer's input `x` [rows, inputs]; nothing for layers that have none. */
export type AdapterSlot = (graph: GraphBuilder, layer: LinearLayer, x: Value) => Value | undefined

/** The names of the inputs of a LoRA slot: A [rank, inputs], B [outputs, rank], and the scalar that their product is multiplied with. */
export function loraInputs(module: string): { readonly a: string; readonly b: string; readonly scale: string } {
  return { a: `${module}.lora_A.weight`, b: `${module}.lora_B.weight`, scale: `${module}.lora_scale` }
}

/**
 * A slot for LoRA in every layer that `takes` names (default: all of them), whose matrices and scale are float32 inputs of the graph:
 * any adapter of any rank, and with a scale of 0 the model itself.
 * @see Hu et al., LoRA: Low-rank adaptation of large language models, 2022, section 4.1
 */
export function loraSlot(takes: (layer: LinearLayer) => boolean = () => true): AdapterSlot {
  return (graph, layer, x) => {
    if (!takes(layer)) return undefined
    const { module, inputs, outputs } = layer
    const names = loraInputs(module)
    const type = x.type ?? "float32"
    const rank = `rank of ${module}`
    const a = graph.cast(graph.input(names.a, "float32", [rank, inputs]), type)
    const b = graph.cast(graph.input(names.b, "float32", [outputs, rank]), type)
    const scale = graph.cast(graph.input(names.scale, "float32", []), type)
    // A first: what lies between is as small as the rank.
    const active = graph.mul(graph.gemm(x, a, undefined, { transB: true }), scale)
    return graph.gemm(active, b, undefined, { transB: true })
  }
}
