/** Replaces what is known when the graph is written by constants. @module */
import { encodeNumbers } from "../data-type.js"
import { GraphBuilder } from "../graph.js"
import type { Graph, Initializer, Node } from "../ir.js"
import { withoutDeadCode } from "./dead-code.js"

/**
 * The graph with its Constant nodes as constants, and with those integers computed that follow from sizes and constants: the targets
 * of reshapes, the axes of reductions. Weights are left alone: ONNX Runtime folds what follows from them when it loads the graph.
 */
export function foldConstants(graph: Graph): Graph {
  const builder = new GraphBuilder(graph.name)
  builder.adopt(graph)
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const initializers: Initializer[] = [...graph.initializers]
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    builder.addNode(node, graph.values)
    const folded = node.outputs.some((name) => outputs.has(name)) ? undefined : constantOf(builder, node)
    if (folded) initializers.push(folded)
    else nodes.push(node)
  }
  const made = new Set(initializers.map(({ name }) => name))
  const values = new Map([...builder.graph.values].filter(([name]) => !made.has(name) && !outputs.has(name)))
  return withoutDeadCode({ ...graph, nodes, initializers, values })
}

/** The output of a node as a constant, where it is one. */
function constantOf(builder: GraphBuilder, { op, outputs, attributes }: Node): Initializer | undefined {
  const name = outputs[0]
  if (!name || outputs.length !== 1) return undefined
  if (op === "Constant" && attributes.value?.kind === "tensor") return { ...attributes.value.value, name }
  if (op === "Constant" && attributes.value_float?.kind === "float")
    return { name, type: "float32", dims: [], data: encodeNumbers("float32", [attributes.value_float.value]) }
  const value = builder.find(name)
  const sizes = value && builder.sizesIn(value)
  if (!sizes || (value.type !== "int64" && value.type !== "int32") || !value.shape) return undefined
  const numbers = sizes.filter((size) => typeof size === "number")
  if (numbers.length !== sizes.length) return undefined
  const dims = value.shape.length === 0 ? [] : [numbers.length]
  return { name, type: value.type, dims, data: encodeNumbers(value.type, numbers) }
}
