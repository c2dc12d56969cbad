/** What follows an exported graph: from the vectors of tokens to the one output that is asked for. */
import { RankineError } from "../core/errors.js"
import { GraphBuilder } from "../onnx/graph.js"
import type { Graph, Value } from "../onnx/ir.js"
import { type EncoderOutput, OUTPUT } from "./encoder/build.js"
import type { EncoderConfig } from "./encoder/config.js"
import { normalizeRows, type PoolingNodes, pool } from "./encoder/pooling.js"
import { renameValues } from "./onnx-encoder-graph.js"

export interface Tail {
  readonly graph: Graph
  /** Numbers for each row, or for each token. */
  readonly width: number
}

/** In front of the names of values, so that none is one of the export's. */
const OWN = "rankine/"

/**
 * A graph from `source` of the export, and int32 `attention_mask`, to `output`.
 * @param pooled the export gives one vector for each row already
 */
export function tailOf(source: Value, pooled: boolean, output: EncoderOutput, config: EncoderConfig): Tail {
  const graph = new GraphBuilder("tail")
  const width = widthOf(source, output, config)
  const given = graph.input(
    source.name,
    source.type ?? "float32",
    pooled ? ["batch", width] : ["batch", "length", width],
  )
  const mask = graph.input("attention_mask", "int32", ["batch", "length"])
  const values = source.type === undefined || source.type === "float32" ? given : graph.cast(given, "float32")
  graph.output(apply(graph, values, mask, pooled, output), OUTPUT)
  const inner = graph.graph
  const kept = new Set([source.name, "attention_mask", OUTPUT, ""])
  renameValues(inner, (name) => (kept.has(name) ? name : OWN + name))
  return { graph: { ...inner, nodes: inner.nodes.map((node) => ({ ...node, name: OWN + node.name })) }, width }
}

function apply(graph: GraphBuilder, values: Value, mask: Value, pooled: boolean, output: EncoderOutput): Value {
  const nodes = poolingNodes(graph)
  switch (output.kind) {
    case "hidden":
    case "logits":
      return values
    case "pooled": {
      const rows = pooled ? values : pool(nodes, values, mask, output.pooling)
      return output.normalize ? normalizeRows(nodes, rows) : rows
    }
    case "terms":
      // The logarithm grows with the logit: the maximum may be taken first.
      return graph.log(graph.add(graph.relu(pool(nodes, values, mask, "max")), 1))
    case "tokens":
      throw new RankineError("internal", "an exported graph has no projection for late interaction")
  }
}

/** The last size of the source, where the export says it; else what config.json says. */
function widthOf({ name, shape }: Value, output: EncoderOutput, config: EncoderConfig): number {
  const last = shape?.at(-1)
  if (typeof last === "number" && last > 0) return last
  const { num_labels: labels, id2label: names } = config.raw
  const fromConfig =
    output.kind === "terms"
      ? config.vocabulary
      : output.kind === "logits"
        ? typeof labels === "number"
          ? labels
          : Object.keys((names ?? { 0: "", 1: "" }) as object).length
        : config.width
  if (fromConfig > 0) return fromConfig
  throw new RankineError("model", `neither the graph nor config.json says how many numbers ${name} has: export it anew`)
}

function poolingNodes(graph: GraphBuilder): PoolingNodes {
  return {
    op: (type, inputs, attributes = {}, domain = "") => graph.op(type, inputs, attributes, { domain }),
    cast: (value, type) => graph.cast(value, type),
    scalar: (value) => graph.constant(value, "float32"),
    integer: (value) => graph.constant(value, "int64"),
    integers: (values) => graph.constant(values, "int64"),
    unsqueeze: (value, axis) => graph.unsqueeze(value, [axis]),
    squeeze: (value, axis) => graph.squeeze(value, [axis]),
    firstToken: (hidden) => graph.gather(hidden, graph.constant(0, "int64"), 1),
  }
}
