/** Computes once what is computed twice. @module */
import type { Attribute, Graph, Node } from "../ir.js"

/** Operators that give something else each time. */
const random = /^(Random|Bernoulli|Multinomial|Dropout)/

/**
 * The graph without nodes that compute what an earlier one does: the same operator with the same attributes on the same values. Nodes
 * with graphs inside, and those that make an output of the graph, stay.
 */
export function withoutRepetitions(graph: Graph): Graph {
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const first = new Map<string, Node>()
  const renamed = new Map<string, string>()
  const nodes: Node[] = []
  for (const old of graph.nodes) {
    const inputs = old.inputs.map((name) => renamed.get(name) ?? name)
    const node = withCaptured({ ...old, inputs }, renamed)
    const key = keyOf(node)
    const known = key === undefined ? undefined : first.get(key)
    if (!known || node.outputs.some((name) => outputs.has(name))) {
      nodes.push(node)
      if (key !== undefined && !known) first.set(key, node)
      continue
    }
    node.outputs.forEach((name, index) => {
      renamed.set(name, known.outputs[index]!)
    })
  }
  const values = new Map([...graph.values].filter(([name]) => !renamed.has(name)))
  return { ...graph, nodes, values }
}

/** What tells two nodes apart; undefined for nodes that are never the same. */
function keyOf({ op, domain, inputs, outputs, attributes }: Node): string | undefined {
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))
  if (random.test(op) || entries.some(([, { kind }]) => kind === "graph" || kind === "graphs")) return undefined
  const written = entries.map(([key, attribute]) => [key, attribute.kind, plain(attribute)])
  return JSON.stringify([op, domain, inputs, outputs.map((name) => name !== ""), written])
}

function plain(attribute: Attribute): unknown {
  return JSON.parse(
    JSON.stringify(attribute.value, (_key, value: unknown) => {
      if (typeof value === "bigint") return String(value)
      return value instanceof Uint8Array ? [...value] : value
    }),
  )
}

/** Graphs inside a node read the first computation too. */
function withCaptured(node: Node, renamed: ReadonlyMap<string, string>): Node {
  const inside = (graph: Graph): Graph => ({
    ...graph,
    nodes: graph.nodes.map((inner) =>
      withCaptured({ ...inner, inputs: inner.inputs.map((name) => renamed.get(name) ?? name) }, renamed),
    ),
    outputs: graph.outputs.map((value) => ({ ...value, name: renamed.get(value.name) ?? value.name })),
  })
  const attributes = Object.fromEntries(
    Object.entries(node.attributes).map(([key, attribute]): [string, Attribute] => {
      if (attribute.kind === "graph") return [key, { ...attribute, value: inside(attribute.value) }]
      if (attribute.kind === "graphs") return [key, { ...attribute, value: attribute.value.map(inside) }]
      return [key, attribute]
    }),
  )
  return { ...node, attributes }
}
