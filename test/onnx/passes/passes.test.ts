import { describe, expect, it } from "vitest"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import { type Graph, type Model, modelOf, type Node } from "../../../src/onnx/ir.js"
import { foldConstants, upgradeModel, withoutDeadCode, withoutRepetitions } from "../../../src/onnx/passes/index.js"
import { evaluate, numbers } from "../gradients/interpreter.js"

const x = numbers([2, 3], [1, -2, 3, -4, 5, -6])
const run = (graph: Graph) => evaluate(graph, new Map([["x", x]])).map(({ data }) => [...data])
const count = ({ nodes }: Graph, op: string) => nodes.filter((node) => node.op === op).length

describe("dead code", () => {
  it("goes, with its constants; what a graph inside reads stays", () => {
    const graph = new GraphBuilder("dead")
    const x = graph.input("x", "float32", [2, 3])
    graph.exp(graph.mul(x, 7))
    const kept = graph.sin(x)
    const body = graph.subgraph("body")
    const trip = body.input("trip", "int64", [])
    void trip
    const going = body.input("going", "bool", [])
    body.output(going, "on")
    const state = body.input("state", "float32", [2, 3])
    body.output(body.add(state, kept), "more")
    const [looped] = graph.op(
      "Loop",
      [graph.constant(2, "int64"), graph.constant(1, "bool"), x],
      { body: { kind: "graph", value: body.graph } },
      { outputs: 1, results: [{ type: "float32", shape: [2, 3] }] },
    )
    graph.output(looped!, "y")
    const clean = withoutDeadCode(graph.graph)
    expect(clean.nodes.map(({ op }) => op)).toEqual(["Sin", "Loop", "Identity"])
    expect(clean.initializers.length).toBe(2)
    expect(clean.values.has("Exp_out_0")).toBe(false)
    expect(run(clean)).toEqual(run(graph.graph))
  })
})

describe("common subexpressions", () => {
  it("are computed once, outputs of the graph and other attributes apart", () => {
    const graph = new GraphBuilder("twice")
    const x = graph.input("x", "float32", [2, 3])
    const twice = graph.mul(graph.softmax(x), graph.softmax(x))
    graph.output(graph.add(twice, graph.softmax(x, 0)), "y")
    graph.output(x, "same")
    graph.output(x, "again")
    const clean = withoutRepetitions(graph.graph)
    expect(count(clean, "Softmax")).toBe(2)
    expect(clean.outputs.map(({ name }) => name)).toEqual(["y", "same", "again"])
    expect(run(clean)).toEqual(run(graph.graph))
  })
})

describe("constants", () => {
  it("replace sizes that follow from other sizes", () => {
    const graph = new GraphBuilder("fold")
    const x = graph.input("x", "float32", [2, 3])
    const size = graph.shape(x, 1, 2)
    const target = graph.concat([graph.mul(size, 2), graph.constant([-1], "int64")], 0)
    const named = graph.op("Constant", [], { value_ints: [6, 1] })
    graph.output(graph.add(graph.reshape(x, target), graph.reshape(x, named)), "y")
    const folded = foldConstants(graph.graph)
    expect(folded.nodes.map(({ op }) => op)).toEqual(["Reshape", "Reshape", "Add", "Identity"])
    expect(run(folded)).toEqual(run(graph.graph))
  })

  it("do not replace what depends on a size that is a name", () => {
    const graph = new GraphBuilder("open")
    const x = graph.input("x", "float32", ["batch", 3])
    const target = graph.concat([graph.shape(x, 1, 2), graph.shape(x, 0, 1)], 0)
    graph.output(graph.reshape(x, target), "y")
    const folded = foldConstants(graph.graph)
    expect(count(folded, "Concat")).toBe(1)
    expect(run(folded)).toEqual(run(graph.graph))
  })
})

describe("older operator sets", () => {
  const node = (op: string, inputs: string[], outputs: string[], attributes: Node["attributes"] = {}): Node => ({
    name: `node ${outputs[0]}`,
    op,
    domain: "",
    inputs,
    outputs,
    attributes,
  })
  const ints = (...value: number[]) => ({ kind: "ints", value }) as const
  const int = (value: number) => ({ kind: "int", value }) as const
  const float = (value: number) => ({ kind: "float", value }) as const
  const old = (nodes: Node[], outputs: string[], version: number): Model => ({
    ...modelOf({
      name: "old",
      inputs: [{ name: "x", type: "float32", shape: [2, 3] }],
      outputs: outputs.map((name) => ({ name })),
      nodes,
      initializers: [],
      values: new Map(),
    }),
    irVersion: 4,
    opsets: { "": version },
  })

  it("become today's: attributes become inputs", () => {
    const upgraded = upgradeModel(
      old(
        [
          node("Unsqueeze", ["x"], ["wide"], { axes: ints(0) }),
          node("ReduceMean", ["wide"], ["mean"], { axes: ints(1), keepdims: int(0) }),
          node("Squeeze", ["mean"], ["flat"], { axes: ints(0) }),
          node("Clip", ["x"], ["clipped"], { min: float(-1.5), max: float(2) }),
          node("Slice", ["x"], ["part"], { axes: ints(1), starts: ints(1), ends: ints(3) }),
          node("Split", ["x"], ["left", "right"], { axis: int(1), split: ints(1, 2) }),
          node("Pad", ["x"], ["padded"], { pads: ints(0, 1, 0, 0), value: float(9) }),
          node("ReduceSum", ["x"], ["total"], { keepdims: int(0) }),
        ],
        ["flat", "clipped", "part", "right", "padded", "total"],
        9,
      ),
    )
    expect(upgraded.opsets[""]).toBe(21)
    expect(run(upgraded.graph)).toEqual([
      [-1.5, 1.5, -1.5],
      [1, -1.5, 2, -1.5, 2, -1.5],
      [-2, 3, 5, -6],
      [-2, 3, 5, -6],
      [9, 1, -2, 3, 9, -4, 5, -6],
      [-3],
    ])
  })

  it("a softmax over all axes from one on stays one", () => {
    const upgraded = upgradeModel(old([node("Softmax", ["x"], ["y"], { axis: int(0) })], ["y"], 11))
    const powers = [...x.data].map((value) => Math.exp(value))
    const total = powers.reduce((a, b) => a + b)
    run(upgraded.graph)[0]!.forEach((value, index) => {
      expect(value).toBeCloseTo(powers[index]! / total, 12)
    })
  })

  it("are refused where they are too old, or where an operator changed its meaning", () => {
    expect(() => upgradeModel(old([], [], 6))).toThrow(/opset 6.*again/)
    expect(() => upgradeModel(old([node("Upsample", ["x"], ["y"])], ["y"], 9))).toThrow(/Upsample \(node node y\)/)
  })
})
