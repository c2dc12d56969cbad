/** Activation checkpointing: activations are computed again in the backward pass instead of being kept. @module */
import type { GraphBuilder } from "../graph.js"
import type { Node, Value } from "../ir.js"
import { namesRead } from "../passes/dead-code.js"

/** The name of a node that marks where a segment ends. */
const MARK = "checkpoint:"

/**
 * Marks a value as the end of a segment, as the hidden vectors after each layer are: with `recompute`, such values are kept, and what
 * lies between them is computed again when the backward pass comes to it, all but the last segment. Returns the value to go on with.
 */
export function checkpoint(graph: GraphBuilder, value: Value, name: string): Value {
  return graph.op("Identity", [value], {}, { name: `${MARK}${name}` })
}

interface Segment {
  readonly nodes: Node[]
  /** Values of the second computation by the name of the first; made when the backward pass comes to the segment. */
  copies: Map<string, Value> | undefined
}

/**
 * Makes the second computation of each segment. ONNX Runtime merges nodes with equal inputs, and orders the others depth first from
 * the outputs: a copy that read only the kept values would be merged with the first computation, or could be done long before it is
 * needed. So the kept values that a copy reads pass through a Reshape whose target sizes begin with nothing at all taken from the
 * incoming gradient: no number changes, no memory is copied, and the copy has to wait for that gradient.
 */
export class Recomputation {
  readonly #builder: GraphBuilder
  readonly #segmentOf = new Map<Node, Segment>()
  /** Values that stay in memory anyhow: read in other segments, or by the caller. */
  readonly #kept = new Set<string>()
  /** Values that follow from constants alone: ONNX Runtime computes them once, when it loads the graph. */
  readonly #constant: Set<string>

  constructor(
    nodes: readonly Node[],
    builder: GraphBuilder,
    recompute: boolean | readonly (string | Value)[] | undefined,
    kept: readonly string[],
  ) {
    this.#builder = builder
    this.#constant = new Set(builder.graph.initializers.map(({ name }) => name))
    if (!recompute) return
    const borders = new Set(
      typeof recompute === "boolean" ? [] : recompute.map((value) => (typeof value === "string" ? value : value.name)),
    )
    const segments: Segment[] = [{ nodes: [], copies: undefined }]
    const madeIn = new Map<string, Segment>()
    const marks = new Set(recompute === true ? nodes.filter(({ name }) => name.startsWith(MARK)) : [])
    // The backward pass begins with the last layer: its values need not be made twice.
    const last = [...marks].at(-1)
    for (const node of nodes) {
      const segment = segments.at(-1)!
      segment.nodes.push(node)
      this.#segmentOf.set(node, segment)
      if (namesRead(node).every((name) => this.#constant.has(name)))
        for (const output of node.outputs) this.#constant.add(output)
      for (const output of node.outputs) madeIn.set(output, segment)
      const ends = (marks.has(node) && node !== last) || node.outputs.some((output) => borders.has(output))
      if (ends) segments.push({ nodes: [], copies: undefined })
    }
    for (const name of kept) this.#kept.add(name)
    for (const node of nodes)
      for (const name of namesRead(node)) if (madeIn.get(name) !== this.#segmentOf.get(node)) this.#kept.add(name)
    for (const node of segments.at(-1)!.nodes) this.#segmentOf.delete(node)
  }

  /** How the rule of `node` finds the values of the forward pass; `gradient` is what has arrived at the node. */
  during(node: Node, gradient: Value): (name: string) => Value {
    const segment = this.#segmentOf.get(node)
    const first = (name: string) => this.#builder.find(name) ?? { name }
    if (!segment) return first
    segment.copies ??= this.#copy(segment, gradient)
    const { copies } = segment
    return (name) => copies.get(name) ?? first(name)
  }

  #copy(segment: Segment, gradient: Value): Map<string, Value> {
    const builder = this.#builder
    const copies = new Map<string, Value>()
    const wait = builder.cast(builder.slice(builder.reshape(gradient, [-1]), [0], [0]), "int64")
    const delayed = new Map<string, string>()
    const read = (name: string): string => {
      const copy = copies.get(name)
      if (copy) return copy.name
      const value = builder.find(name)
      if (!value || this.#constant.has(name) || isList(value)) return name
      const known = delayed.get(name)
      if (known) return known
      const sizes = builder.sizesIn(value)
      const target = builder.concat([wait, builder.shape(value)], 0)
      const made = builder.op(
        "Reshape",
        [value, target],
        { allowzero: 1 },
        { results: [{ shape: value.shape, sizes }] },
      )
      delayed.set(name, made.name)
      return made.name
    }
    for (const node of segment.nodes) {
      const outputs = node.outputs.filter((output) => output !== "")
      const settled = outputs.every((output) => this.#kept.has(output) || this.#constant.has(output))
      // What captures values from around it keeps their names: such nodes are not computed again.
      if (settled || namesRead(node).length !== node.inputs.filter((name) => name !== "").length) continue
      const renamed = node.outputs.map((output) => (output === "" ? "" : builder.freshName(`${output} again`)))
      const values = builder.addNode({
        ...node,
        name: builder.freshName(`${node.name} again`),
        inputs: node.inputs.map((name) => (name === "" ? "" : read(name))),
        outputs: renamed,
      })
      node.outputs.forEach((output, index) => {
        if (output !== "" && !this.#kept.has(output)) copies.set(output, values[index]!)
      })
    }
    return copies
  }
}

/** Sizes and the like: small, and often on the host while everything else is on a device. */
function isList({ type, shape }: Value): boolean {
  return type === "int64" && (shape === undefined || shape.length <= 1)
}
