/** Nodes that stand for one node of a graph. @module */
import { toAttribute } from "../../onnx/attributes.js"
import { bytesOf } from "../../onnx/data-type.js"
import type { Initializer, Node } from "../../onnx/ir.js"

/** The standard's numbers of types, as Cast names them. */
export const FLOAT = 1
export const DOUBLE = 11

/** A cast to a type by its number. */
export function castNode(from: string, to: string, type: number): Node {
  return made("Cast", [from], to, { to: toAttribute("to", type) })
}

/** A node with one output. */
export function made(op: string, inputs: readonly string[], output: string, attributes: Node["attributes"] = {}): Node {
  return { name: `${op} to ${output}`, op, domain: "", inputs, outputs: [output], attributes }
}

/** Writes the nodes that stand for one, step by step. */
export class Steps {
  readonly nodes: Node[] = []

  constructor(
    private readonly result: string,
    private readonly constants: Map<string, Initializer>,
  ) {}

  constant(values: readonly number[], dims: readonly number[] = [], type: "float64" | "float32" = "float64"): string {
    const name = `${type} ${dims.join("x")} ${values.join(" ")}`
    const data = bytesOf(type === "float64" ? Float64Array.from(values) : Float32Array.from(values))
    this.constants.set(name, { name, type, dims, data })
    return name
  }

  integers(values: readonly number[]): string {
    const name = `int64 ${values.join(" ")}`
    const data = bytesOf(BigInt64Array.from(values, BigInt))
    this.constants.set(name, { name, type: "int64", dims: [values.length], data })
    return name
  }

  op(op: string, inputs: readonly string[], attributes: Record<string, number> = {}): string {
    const output = `${this.result} part ${this.nodes.length}`
    return this.#add(op, inputs, output, attributes)
  }

  /** The same under a name, where there is one. */
  named(name: string, op: string, inputs: readonly string[], attributes: Record<string, number> = {}): string {
    return name === "" ? this.op(op, inputs, attributes) : this.#add(op, inputs, name, attributes)
  }

  /** The last one, under the name that the node's result had. */
  end(op: string, inputs: readonly string[], attributes: Record<string, number> = {}): readonly Node[] {
    this.#add(op, inputs, this.result, attributes)
    return this.nodes
  }

  #add(op: string, inputs: readonly string[], output: string, attributes: Record<string, number>): string {
    const written = Object.entries(attributes).map(([key, value]) => [key, toAttribute(key, value)] as const)
    this.nodes.push(made(op, inputs, output, Object.fromEntries(written)))
    return output
  }
}
