import { describe, expect, it } from "vitest"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Graph } from "../../../src/onnx/ir.js"
import { masksAsSums } from "../../../src/onnx/passes/index.js"
import { evaluate, numbers } from "../gradients/interpreter.js"

const feeds = new Map([
  ["x", numbers([2, 3], [1, -2, 3, -4, 5, -6])],
  ["seen", numbers([1, 3], [1, 0, 1])],
])
const run = (graph: Graph) => evaluate(graph, feeds).map(({ data }) => [...data])
const count = ({ nodes }: Graph, op: string) => nodes.filter((node) => node.op === op).length

/** Two choices by one condition, and one the other way round. */
function masked(hidden: number): Graph {
  const graph = new GraphBuilder("masked")
  const x = graph.input("x", "float32", ["rows", 3])
  const seen = graph.input("seen", "bool", [1, 3])
  const first = graph.where(seen, x, hidden)
  const second = graph.where(seen, graph.mul(x, 2), hidden)
  graph.output(graph.softmax(graph.add(first, second)), "weights")
  graph.output(graph.where(seen, hidden, x), "others")
  return graph.graph
}

describe("masks", () => {
  it("are added where nothing outweighs them, with the very numbers that a choice gives", () => {
    const given = masked(-1e30)
    const written = masksAsSums(given)
    expect(run(written)).toEqual(run(given))
    expect([count(given, "Where"), count(given, "Add")]).toEqual([3, 1])
    // The choice that is left is made once for both tensors, and is as small as the condition.
    expect([count(written, "Where"), count(written, "Add")]).toEqual([2, 4])
    for (const node of written.nodes)
      if (node.op === "Where") expect(written.values.get(node.outputs[0]!)?.shape).toEqual([1, 3])
  })

  it("stay choices where a sum could be seen", () => {
    const given = masked(-1e9)
    expect(masksAsSums(given)).toBe(given)
  })
})
