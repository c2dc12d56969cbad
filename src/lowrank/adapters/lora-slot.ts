/** LoRA as a piece of graph. @module */
import type { AdapterSlot, LinearLayer } from "../layer.js"
import { lowRankDelta } from "./low-rank-delta.js"

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
    return lowRankDelta(graph, x, { a, b, scale })
  }
}
