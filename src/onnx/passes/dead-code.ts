/** Removes what nobody reads. @module */
import type { Graph, Node } from "../ir.js"

/**
 * The graph without the nodes, constants and notes on values that no output depends on. Inputs stay: they are the graph's
 * signature.
 */
export function withoutDeadCode(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map(({ name }) => name))
  const nodes: Node[] = []
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => needed.has(output))) continue
    nodes.push(node)
    for (const name of namesRead(node)) needed.add(name)
  }
  return {
    ...graph,
    nodes: nodes.reverse(),
    initializers: graph.initializers.filter(({ name }) => needed.has(name)),
    values: new Map([...graph.values].filter(([name]) => needed.has(name))),
  }
}

/** The values that a node reads: its inputs, and what the graphs inside it take from around them. */
export function namesRead(node: Node): string[] {
  const names = node.inputs.filter((name) => name !== "")
  for (const attribute of Object.values(node.attributes)) {
    if (attribute.kind === "graph") names.push(...capturedBy(attribute.value))
    if (attribute.kind === "graphs") for (const graph of attribute.value) names.push(...capturedBy(graph))
  }
  return names
}

function capturedBy(graph: Graph): string[] {
  const own = new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name))
  const captured: string[] = []
  const read = (name: string) => {
    if (!own.has(name)) captured.push(name)
  }
  for (const node of graph.nodes) {
    for (const name of namesRead(node)) read(name)
    for (const output of node.outputs) own.add(output)
  }
  for (const { name } of graph.outputs) read(name)
  return captured
}
