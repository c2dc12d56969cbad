/** Lets matrix products add what is added to them. @module */
import type { Graph, Node, Shape } from "../ir.js"
import { namesRead } from "./dead-code.js"

/**
 * The graph with sums of float32 matrices, one of them a Gemm that nobody else reads, as that Gemm with the other as its third
 * operand: the sum of a layer and its adapter, the gradients that come together where a value was read several times. A tensor less
 * is written and read for each.
 */
export function fuseSums(graph: Graph): Graph {
  const readers = new Map<string, number>()
  for (const name of [...graph.nodes.flatMap(namesRead), ...graph.outputs.map((output) => output.name)])
    readers.set(name, (readers.get(name) ?? 0) + 1)
  const shapes = new Map<string, Shape | undefined>()
  for (const { name, type, shape } of [...graph.inputs, ...graph.values.values()])
    if (type === "float32") shapes.set(name, shape)
  for (const { name, type, dims } of graph.initializers) if (type === "float32") shapes.set(name, dims)

  const made = new Map<string, Node>()
  const gone = new Set<Node>()
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const written = (node.op === "Add" && withProduct(node)) || node
    for (const output of written.outputs) made.set(output, written)
    nodes.push(written)
  }
  const dropped = new Set([...gone].flatMap(({ outputs }) => outputs))
  const values = new Map([...graph.values].filter(([name]) => !dropped.has(name)))
  return gone.size === 0 ? graph : { ...graph, nodes: nodes.filter((node) => !gone.has(node)), values }

  function withProduct(sum: Node): Node | undefined {
    const [left = "", right = ""] = sum.inputs
    const open = (name: string) => {
      const node = made.get(name)
      return node?.op === "Gemm" && node.domain === "" && !node.inputs[2] && readers.get(name) === 1 ? node : undefined
    }
    // Of two products the one that was made last: the other is there by then anyhow.
    for (const [name, other] of [
      [right, left],
      [left, right],
    ] as const) {
      const product = open(name)
      if (!product || left === right || !fits(shapes.get(name), shapes.get(other))) continue
      gone.add(product)
      const inputs = [product.inputs[0]!, product.inputs[1]!, other]
      // What a Gemm says of the factor of its third operand means nothing where it has none.
      const attributes = { ...product.attributes, beta: { kind: "float", value: 1 } as const }
      return { ...product, name: sum.name, inputs, outputs: sum.outputs, attributes }
    }
    return undefined
  }
}

/** The other operand is as large as the product, or a row that is added to each of its rows. */
function fits(product: Shape | undefined, other: Shape | undefined): boolean {
  if (product?.length !== 2 || !other) return false
  const row = other.length === 1 && typeof other[0] === "number" && other[0] === product[1]
  return row || (other.length === 2 && other.every((size, axis) => size !== null && size === product[axis]))
}
