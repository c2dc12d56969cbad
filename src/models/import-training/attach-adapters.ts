/** Gives a graph that others wrote slots for adapters. @module */
import { RankineError } from "../../core/errors.js"
import { continueGraph } from "../../onnx/continue-graph.js"
import { expansionOf } from "../../onnx/gradients/expand/table.js"
import { GraphBuilder } from "../../onnx/graph.js"
import type { Graph, Value } from "../../onnx/ir.js"
import { type AdapterSlot, type LinearLayer, loraSlot } from "../encoder/adapter-slot.js"
import { type FoundLayer, findLayers } from "./find-layers.js"

export interface AttachedAdapters {
  /** The graph with the adapters' inputs behind its own; the graph given is left as it is. */
  readonly graph: Graph
  /** The layers that have a slot. */
  readonly layers: readonly LinearLayer[]
}

export interface AttachLoraOptions {
  /**
   * Which layers: a regular expression that matches their names, or names or endings of names, as PEFT's `target_modules`. Default: all.
   * Layers are called as their weights are in the export, or as its nodes are (`bert.encoder.layer.0.attention.self.query`).
   */
  readonly targets?: RegExp | readonly string[]
}

/**
 * Gives LoRA matrices as inputs to the linear layers of an imported graph: products (MatMul, Gemm, quantised ones) with a constant weight,
 * whether it is cast, turned or multiplied out before. For each layer `module.lora_A.weight` [rank, inputs], `module.lora_B.weight`
 * [outputs, rank] and `module.lora_scale`: any adapter of any rank, and with a scale of 0 the model itself.
 *
 * @throws RankineError `argument` where no layer has such a name; the message names those that are there
 * @see Hu et al., LoRA: Low-rank adaptation of large language models, 2022, section 4.1
 * @example
 * const { graph, layers } = attachLora(model.graph, { targets: ["query", "value"] })
 * const trained = gradients(graph, "loss", layers.flatMap(({ module }) => [loraInputs(module).a, loraInputs(module).b]))
 */
export function attachLora(source: Graph, { targets }: AttachLoraOptions = {}): AttachedAdapters {
  const takes = ({ module }: LinearLayer) => {
    if (targets === undefined) return true
    if (targets instanceof RegExp) return new RegExp(targets.source, targets.flags.replace(/[gy]/g, "")).test(module)
    return targets.some((name) => module === name || module.endsWith(`.${name}`))
  }
  return attachAdapters(source, loraSlot(takes))
}

/**
 * Gives adapters of any kind to the linear layers of an imported graph. `slot` is asked once for each layer, with its input as
 * [rows, inputs], and what it returns is added to the layer's result. Fused attention with weights of its own is written out first.
 *
 * @throws RankineError `argument` where the slot takes no layer; the message names those that are there
 */
export function attachAdapters(source: Graph, slot: AdapterSlot): AttachedAdapters {
  const plain = withoutPackedAttention(source)
  const found = findLayers(plain, continueGraph(plain))
  const byResult = new Map(found.map((layer) => [layer.result, layer]))
  const graph = new GraphBuilder(source.name)
  graph.adopt(plain)
  const layers: LinearLayer[] = []
  for (const node of plain.nodes) {
    const result = node.outputs[0]!
    const layer = byResult.get(result)
    const rows = layer && { ...layer, delta: deltaOf(graph, layer, slot) }
    if (!rows?.delta) {
      graph.addNode(node, plain.values)
      continue
    }
    const { module, inputs, outputs } = rows
    layers.push({ module, inputs, outputs })
    const base = graph.freshName(`${result}/base`)
    const stated = plain.values.get(result)
    const known = new Map(stated ? [[base, { ...stated, name: base }]] : [])
    graph.addNode({ ...node, outputs: [base, ...node.outputs.slice(1)] }, new Map([...plain.values, ...known]))
    const add = { name: graph.freshName(`${result}/adapted`), op: "Add", domain: "", attributes: {} }
    graph.addNode({ ...add, inputs: [base, rows.delta.name], outputs: [result] }, plain.values)
  }
  if (layers.length === 0)
    throw new RankineError(
      "argument",
      found.length === 0
        ? `the graph ${source.name} has no product with a constant weight that an adapter could be added to`
        : `no layer of the graph is one of those that adapters are for; it has ${found.map(({ module }) => module).join(", ")}`,
    )
  for (const output of plain.outputs) {
    graph.graph.outputs.push(output)
    graph.graph.values.delete(output.name)
  }
  return { graph: graph.graph, layers }
}

/** In the shape of the layer's result. */
function deltaOf(graph: GraphBuilder, layer: FoundLayer, slot: AdapterSlot): Value | undefined {
  const { module, inputs, outputs } = layer
  const x = graph.find(layer.x)
  if (!x)
    throw new RankineError("data", `nothing in the graph gives ${layer.x}, the input of ${module}: export it again`)
  if (x.shape?.length === 2) return slot(graph, { module, inputs, outputs }, x)
  const delta = slot(graph, { module, inputs, outputs }, graph.reshape(x, [-1, inputs]))
  if (!delta) return undefined
  const sizes = graph.concat([graph.shape(x, 0, -1), graph.constant([outputs], "int64")], 0)
  const shape = x.shape && [...x.shape.slice(0, -1), outputs]
  return graph.reshape(delta, sizes, shape)
}

/** Attention that multiplies with its own queries', keys' and values' weights has no place for an adapter's sum. */
function withoutPackedAttention(source: Graph): Graph {
  const isPacked = ({ op, domain }: Graph["nodes"][number]) => op === "Attention" && domain === "com.microsoft"
  if (!source.nodes.some(isPacked)) return source
  const graph = new GraphBuilder(source.name)
  graph.adopt(source)
  for (const node of source.nodes) {
    const expansion = isPacked(node) ? expansionOf(node) : undefined
    if (!expansion) {
      graph.addNode(node, source.values)
      continue
    }
    const inputs = node.inputs.map((name) => (name === "" ? undefined : (graph.find(name) ?? { name })))
    const made = expansion({ graph, node, inputs })
    for (const [index, name] of node.outputs.entries()) {
      const value = made[index]
      const identity = { name: `${node.name}/${name}`, op: "Identity", domain: "", attributes: {} }
      if (value && name !== "") graph.addNode({ ...identity, inputs: [value.name], outputs: [name] }, source.values)
    }
  }
  const made = graph.graph
  return { ...made, outputs: source.outputs }
}
