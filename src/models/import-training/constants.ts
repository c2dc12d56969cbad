/** Which values of a graph are the same in every run. */
import type { Graph } from "../../onnx/ir.js"
import { namesRead } from "../../onnx/passes/dead-code.js"

/** Operators that give something else each time. */
const random = /^Random|^Bernoulli$|^Multinomial$/

/** The names of constants, and of what nodes make of constants alone: weights that are cast, turned or multiplied out. */
export function constantsOf({ initializers, inputs, nodes }: Graph): Set<string> {
  const constants = new Set(initializers.map(({ name }) => name))
  // Old exports name their weights among the inputs too; those can be given, and so are no constants.
  for (const { name } of inputs) constants.delete(name)
  for (const node of nodes)
    if (!random.test(node.op) && namesRead(node).every((name) => constants.has(name)))
      for (const output of node.outputs) constants.add(output)
  return constants
}
