import { toAttribute } from "../../../src/onnx/attributes.js"
import { bytesOf } from "../../../src/onnx/data-type.js"
import type { Initializer, Model, Node } from "../../../src/onnx/ir.js"
import { encodeModel, readModel } from "../../../src/onnx/protobuf.js"

const FLOAT = 1
const DOUBLE = 11

/** A graph of the standard's operators that computes in float64 what the given one computes in float32: what is left of a difference is rounding. */
export function widened(bytes: Uint8Array): Uint8Array {
  const { graph, ...model } = readModel(bytes)
  const nodes: Node[] = []
  const add = (op: string, inputs: string[], output: string, attributes: Record<string, number> = {}) => {
    const written = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, toAttribute(key, value)]))
    nodes.push({ name: `${op} ${output}`, op, domain: "", inputs, outputs: [output], attributes: written })
  }
  const initializers = graph.initializers.map((initializer): Initializer => {
    if (initializer.type !== "float32") return initializer
    if (initializer.data instanceof Uint8Array) {
      const floats = new Float32Array(initializer.data.slice().buffer)
      return { ...initializer, type: "float64", data: bytesOf(Float64Array.from(floats)) }
    }
    add("Cast", [`${initializer.name} narrow`], initializer.name, { to: DOUBLE })
    return { ...initializer, name: `${initializer.name} narrow` }
  })
  for (const [name, value] of Object.entries({ half: 0.5, one: 1, cube: 0.044715, slope: Math.sqrt(2 / Math.PI) }))
    initializers.push({ name: `gelu ${name}`, type: "float64", dims: [], data: bytesOf(Float64Array.of(value)) })
  for (const node of graph.nodes) {
    if (node.domain !== "") throw new Error(`${node.op} is no operator of the standard`)
    if (node.op === "Gelu") gelu(node, add)
    else if (node.op === "Cast" && node.attributes.to.value === FLOAT)
      add("Cast", [...node.inputs], node.outputs[0], { to: DOUBLE })
    else nodes.push(node)
  }
  const outputs = graph.outputs.map((output) => {
    add("Cast", [output.name], `${output.name} float32`, { to: FLOAT })
    return { ...output, name: `${output.name} float32` }
  })
  const wide = { ...graph, nodes, initializers, outputs, values: new Map() }
  return encodeModel({ ...model, graph: wide } as Model)
}

/** ONNX Runtime has no Gelu in float64. */
function gelu({ inputs: [x], outputs: [y] }: Node, add: (op: string, inputs: string[], output: string) => void): void {
  add("Mul", [x, x], `${y} square`)
  add("Mul", [`${y} square`, x], `${y} cube`)
  add("Mul", [`${y} cube`, "gelu cube"], `${y} small`)
  add("Add", [x, `${y} small`], `${y} sum`)
  add("Mul", [`${y} sum`, "gelu slope"], `${y} slope`)
  add("Tanh", [`${y} slope`], `${y} tanh`)
  add("Add", [`${y} tanh`, "gelu one"], `${y} risen`)
  add("Mul", [x, "gelu half"], `${y} half`)
  add("Mul", [`${y} half`, `${y} risen`], y)
}
