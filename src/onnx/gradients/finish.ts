import type { GraphBuilder } from "../graph.js"
import type { Value } from "../ir.js"
import type { Accumulator } from "./accumulator.js"
import type { Sizes } from "./sizes.js"

/**
 * Makes the gradients outputs of the graph, in the order of `names`.
 *
 * ONNX Runtime executes depth first from the nodes that nobody reads, the last in the file first. Were that the gradient of the first
 * layer, the whole backward pass would run before any other gradient was taken from it, and all that these need would be in memory at
 * once. So the gradients that are complete first come last in the file. Each ends in a Reshape to the shape that it has, which costs
 * nothing: an Identity would be removed, and the node before it, with its own place in the file, would be such an end.
 */
export function finish(
  builder: GraphBuilder,
  sizes: Sizes,
  totals: Accumulator,
  names: readonly string[],
  nameOf: (name: string) => string,
): Value[] {
  const places = new Map(builder.graph.nodes.flatMap(({ outputs }, index) => outputs.map((name) => [name, index])))
  const ends = names.map((name) => {
    const value = builder.find(name)!
    const total = totals.get(name) ?? sizes.zeros(value)
    return { name, value, total, target: sizes.of(value), place: places.get(total.name) ?? -1 }
  })
  const made = new Map<string, Value>()
  for (const { name, value, total, target } of [...ends].sort((a, b) => b.place - a.place)) {
    const known = { type: total.type ?? value.type, shape: value.shape ?? total.shape }
    const [output] = builder.op(
      "Reshape",
      [total, target],
      { allowzero: 1 },
      { outputs: [nameOf(name)], results: [known] },
    )
    made.set(name, output!)
    // What an output is said to be stands with the outputs.
    builder.graph.values.delete(output!.name)
  }
  const outputs = names.map((name) => made.get(name)!)
  builder.graph.outputs.push(...outputs)
  return outputs
}
