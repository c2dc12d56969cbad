/** Compares gradients with central differences, both in float64. */
import { expect } from "vitest"
import { Random } from "../../../src/core/random.js"
import { type GradientOptions, gradients } from "../../../src/onnx/gradients/index.js"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Graph, Shape, Value } from "../../../src/onnx/ir.js"
import { withoutDeadCode } from "../../../src/onnx/passes/dead-code.js"
import { evaluate, type Numbers, numbers } from "./interpreter.js"

export interface Variable {
  readonly dims: readonly number[]
  /** What the graph is told of the sizes; `dims` by default. */
  readonly shape?: Shape
  /** Turns a normal number into one where the function is smooth. */
  readonly from?: (normal: number) => number
  /** Given to the graph, and not differentiated. */
  readonly fixed?: readonly number[]
  readonly type?: "float32" | "int64" | "int32" | "bool"
}

export interface Case {
  readonly variables: Readonly<Record<string, Variable>>
  /** Writes the function; all that it returns is weighed at random and summed to the loss. */
  readonly write: (graph: GraphBuilder, inputs: Readonly<Record<string, Value>>) => Value | readonly Value[]
  readonly options?: GradientOptions
}

export interface Checked {
  readonly source: Graph
  readonly graph: Graph
  readonly feeds: ReadonlyMap<string, Numbers>
  readonly wrt: readonly string[]
  readonly results: ReadonlyMap<string, Numbers>
}

/** Builds loss and gradients of a case, with random numbers for its variables. */
export function prepare({ variables, write, options }: Case, seed = 1): Checked {
  const graph = new GraphBuilder("case")
  const random = new Random(seed, "gradient check")
  const feeds = new Map<string, Numbers>()
  const inputs: Record<string, Value> = {}
  for (const [name, { dims, shape, from = (x: number) => x, fixed, type = "float32" }] of Object.entries(variables)) {
    inputs[name] = graph.input(name, type, shape ?? dims)
    const count = dims.reduce((product, size) => product * size, 1)
    // Rounded to float32, so that ONNX Runtime is given the same numbers.
    feeds.set(name, numbers(dims, fixed ?? Array.from({ length: count }, () => Math.fround(from(random.normal())))))
  }
  const written = write(graph, inputs)
  const parts = (Array.isArray(written) ? (written as Value[]) : [written as Value]).map((value, index) => {
    // Weights of every element, so that no gradient is hidden by symmetry.
    const flat = graph.reshape(value, [-1])
    const places = graph.cast(
      graph.range(graph.constant(0, "int64"), graph.squeeze(graph.shape(flat), [0]), graph.constant(1, "int64")),
      "float32",
    )
    const weights = graph.sin(graph.add(graph.mul(places, 1.7), index + 0.3))
    return graph.reduceSum(graph.mul(flat, weights), [0], false)
  })
  graph.output(
    parts.reduce((a, b) => graph.add(a, b)),
    "loss",
  )
  const wrt = Object.entries(variables).flatMap(([name, { fixed }]) => (fixed ? [] : [name]))
  const made = gradients(graph.graph, "loss", wrt, options)
  const outputs = evaluate(made.graph, feeds)
  const results = new Map(made.graph.outputs.map(({ name }, index) => [name, outputs[index]!]))
  return { source: graph.graph, graph: made.graph, feeds, wrt, results }
}

/** Expects every gradient to be what the loss changes by, per change of each number. */
export function check(given: Case, { seed = 1, tolerance = 1e-6, expanded = false } = {}): Checked {
  const checked = prepare(given, seed)
  const { feeds, wrt, results } = checked
  // The interpreter knows no fused operators: their loss is that of what they were replaced by.
  const outputs = checked.graph.outputs.filter(({ name }) => name === "loss")
  const source = expanded ? withoutDeadCode({ ...checked.graph, outputs }) : checked.source
  for (const name of wrt) {
    const { dims, data } = feeds.get(name)!
    const found = results.get(`gradient of ${name}`)!
    expect(found.dims, `sizes of the gradient of ${name}`).toEqual(dims)
    const expected = data.map((value, index) => {
      const step = 1e-5 * Math.max(1, Math.abs(value))
      const at = (moved: number) => {
        const changed = data.slice()
        changed[index] = moved
        return evaluate(source, new Map(feeds).set(name, { dims, data: changed }))[0]!.data[0]!
      }
      return (at(value + step) - at(value - step)) / (2 * step)
    })
    const scale = Math.max(1, ...expected.map(Math.abs))
    expected.forEach((value, index) => {
      const error = Math.abs(found.data[index]! - value) / scale
      if (!(error < tolerance))
        expect.fail(`gradient of ${name} at ${index}: ${found.data[index]}, differences give ${value}`)
    })
  }
  return checked
}
