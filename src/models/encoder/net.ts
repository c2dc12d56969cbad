import { basename } from "node:path"
import { RankineError } from "../../core/errors.js"
import type { AttributeGiven } from "../../onnx/attributes.js"
import { GraphBuilder } from "../../onnx/graph.js"
import type { Value } from "../../onnx/ir.js"
import { type Checkpoint, folderOf, type TensorInfo } from "../checkpoint/safetensors.js"
import type { Activation } from "./config.js"

/**
 * A graph under construction whose weights stay in the checkpoint's own files.
 *
 * Weights are float32 in the graph; half-precision ones are cast when the session loads them. This is the seam for other precisions.
 */
export class Net {
  readonly graph: GraphBuilder
  /** The folder that the names of weight files in the graph are relative to. */
  readonly folder: string
  readonly #weights = new Map<string, Value>()

  constructor(
    name: string,
    readonly checkpoint: Checkpoint,
    /** Tried before a weight's name; the same layers are saved with and without the model's name in front. */
    private readonly prefixes: readonly string[],
  ) {
    this.graph = new GraphBuilder(name)
    this.folder = folderOf(checkpoint)
  }

  /** A node with one output. */
  op(
    type: string,
    inputs: readonly (Value | undefined)[],
    attributes: Record<string, AttributeGiven> = {},
    domain = "",
  ): Value {
    return this.graph.op(type, inputs, attributes, { domain })
  }

  cast(value: Value, type: "float32" | "bool"): Value {
    return this.graph.cast(value, type)
  }

  scalar(value: number): Value {
    return this.graph.constant(value, "float32")
  }

  integer(value: number): Value {
    return this.graph.constant(value, "int64")
  }

  integers(values: readonly number[]): Value {
    return this.graph.constant(values, "int64")
  }

  unsqueeze(value: Value, axis: number): Value {
    return this.graph.unsqueeze(value, [axis])
  }

  squeeze(value: Value, axis: number): Value {
    return this.graph.squeeze(value, [axis])
  }

  reshape(value: Value, shape: readonly number[] | Value): Value {
    return this.graph.reshape(value, shape)
  }

  transpose(value: Value, order: readonly number[]): Value {
    return this.graph.transpose(value, order)
  }

  /** [batch, width] of the first token of [batch, length, width]. */
  firstToken(hidden: Value): Value {
    return this.graph.gather(hidden, this.integer(0), 1)
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  /** The shape of a weight. Throws `data` where it is missing. */
  shape(name: string): readonly number[] {
    return this.#require(name)[1].shape
  }

  /** A weight by its name without the model's prefix; `shape` is what the configuration makes it. Throws `data` where it is missing or has another shape. */
  weight(name: string, shape: readonly number[]): Value {
    const [stored, info] = this.#expect(name, shape)
    return this.#add(stored, info, shape, 0)
  }

  /** Rows `from` to `to` of a weight, as a tensor of its own in the same place of the same file. */
  weightRows(name: string, shape: readonly number[], from: number, to: number): Value {
    const [stored, info] = this.#expect(name, shape)
    const rowBytes = info.length / shape[0]
    return this.#add(`${stored}[${from}:${to}]`, info, [to - from, ...shape.slice(1)], from * rowBytes)
  }

  /** x · Wᵀ + b for `x` [tokens, inputs] and W [outputs, inputs], the layout of checkpoints; the bias may be missing where `bias` is false. */
  linear(x: Value, name: string, outputs: number, inputs: number, bias = true): Value {
    const weights = [x, this.weight(`${name}.weight`, [outputs, inputs])]
    if (bias) weights.push(this.weight(`${name}.bias`, [outputs]))
    return this.op("Gemm", weights, { transB: 1 })
  }

  layerNorm(x: Value, name: string, width: number, epsilon: number, bias = true): Value {
    const inputs = [x, this.weight(`${name}.weight`, [width])]
    if (bias) inputs.push(this.weight(`${name}.bias`, [width]))
    return this.op("LayerNormalization", inputs, { axis: -1, epsilon })
  }

  activation(x: Value, kind: Activation): Value {
    switch (kind) {
      case "gelu":
        return this.op("Gelu", [x])
      case "gelu-tanh":
        return this.op("Gelu", [x], { approximate: "tanh" })
      case "relu":
        return this.op("Relu", [x])
      case "tanh":
        return this.op("Tanh", [x])
      case "silu":
        return this.op("Mul", [x, this.op("Sigmoid", [x])])
    }
  }

  #require(name: string): [stored: string, info: TensorInfo] {
    const found = this.#find(name)
    if (found) return found
    const tried = this.#candidates(name).join(", ")
    throw new RankineError(
      "data",
      `the checkpoint has no weight ${name} (looked for ${tried}): it is not of the architecture in config.json`,
    )
  }

  #expect(name: string, shape: readonly number[]): [stored: string, info: TensorInfo] {
    const found = this.#require(name)
    const [, info] = found
    if (info.shape.length !== shape.length || info.shape.some((size, axis) => size !== shape[axis]))
      throw new RankineError(
        "data",
        `weight ${found[0]} has shape [${info.shape.join(", ")}] where config.json makes it [${shape.join(", ")}]`,
      )
    return found
  }

  #find(name: string): [stored: string, info: TensorInfo] | undefined {
    for (const candidate of this.#candidates(name)) {
      const info = this.checkpoint.tensors.get(candidate)
      if (info) return [candidate, info]
    }
    return undefined
  }

  #candidates(name: string): string[] {
    // Checkpoints converted from TensorFlow call a layer norm's weight and bias gamma and beta.
    const older = name.replace(/(layer_?norm)\.weight$/i, "$1.gamma").replace(/(layer_?norm)\.bias$/i, "$1.beta")
    const names = older === name ? [name] : [name, older]
    return names.flatMap((each) => ["", ...this.prefixes].map((prefix) => prefix + each))
  }

  #add(name: string, info: TensorInfo, dims: readonly number[], skip: number): Value {
    const known = this.#weights.get(name)
    if (known) return known
    const type = graphTypes[info.dtype]
    if (!type) throw new RankineError("data", `weight ${name} is ${info.dtype}: save the model as F32, F16 or BF16`)
    const length = dims.reduce((product, size) => product * size, info.dtype === "F32" ? 4 : 2)
    const stored = this.graph.weight(name, {
      type,
      dims,
      location: basename(info.file),
      offset: info.offset + skip,
      length,
    })
    const value = type === "float32" ? stored : this.cast(stored, "float32")
    this.#weights.set(name, value)
    return value
  }
}

const graphTypes: Readonly<Record<string, "float32" | "float16" | "bfloat16" | undefined>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
}
