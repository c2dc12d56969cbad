/** Exports of one miniature cross-encoder in the forms that are met with, and what torch computes. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { toHalf } from "../../../src/onnx/data-type.js"
import type { Graph, Initializer, Node } from "../../../src/onnx/ir.js"
import { encodeModel, readModel } from "../../../src/onnx/protobuf.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"

export const fixtures = join(import.meta.dirname, "fixtures")

interface Scores {
  readonly ids: readonly (readonly number[])[]
  readonly mask: readonly (readonly number[])[]
  readonly types: readonly (readonly number[])[]
  readonly scores: readonly number[]
}
export const torch: Scores = JSON.parse(readFileSync(join(fixtures, "scores.json"), "utf8"))

const rows = (lists: readonly (readonly number[])[]) =>
  tensor("int32", Int32Array.from(lists.flat()), [lists.length, lists[0]!.length])
export const texts: Record<string, Tensor> = {
  input_ids: rows(torch.ids),
  attention_mask: rows(torch.mask),
  token_type_ids: rows(torch.types),
}

type Change = (weight: { name: string; rows: number; columns: number; values: Float32Array }) => {
  readonly initializers: readonly Initializer[]
  readonly nodes: readonly Node[]
  /** Takes the place of the product. */
  readonly product?: Partial<Node>
}

const bytes = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
const node = (op: string, inputs: string[], output: string, attributes: Node["attributes"] = {}): Node => ({
  name: output,
  op,
  domain: "",
  inputs,
  outputs: [output],
  attributes,
})
const int = (value: number) => ({ kind: "int", value }) as const
const turned = ({ rows, columns, values }: Parameters<Change>[0]) =>
  Float32Array.from({ length: values.length }, (_, at) => values[(at % rows) * columns + Math.floor(at / rows)]!)

/** Rewritings of the products of an export, as other exporters would have written them. */
export const changes: Readonly<Record<string, Change>> = {
  "a transposition that nobody folded": (weight) => ({
    initializers: [
      { name: weight.name, type: "float32", dims: [weight.columns, weight.rows], data: bytes(turned(weight)) },
    ],
    nodes: [node("Transpose", [weight.name], `${weight.name} turned`, { perm: { kind: "ints", value: [1, 0] } })],
    product: { inputs: [`${weight.name} turned`] },
  }),
  "FusedMatMul with the weight as torch keeps it": (weight) => ({
    initializers: [
      { name: weight.name, type: "float32", dims: [weight.columns, weight.rows], data: bytes(turned(weight)) },
    ],
    nodes: [],
    product: {
      op: "FusedMatMul",
      domain: "com.microsoft",
      inputs: [weight.name],
      attributes: { transB: int(1) },
    },
  }),
  "weights in halves": (weight) => ({
    initializers: [
      {
        name: weight.name,
        type: "float16",
        dims: [weight.rows, weight.columns],
        data: bytes(Uint16Array.from(weight.values, toHalf)),
      },
    ],
    nodes: [node("Cast", [weight.name], `${weight.name} wide`, { to: int(1) })],
    product: { inputs: [`${weight.name} wide`] },
  }),
  "weights in 8 bits": (weight) => {
    const { name, rows, columns, values } = weight
    const scales = Float32Array.from({ length: columns }, (_, column) => {
      const each = Array.from({ length: rows }, (_, row) => Math.abs(values[row * columns + column]!))
      return Math.max(...each) / 127
    })
    const codes = Int8Array.from(values, (value, at) => Math.round(value / scales[at % columns]!))
    return {
      initializers: [
        { name, type: "int8", dims: [rows, columns], data: bytes(codes) },
        { name: `${name} scales`, type: "float32", dims: [columns], data: bytes(scales) },
      ],
      nodes: [node("DequantizeLinear", [name, `${name} scales`], `${name} wide`, { axis: int(1) })],
      product: { inputs: [`${name} wide`] },
    }
  },
}

/** The folder of an export: one of the fixtures, or one that is rewritten from the fixture `torchscript`. */
export function exportOf(kind: string): string {
  const change = changes[kind]
  if (!change) return join(fixtures, kind)
  const folder = mkdtempSync(join(tmpdir(), "rankine-export-"))
  cpSync(join(fixtures, "torchscript/config.json"), join(folder, "config.json"))
  mkdirSync(join(folder, "onnx"))
  const model = readModel(readFileSync(join(fixtures, "torchscript/onnx/model.onnx")))
  const graph = rewritten(model.graph, change)
  const opsets = { ...model.opsets, "com.microsoft": 1 }
  writeFileSync(join(folder, "onnx/model.onnx"), encodeModel({ ...model, graph, opsets }))
  return folder
}

function rewritten(graph: Graph, change: Change): Graph {
  const products = graph.nodes.flatMap(({ op, inputs }) => (op === "MatMul" ? [inputs[1]!] : []))
  const nodes = [...graph.nodes]
  const initializers = graph.initializers.flatMap((weight): readonly Initializer[] => {
    if (!products.includes(weight.name) || !(weight.data instanceof Uint8Array)) return [weight]
    const [rows, columns] = weight.dims as [number, number]
    const values = new Float32Array(new Uint8Array(weight.data).buffer)
    const made = change({ name: weight.name, rows, columns, values })
    const at = nodes.findIndex(({ op, inputs }) => op === "MatMul" && inputs[1] === weight.name)
    const old = nodes[at]!
    const product = { ...old, ...made.product, inputs: [old.inputs[0]!, ...(made.product?.inputs ?? [weight.name])] }
    nodes.splice(at, 1, ...made.nodes, product)
    return made.initializers
  })
  return { ...graph, nodes, initializers }
}
