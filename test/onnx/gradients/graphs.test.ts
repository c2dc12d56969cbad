import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { reduceTo } from "../../../src/onnx/gradients/broadcast.js"
import { checkpoint, gradients } from "../../../src/onnx/gradients/index.js"
import { Sizes } from "../../../src/onnx/gradients/sizes.js"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Dimension, Value } from "../../../src/onnx/ir.js"
import { type Case, check, prepare, type Variable } from "./check.js"
import { evaluate, numbers } from "./interpreter.js"

const tokens: Variable = { dims: [2, 3, 8], shape: ["batch", "length", 8] }

/** A layer of attention and a gated feed-forward net, with norms before, as decoders have them. */
function block(graph: GraphBuilder, x: Value, weights: Readonly<Record<string, Value>>, heads: number): Value {
  const split = (y: Value, order: readonly number[]) => graph.transpose(graph.reshape(y, [0, 0, heads, -1]), order)
  const normed = graph.layerNorm(x, weights.scale!)
  const [q, k, v] = [weights.wq!, weights.wk!, weights.wv!].map((w) => graph.matMul(normed, w)) as [Value, Value, Value]
  const scores = graph.mul(graph.matMul(split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])), 0.5)
  const length = graph.squeeze(graph.shape(x, 1, 2), [0])
  const places = graph.range(graph.constant(0, "int64"), length, graph.constant(1, "int64"))
  const ahead = graph.greater(graph.unsqueeze(places, [0]), graph.unsqueeze(places, [1]))
  const attention = graph.softmax(graph.where(ahead, -1e9, scores))
  const mixed = graph.reshape(graph.transpose(graph.matMul(attention, split(v, [0, 2, 1, 3])), [0, 2, 1, 3]), [0, 0, 8])
  const middle = graph.add(x, mixed)
  const gate = graph.matMul(middle, weights.up!)
  const wide = graph.mul(graph.mul(gate, graph.sigmoid(gate)), graph.matMul(middle, weights.gate!))
  return graph.add(middle, graph.matMul(wide, weights.down!))
}

const weights = {
  scale: { dims: [8] },
  wq: { dims: [8, 8] },
  wk: { dims: [8, 8] },
  wv: { dims: [8, 8] },
  up: { dims: [8, 6] },
  gate: { dims: [8, 6] },
  down: { dims: [6, 8] },
}

const layers = (marks: boolean): Case => ({
  variables: { x: tokens, ...weights },
  write: (graph, inputs) => {
    let x = inputs.x!
    for (let layer = 0; layer < 3; layer++) {
      x = block(graph, x, inputs, 2)
      if (marks) x = checkpoint(graph, x, `layer ${layer}`)
    }
    return graph.tanh(x)
  },
})

describe("gradients of whole graphs", () => {
  it("a multilayer perceptron", () => {
    check({
      variables: { x: { dims: [4, 5] }, w: { dims: [5, 6] }, b: { dims: [6] }, v: { dims: [3, 6] } },
      write: (graph, { x, w, b, v }) =>
        graph.logSoftmax(graph.gemm(graph.gelu(graph.add(graph.matMul(x!, w!), b!)), v!, undefined, { transB: true })),
    })
  })

  it("layers of attention and gated feed-forward nets, with sizes that are names", () => {
    check(layers(false), { tolerance: 1e-5 })
  })

  it("the same numbers where activations are computed again", () => {
    const kept = prepare(layers(true))
    const again = prepare({ ...layers(true), options: { recompute: true } })
    for (const [name, { data }] of kept.results) expect([...again.results.get(name)!.data], name).toEqual([...data])
    const count = (op: string, { graph }: typeof kept) => graph.nodes.filter((node) => node.op === op).length
    // Two of the three layers are computed twice: the backward pass begins with the third.
    expect(count("LayerNormalization", kept)).toBe(3)
    expect(count("LayerNormalization", again)).toBe(5)
  })

  it("computes again between the values named", () => {
    const build = () => {
      const graph = new GraphBuilder("named")
      const x = graph.input("x", "float32", ["n", 4])
      const middle = graph.tanh(graph.exp(graph.sin(x)))
      graph.output(graph.reduceSum(graph.exp(graph.sin(middle)), [0, 1], false), "loss")
      return { graph, middle }
    }
    const { graph, middle } = build()
    const made = gradients(graph.graph, "loss", ["x"], { recompute: [middle] })
    const plain = gradients(build().graph.graph, "loss", ["x"])
    const feeds = new Map([["x", numbers([2, 4], [0.1, 0.5, -0.3, 0.9, 1.4, -2, 0.7, 0])]])
    expect(evaluate(made.graph, feeds)[1]).toEqual(evaluate(plain.graph, feeds)[1])
    expect(made.graph.nodes.filter(({ op }) => op === "Exp").length).toBe(3)
  })
})

describe("what is differentiated", () => {
  it("is only what lies between the trainable values and the loss", () => {
    const graph = new GraphBuilder("paths")
    const x = graph.input("x", "float32", ["n", 4])
    const frozen = graph.input("frozen", "float32", [4, 4])
    const trained = graph.input("trained", "float32", [4, 4])
    // An operator without a rule before the trainable value is no hindrance.
    const before = graph.op("Tan", [graph.matMul(x, frozen)], {}, { results: [{ type: "float32", shape: ["n", 4] }] })
    graph.output(graph.reduceSum(graph.matMul(graph.matMul(before, trained), frozen), [0, 1], false), "loss")
    const made = gradients(graph.graph, "loss", ["trained"])
    // Two products of the backward pass: back through the frozen weight, and the gradient of the trained one.
    expect(made.graph.nodes.filter(({ op }) => op === "Gemm").length).toBe(2)
    expect(() => gradients(graph.graph, "loss", ["frozen"])).toThrow(/no gradient rule for Tan \(node Tan_0\).*behind/)
  })

  it("can be a value in between, a constant, and an output can start from a given gradient", () => {
    const graph = new GraphBuilder("between")
    const x = graph.input("x", "float32", [3])
    const seed = graph.input("seed", "float32", [3])
    const squared = graph.mul(x, x)
    const factor = graph.constant([2, 3, 4])
    graph.output(graph.mul(squared, factor), "y")
    const made = gradients(graph.graph, "y", [squared, factor], { seed, nameOf: (name) => `d ${name}`, outputs: [] })
    expect(made.gradients.map(({ name }) => name)).toEqual([`d ${squared.name}`, `d ${factor.name}`])
    const feeds = new Map([
      ["x", numbers([3], [1, 2, 3])],
      ["seed", numbers([3], [1, 0, 10])],
    ])
    const [dSquared, dFactor] = evaluate(made.graph, feeds)
    expect([...dSquared!.data]).toEqual([2, 0, 40])
    expect([...dFactor!.data]).toEqual([1, 0, 90])
    // The graph given is not touched.
    expect(graph.graph.outputs.length).toBe(1)
  })

  it("must be reached by the loss, unless zeros will do", () => {
    const graph = new GraphBuilder("unreached")
    const x = graph.input("x", "float32", [2])
    const y = graph.input("y", "float32", [2])
    const cut = graph.cast(graph.cast(y, "int64"), "float32")
    graph.output(graph.reduceSum(graph.mul(x, cut), [0], false), "loss")
    expect(() => gradients(graph.graph, "loss", ["x", "y"])).toThrow(/loss does not change with y: leave/)
    expect(() => gradients(graph.graph, "loss", ["z"])).toThrow(/no value z/)
    const made = gradients(graph.graph, "loss", ["x", "y"], { unreached: "zeros" })
    const feeds = new Map(["x", "y"].map((name) => [name, numbers([2], [1.5, 2.5])]))
    const [, dx, dy] = evaluate(made.graph, feeds)
    expect([...dx!.data]).toEqual([1, 2])
    expect([...dy!.data]).toEqual([0, 0])
  })

  it("joins the gradients of parts that lie side by side", () => {
    const given: Case = {
      variables: { x: { dims: [2, 9], shape: ["n", 9] } },
      write: (graph, { x }) => {
        const part = (from: number, to: number) => graph.slice(x!, [from], [to], [1])
        return graph.mul(graph.mul(part(4, 6), graph.sin(part(0, 2))), graph.exp(part(2, 4)))
      },
    }
    const { graph } = check(given)
    expect(graph.nodes.filter(({ op }) => op === "Pad").length).toBe(1)
    // Parts that overlap are added.
    check({
      ...given,
      write: (graph, { x }) => graph.mul(graph.slice(x!, [0], [5], [1]), graph.slice(x!, [3], [8], [1])),
    })
  })

  it("tells the operator, its node and what could be done, where there is no rule", () => {
    const graph = new GraphBuilder("unknown")
    const x = graph.input("x", "float32", [2])
    const y = graph.op(
      "Bicubic",
      [x],
      {},
      { domain: "acme", name: "layer.3/up", results: [{ type: "float32", shape: [2] }] },
    )
    graph.output(graph.reduceSum(y, [0], false), "loss")
    expect(() => gradients(graph.graph, "loss", ["x"])).toThrow(
      /no gradient rule for acme\.Bicubic \(node layer\.3\/up\): export the model with other operators/,
    )
  })
})

describe("broadcasting", () => {
  /** An operand that broadcasts to `full`, and how its sizes are told to the graph. */
  const operand = (full: readonly number[]) =>
    fc
      .tuple(fc.nat(full.length), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
      .map(([skip, ones]) => full.slice(skip).map((size, axis) => (ones[axis] ? 1 : size)))
  const telling = fc.array(fc.constantFrom("number", "name", "nothing"), { minLength: 8, maxLength: 8 })
  const told = (dims: readonly number[], how: readonly string[], from: number): Dimension[] =>
    dims.map((size, axis) => {
      const kind = how[from + axis]
      if (kind === "nothing") return null
      // Equal sizes may share a name, as they do in models.
      return kind === "name" && size !== 1 ? `size ${size}` : size
    })
  const shapes = fc
    .array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 })
    .chain((full) => fc.record({ a: operand(full), b: operand(full), how: telling }))

  it("is undone whatever is known of the sizes", () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom("add", "mul", "div", "sub"), ({ a, b, how }, op) => {
        check({
          variables: {
            a: { dims: a, shape: told(a, how, 0) },
            b: { dims: b, shape: told(b, how, 4), from: (normal) => normal + Math.sign(normal) },
          },
          write: (graph, { a, b }) => graph[op](a!, b!),
        })
      }),
      { numRuns: 60, seed: 5 },
    )
  })

  it("adds no reduction where names tell that the sizes are the same", () => {
    const graph = new GraphBuilder("names")
    const x = graph.input("x", "float32", ["batch", "length", 4])
    const flat = graph.reshape(x, [-1, 4])
    const back = graph.reshape(flat, graph.concat([graph.shape(x, 0, 2), graph.constant([4], "int64")], 0))
    expect(flat.shape).toEqual(["batch*length", 4])
    expect(back.shape).toEqual(["batch", "length", 4])
    const nodes = graph.graph.nodes.length
    expect(reduceTo({ graph, sizes: new Sizes(graph) }, x, back)).toBe(x)
    expect(graph.graph.nodes.length).toBe(nodes)
  })
})
