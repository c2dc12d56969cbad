/** What is done to an exported graph before it becomes an encoder. */
import { basename, dirname, join } from "node:path"
import type { DataType } from "../onnx/data-type.js"
import type { Attribute, Graph, Initializer, Node } from "../onnx/ir.js"
import type { TensorInfo } from "./checkpoint/safetensors.js"

/** Weights above this stay in the file; what is smaller may be a shape or an axis that the graph is planned by. */
const SMALL_BYTES = 4096

/** Gives values other names, in the graphs inside attributes too. */
export function renameValues(graph: Graph, renamed: (name: string) => string): void {
  const inside = (attribute: Attribute): void => {
    if (attribute.kind === "graph") renameValues(attribute.value, renamed)
    if (attribute.kind === "graphs") for (const each of attribute.value) renameValues(each, renamed)
  }
  const named = <Named extends { readonly name: string }>(value: Named): Named => ({
    ...value,
    name: renamed(value.name),
  })
  graph.inputs = graph.inputs.map(named)
  graph.outputs = graph.outputs.map(named)
  graph.initializers = graph.initializers.map(named)
  graph.values = new Map([...graph.values.values()].map((value) => [renamed(value.name), named(value)]))
  graph.nodes = graph.nodes.map((node): Node => {
    Object.values(node.attributes).forEach(inside)
    return { ...node, inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) }
  })
}

/** The numbers of the standard for the types of token ids. */
const integerTypes: Readonly<Partial<Record<DataType, number>>> = { int32: 6, int64: 7 }

/** Turns the int32 input `from` into what the graph reads as `to`. */
export function castNode(from: string, to: string, type: DataType): Node {
  const attributes: Node["attributes"] = { to: { kind: "int", value: integerTypes[type] ?? 7 } }
  return { name: `cast/${from}`, op: "Cast", domain: "", inputs: [from], outputs: [to], attributes }
}

/** The nodes of a small graph with the axes of reductions as attributes, as opsets before 18 have them. */
export function axesAsAttributes({ nodes, initializers }: Graph): Node[] {
  const axes = new Map(
    initializers.flatMap(({ name, type, data }) =>
      type === "int64" && data instanceof Uint8Array ? [[name, integersOf(data)] as const] : [],
    ),
  )
  return nodes.map((node) => {
    const given = node.inputs[1] === undefined ? undefined : axes.get(node.inputs[1])
    if (!given || !["ReduceMax", "ReduceL2"].includes(node.op)) return node
    return {
      ...node,
      inputs: node.inputs.slice(0, 1),
      attributes: { ...node.attributes, axes: { kind: "ints", value: given } },
    }
  })
}

function integersOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 8 }, (_, index) => Number(view.getBigInt64(index * 8, true)))
}

/**
 * Weights that are views of the file's bytes, as places in that file: the session maps them, and no copy of them passes through here.
 * @returns also where all large weights lie, for a checksum
 */
export function leaveInFile(
  initializers: readonly Initializer[],
  bytes: Uint8Array,
  path: string,
): { initializers: Initializer[]; tensors: TensorInfo[] } {
  const tensors: TensorInfo[] = []
  const note = (file: string, offset: number, length: number) =>
    tensors.push({ dtype: "U8", shape: [length], file, offset, length })
  const placed = initializers.map((initializer) => {
    const { data } = initializer
    if (!(data instanceof Uint8Array)) {
      if ("location" in data) note(join(dirname(path), data.location), data.offset, Math.max(0, data.length))
      return initializer
    }
    if (data.length <= SMALL_BYTES || data.buffer !== bytes.buffer) return initializer
    const offset = data.byteOffset - bytes.byteOffset
    note(path, offset, data.length)
    return { ...initializer, data: { location: basename(path), offset, length: data.length } }
  })
  return { initializers: placed, tensors }
}
