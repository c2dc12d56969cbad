/** The forward pass as it is differentiated: fused operators on the way replaced by what they stand for. @module */
import { RankineError } from "../../core/errors.js"
import type { GraphBuilder } from "../graph.js"
import type { Graph, Node, Value } from "../ir.js"
import { namesRead } from "../passes/dead-code.js"
import { expansionOf } from "./expand/table.js"
import { pathsBetween } from "./paths.js"
import { ruleOf } from "./table.js"

/** Writes a graph into a builder, node by node, ready to be differentiated. */
export class Forward {
  /** The nodes written, before those of the backward pass. */
  readonly nodes: readonly Node[]
  readonly #builder: GraphBuilder
  readonly #source: Graph

  constructor(builder: GraphBuilder, source: Graph, loss: string, wrt: readonly string[]) {
    this.#builder = builder
    this.#source = source
    const { nodes: onPath } = pathsBetween(source, loss, wrt)
    builder.adopt(source)
    const read = new Set([...source.nodes.flatMap(namesRead), ...source.outputs.map(({ name }) => name)])
    for (const node of source.nodes) {
      const expansion = onPath.has(node) ? expansionOf(node) : undefined
      if (expansion) {
        const inputs = node.inputs.map((name) => (name === "" ? undefined : (builder.find(name) ?? { name })))
        const made = expansion({ graph: builder, node, inputs })
        node.outputs.forEach((name, index) => {
          if (read.has(name)) this.#bind(name, made[index], node)
        })
      } else builder.addNode(onPath.has(node) ? withExtraOutputs(builder, node) : node, source.values)
    }
    this.nodes = [...builder.graph.nodes]
  }

  /** The outputs of the graph with these names. */
  outputs(names: readonly string[]): Value[] {
    return names.map((name) => {
      const found = this.#source.outputs.find((output) => output.name === name)
      if (!found) throw new RankineError("argument", `the graph has no output ${name} to keep`)
      const known = this.#builder.find(name)
      // What is written down twice would be two notes on one value.
      this.#builder.graph.values.delete(name)
      return { ...found, ...(found.type || !known?.type ? {} : { type: known.type }) }
    })
  }

  /** Gives a value of an expansion the name that the rest of the graph reads it by. */
  #bind(name: string, value: Value | undefined, node: Node): void {
    if (!value)
      throw new RankineError(
        "model",
        `output ${name} of ${node.op} (node ${node.name}) cannot be had together with gradients: read another output`,
      )
    const identity = { name: `${node.name}/${name}`, op: "Identity", domain: "", inputs: [value.name], outputs: [name] }
    this.#builder.addNode({ ...identity, attributes: {} })
  }
}

/** Outputs that the gradient rule reads are asked for where the node leaves them out. */
function withExtraOutputs(builder: GraphBuilder, node: Node): Node {
  const wanted = ruleOf(node)?.extraOutputs ?? 0
  const outputs = Array.from(
    { length: Math.max(wanted, node.outputs.length) },
    (_, index) => node.outputs[index] || builder.freshName(`${node.op}_out`),
  )
  return wanted === 0 ? node : { ...node, outputs }
}
