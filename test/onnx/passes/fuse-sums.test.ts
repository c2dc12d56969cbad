import { describe, expect, it } from "vitest"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Graph, Value } from "../../../src/onnx/ir.js"
import { fuseSums } from "../../../src/onnx/passes/index.js"
import { evaluate, numbers } from "../gradients/interpreter.js"

const feeds = new Map([
  ["x", numbers([2, 3], [1, -2, 3, -4, 5, -6])],
  ["w", numbers([2, 3], [0.5, 1, -1, 2, 0.25, 3])],
  ["v", numbers([2, 3], [2, -1, 1, 0.5, 4, -3])],
  ["y", numbers([2, 2], [10, 20, 30, 40])],
])
const run = (graph: Graph) => evaluate(graph, feeds).map(({ data }) => [...data])
const count = ({ nodes }: Graph, op: string) => nodes.filter((node) => node.op === op).length

function build(write: (graph: GraphBuilder, inputs: Record<"x" | "w" | "v" | "y", Value>) => Value): Graph {
  const graph = new GraphBuilder("sums")
  const x = graph.input("x", "float32", ["rows", 3])
  const [w, v] = [graph.input("w", "float32", [2, 3]), graph.input("v", "float32", [2, 3])]
  const y = graph.input("y", "float32", ["rows", 2])
  graph.output(write(graph, { x, w, v, y }), "sum")
  return graph.graph
}

describe("sums of products", () => {
  it("are added by the product, on either side, in chains, and rows too", () => {
    const given = build((graph, { x, w, v, y }) => {
      const product = (weight: Value, alpha = 1) => graph.gemm(x, weight, undefined, { transB: true, alpha, beta: 0.5 })
      const both = graph.add(product(w), product(v, 2))
      return graph.add(graph.constant([1, 2]), graph.add(y, graph.add(both, product(graph.mul(w, 2)))))
    })
    const fused = fuseSums(given)
    // The second and the third product add what came before them; by then each has its operand, and the rest stays sums.
    expect([count(given, "Add"), count(fused, "Add")]).toEqual([4, 2])
    expect(count(fused, "Gemm")).toBe(3)
    expect(run(fused)).toEqual(run(given))
    expect(fused.values.size).toBeLessThan(given.values.size)
  })

  it("stay where the product is read twice, is an output, has a third operand already, or has other sizes", () => {
    const product = (graph: GraphBuilder, a: Value, b: Value, c?: Value) => graph.gemm(a, b, c, { transB: true })
    const stays = [
      build((graph, { x, w, y }) => {
        const twice = product(graph, x, w)
        return graph.mul(graph.add(twice, y), twice)
      }),
      build((graph, { x, w, y }) => graph.add(product(graph, x, w, y), y)),
      build((graph, { x, w }) => {
        const twice = product(graph, x, w)
        return graph.add(twice, twice)
      }),
      build((graph, { x, w, y }) => graph.add(graph.unsqueeze(y, [0]), product(graph, x, w))),
    ]
    const seen = build((graph, { x, w, y }) => {
      const read = product(graph, x, w)
      graph.graph.outputs.push(read)
      return graph.add(read, y)
    })
    for (const graph of [...stays, seen]) expect(fuseSums(graph)).toEqual(graph)
  })
})
