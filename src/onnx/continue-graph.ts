/** Goes on with a graph that is there. @module */
import { GraphBuilder } from "./graph.js"
import type { Graph } from "./ir.js"

/**
 * A builder that holds a graph made elsewhere: `find` gives its values by name, and more nodes, inputs and outputs can be added. Its outputs
 * are none of the builder's, unless they are asked for.
 *
 * @example
 * const graph = continueGraph(model.graph, { outputs: true })
 * graph.output(graph.sigmoid(graph.find("logits")!), "probability")
 */
export function continueGraph(source: Graph, { outputs = false }: { readonly outputs?: boolean } = {}): GraphBuilder {
  const builder = new GraphBuilder(source.name)
  builder.adopt(source)
  for (const node of source.nodes) builder.addNode(node, source.values)
  if (!outputs) return builder
  for (const output of source.outputs) {
    builder.graph.outputs.push(output)
    // What is written down twice would be two notes on one value.
    builder.graph.values.delete(output.name)
  }
  return builder
}
