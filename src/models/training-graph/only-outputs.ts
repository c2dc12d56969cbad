/** A part of a graph. @module */
import { RankineError } from "../../core/errors.js"
import type { Graph } from "../../onnx/ir.js"
import { namesRead, withoutDeadCode } from "../../onnx/passes/dead-code.js"

/**
 * The graph with some of its outputs, and what they are computed from. ONNX Runtime computes every output of a graph, asked for or not.
 * @throws RankineError `argument` for outputs that the graph has not
 */
export function onlyOutputs(graph: Graph, wanted: readonly string[]): Graph {
  const outputs = wanted.map((name) => {
    const output = graph.outputs.find((each) => each.name === name)
    if (output) return output
    const there = graph.outputs.map((each) => each.name).join(", ")
    throw new RankineError("argument", `the training graph has no output ${name}; \`prepare\` has left it ${there}`)
  })
  const part = withoutDeadCode({ ...graph, outputs })
  const read = new Set(part.nodes.flatMap(namesRead))
  return { ...part, inputs: part.inputs.filter(({ name }) => read.has(name)) }
}
