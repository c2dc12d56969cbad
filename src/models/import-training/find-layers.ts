/** Finds the linear layers of a graph that others wrote. */
import { intOf } from "../../onnx/gradients/rule.js"
import type { GraphBuilder } from "../../onnx/graph.js"
import type { Graph, Node } from "../../onnx/ir.js"
import { namesRead } from "../../onnx/passes/dead-code.js"
import type { LinearLayer } from "../encoder/adapter-slot.js"
import { constantsOf } from "./constants.js"

/** A product with a constant matrix. */
export interface FoundLayer extends LinearLayer {
  /** What is multiplied: the value, before it is rounded where activations are. */
  readonly x: string
  /** What the layer gives, its bias included: an adapter adds to this. */
  readonly result: string
}

/** What rounds activations, and what scales the integers of a product back. */
const rounding = new Set(["DynamicQuantizeLinear", "QuantizeLinear"])
const rescaling = new Set(["Cast", "Mul"])

/**
 * The layers of a graph, in its order. Their names follow from those of weights, else of biases, else of nodes; where two have the same, the
 * second has `.2` behind it.
 * @param graph a builder that holds all of the graph, for its shapes
 */
export function findLayers(source: Graph, graph: GraphBuilder): FoundLayer[] {
  const constants = constantsOf(source)
  const producers = new Map(source.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const readers = new Map<string, Node[]>()
  for (const node of source.nodes)
    for (const name of namesRead(node)) readers.set(name, [...(readers.get(name) ?? []), node])
  const ends = new Set(source.outputs.map(({ name }) => name))
  /** The one node that reads a value, where nothing else does. */
  const onlyReader = (name: string): Node | undefined => {
    const [reader, ...others] = readers.get(name) ?? []
    return others.length === 0 && !ends.has(name) ? reader : undefined
  }
  const counts = new Map<string, number>()

  return source.nodes.flatMap((node): FoundLayer[] => {
    const sizes = sizesOf(node, graph, constants)
    if (!sizes) return []
    const rounded = producers.get(node.inputs[0]!)
    const x = rounded && rounding.has(rounded.op) ? rounded.inputs[0]! : node.inputs[0]!
    let result = node.outputs[0]!
    let reader = onlyReader(result)
    // Integers are no results yet.
    while (node.op.startsWith("MatMulInteger") && reader && rescaling.has(reader.op)) {
      result = reader.outputs[0]!
      reader = onlyReader(result)
    }
    let bias = node.op === "Gemm" ? node.inputs[2] : undefined
    const other = reader?.op === "Add" ? reader.inputs.find((name) => name !== result) : undefined
    const length = other !== undefined && constants.has(other) ? graph.find(other)?.shape : undefined
    // What runtimes join with the product stays beside it, so that the layer's own numbers stay the same.
    if (reader && length?.length === 1 && (length[0] === sizes.outputs || length[0] === 1)) {
      bias = other
      result = reader.outputs[0]!
    }
    const stem = nameOf(node, bias)
    const count = (counts.get(stem) ?? 0) + 1
    counts.set(stem, count)
    return [{ module: count === 1 ? stem : `${stem}.${count}`, ...sizes, x, result }]
  })
}

/** Inputs and outputs of a node that multiplies with a constant matrix. */
function sizesOf(
  node: Node,
  graph: GraphBuilder,
  constants: ReadonlySet<string>,
): Pick<LinearLayer, "inputs" | "outputs"> | undefined {
  if (!constants.has(node.inputs[1] ?? "") || constants.has(node.inputs[0] ?? "")) return undefined
  if (node.op === "MatMulNBits") return { inputs: intOf(node, "K", 0), outputs: intOf(node, "N", 0) }
  const flipped = {
    MatMul: false,
    MatMulInteger: false,
    MatMulIntegerToFloat: false,
    DynamicQuantizeMatMul: false,
    Gemm: intOf(node, "transB", 0) === 1,
    FusedMatMul: intOf(node, "transB", 0) === 1,
  }[node.op]
  const shape = graph.find(node.inputs[1]!)?.shape
  const turned = intOf(node, "transA", 0) === 1
  if (flipped === undefined || turned || shape?.length !== 2) return undefined
  const [rows, columns] = shape
  if (typeof rows !== "number" || typeof columns !== "number") return undefined
  return flipped ? { inputs: columns, outputs: rows } : { inputs: rows, outputs: columns }
}

function nameOf(node: Node, bias: string | undefined): string {
  for (const [name, ending] of [
    [node.inputs[1]!, /[._]weight(_quantized|_Q4)?$/],
    [bias ?? "", /[._]bias$/],
  ] as const)
    if (ending.test(name)) return name.replace(ending, "")
  const own = node.name
    .replace(/^\/+/, "")
    .replace(/_quant$/, "")
    .replace(/\/(MatMul|Gemm)(_\w+)?$/, "")
  return own === "" ? node.outputs[0]! : own.replaceAll("/", ".")
}
