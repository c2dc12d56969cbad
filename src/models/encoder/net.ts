import { basename } from "node:path"
import { RankineError } from "../../core/errors.js"
import type { AttributeGiven } from "../../onnx/attributes.js"
import { byteLength } from "../../onnx/data-type.js"
import { checkpoint } from "../../onnx/gradients/recompute.js"
import { GraphBuilder } from "../../onnx/graph.js"
import type { Graph, Value } from "../../onnx/ir.js"
import { isBlockType } from "../checkpoint/block-type.js"
import { checkScales, scaleNameOf } from "../checkpoint/quantized.js"
import { type Checkpoint, folderOf, type TensorInfo } from "../checkpoint/safetensors.js"
import { Matrices } from "../quantize/matrices.js"
import type { AdapterSlot } from "./adapter-slot.js"
import type { AttentionForm, Padding } from "./attention-form.js"
import type { Activation } from "./config.js"
import type { FilePrecision } from "./precision.js"
import type { Matrix } from "./product-net.js"
import { Products } from "./products.js"
import { type Found, Weights } from "./weights.js"
import { ALIGNMENT, createWeightsFile, WEIGHTS_FILE, type WeightsFile } from "./weights-file.js"

export interface NetOptions {
  /** `fused` uses ONNX Runtime's own operators, `standard` only those of the standard. */
  readonly form: AttentionForm
  readonly precision: FilePrecision
  /** Compute in half precision: what `fp16` means where the device can. */
  readonly half: boolean
  /** What `int8` rounds activations to: 7 where a processor's integer products saturate. Default 8. */
  readonly activationBits?: 7 | 8
  /** How fused attention is told of padding: ONNX Runtime knows no masks of keys on WebGPU. Default `mask`. */
  readonly padding?: Padding | undefined
  /**
   * Multiply the 4-bit blocks of `blocks` by activations as they are, instead of rounded to 8 bits: what is computed in another order then stays
   * the same but for float32's own rounding. Blocks of 8 bits have no kernel for it that is fast. Default false.
   */
  readonly exactActivations?: boolean
  /** What adapters compute beside linear layers. Default: there are none. */
  readonly adapters?: AdapterSlot | undefined
  /**
   * A folder for a file with all weights that the graph refers to, beside it: for more than a graph can hold. Default: float weights stay in
   * the checkpoint's own files, and quantised ones are part of the graph.
   */
  readonly weightsFolder?: string | undefined
  /** What is in front of the names of layers in adapters. Default: adapters call layers as the checkpoint does. */
  readonly modulePrefix?: string
  /** Mark where layers end, for gradients that compute activations again. Default: no marks. */
  readonly layerMarks?: boolean | undefined
}

/** Matrices with both sizes at least this are quantised: smaller ones save nothing. */
const SMALLEST = 32

/**
 * A graph under construction. Float weights stay in the checkpoint's own files and are cast when the session loads them; quantised ones
 * are made when the graph is done, and are part of it.
 */
export class Net {
  readonly graph: GraphBuilder
  /** The folder that the names of weight files in the graph are relative to. */
  readonly folder: string
  readonly form: AttentionForm
  readonly precision: FilePrecision
  readonly padding: Padding
  readonly #weights: Weights
  readonly #products: Products
  readonly #matrices: Matrices
  readonly #known = new Map<string, Value>()
  readonly #pending: ((file: WeightsFile | undefined) => Promise<void>)[] = []
  readonly #weightsFolder: string | undefined
  #weightsEnd = 0
  readonly #adapters: AdapterSlot | undefined
  readonly #modulePrefix: string | undefined
  readonly #layerMarks: boolean
  #type: "float32" | "float16"

  constructor(name: string, checkpoint: Checkpoint, prefixes: readonly string[], options: NetOptions) {
    this.graph = new GraphBuilder(name)
    this.#weightsFolder = options.weightsFolder
    this.folder = options.weightsFolder ?? folderOf(checkpoint)
    this.form = options.form
    this.precision = options.precision
    this.padding = options.padding ?? "mask"
    this.#weights = new Weights(checkpoint, prefixes)
    this.#matrices = new Matrices(checkpoint)
    this.#products = new Products(this, this.#matrices, options.activationBits ?? 8, options.exactActivations ?? false)
    this.#type = options.half ? "float16" : "float32"
    this.#adapters = options.adapters
    this.#modulePrefix = options.modulePrefix
    this.#layerMarks = options.layerMarks ?? false
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

  /** A number of the type that is computed in. */
  scalar(value: number): Value {
    return this.graph.constant(value, this.#type)
  }

  /** A number below every score, which softmax turns into 0. */
  lowest(): Value {
    return this.scalar(this.#type === "float16" ? -6e4 : -1e30)
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
    return this.#weights.find(name) !== undefined
  }

  /** The shape of a weight. Throws `data` where it is missing. */
  shape(name: string): readonly number[] {
    return this.#weights.require(name).info.shape
  }

  /** The type that is computed in, for values made from float32. */
  compute(value: Value): Value {
    return this.graph.cast(value, this.#type)
  }

  /** From here on all is computed in float32, with float weights as they are: `hidden` is what comes before. */
  leaveHalf(hidden: Value): Value {
    if (this.#type === "float32") return hidden
    this.#type = "float32"
    return this.op("Cast", [hidden], { to: 1 })
  }

  /** A weight as floats, by its name without the model's prefix; `shape` is what the configuration makes it. Throws `data` where it is missing or has another shape. */
  weight(name: string, shape: readonly number[]): Value {
    return this.#floats(this.#weights.expect(name, shape), shape, 0)
  }

  /** Rows `from` to `to` of a weight, as a tensor of its own in the same place of the same file. */
  weightRows(name: string, shape: readonly number[], from: number, to: number): Value {
    return this.#floats(this.#weights.expect(name, shape), [to - from, ...shape.slice(1)], from)
  }

  /** The rows of a table [rows, width] at `ids`: [...ids, width]. Integers are turned into floats after they were picked. */
  lookUp(name: string, shape: readonly [number, number], ids: Value): Value {
    const found = this.#weights.expect(name, shape)
    if (found.info.dtype !== "I8" && !this.#quantizes(found, shape)) {
      if (!isInPlace(found.info)) return this.op("Gather", [this.#floats(found, shape, 0), ids])
      // Picked before they are cast: the table stays as small as the file has it.
      const rows = this.op("Gather", [this.#external(found.stored, found.stored, found.info, shape, 0), ids])
      return this.compute(this.precision === "fp16" ? this.graph.cast(rows, "float16") : rows)
    }
    if (this.precision === "blocks") return this.compute(this.#products.lookUpBlocks(found.stored, shape, ids))
    const { codes, scales } = found.info.dtype === "I8" ? this.#stored(found, shape, 0) : this.#table(found, shape)
    const picked = this.graph.cast(this.op("Gather", [codes, ids]), "float32")
    const scale = this.op("Unsqueeze", [this.op("Gather", [scales, ids]), this.integers([-1])])
    return this.compute(this.op("Mul", [picked, scale]))
  }

  /** x · Wᵀ for `x` [tokens, inputs] and rows `from` to `to` of W [outputs, inputs], the layout of checkpoints, in the net's precision. */
  productRows(x: Value, name: string, shape: readonly [number, number], from: number, to: number): Value {
    const found = this.#weights.expect(name, shape)
    const matrix: Matrix = { stored: found.stored, columns: shape[1], from, to }
    if (this.#quantizes(found, shape)) return this.#products.quantized(x, matrix)
    return this.op("Gemm", [x, this.weightRows(name, shape, from, to)], { transB: 1 })
  }

  /** The largest of x · Wᵀ over the tokens of each text, for `x` [batch, length, inputs] and W [vocabulary, inputs]: [batch, vocabulary], in blocks of so many words. */
  largestProducts(x: Value, name: string, shape: readonly [number, number], block: number): Value {
    const [vocabulary, width] = shape
    const found = this.#weights.expect(name, shape)
    if (this.precision === "int8" && this.#quantizes(found, shape))
      return this.#products.largest(x, found.stored, width, vocabulary, block)
    const flat = this.reshape(x, [-1, width])
    const sizes = this.graph.shape(x, 0, 2)
    const blocks: Value[] = []
    for (let from = 0; from < vocabulary; from += block) {
      const to = Math.min(vocabulary, from + block)
      const target = this.op("Concat", [sizes, this.integers([to - from])], { axis: 0 })
      const logits = this.reshape(this.productRows(flat, name, shape, from, to), target)
      blocks.push(this.op("ReduceMax", [logits, this.integers([1])], { keepdims: 0 }))
    }
    return blocks.length === 1 ? blocks[0] : this.op("Concat", blocks, { axis: 1 })
  }

  /** x · Wᵀ + b, and what an adapter adds to it; the bias may be missing where `bias` is false. */
  linear(x: Value, name: string, outputs: number, inputs: number, bias = true): Value {
    const found = this.#weights.expect(`${name}.weight`, [outputs, inputs])
    if (!this.#quantizes(found, [outputs, inputs])) return this.exactLinear(x, name, outputs, inputs, bias)
    const product = this.productRows(x, `${name}.weight`, [outputs, inputs], 0, outputs)
    if (!bias) return this.adapted(product, x, this.#moduleOf(name), outputs, inputs)
    // With two axes, the bias keeps ONNX Runtime from fusing the sum with the activation after it, which is slower than the two.
    const row = this.unsqueeze(this.weight(`${name}.bias`, [outputs]), 0)
    return this.adapted(this.op("Add", [product, row]), x, this.#moduleOf(name), outputs, inputs)
  }

  /**
   * x · Wᵀ + b of several layers that read the same `x`, side by side, [tokens, outputs of all]; undefined where that is no faster: with float
   * weights, and where adapters add to each layer.
   */
  linears(
    x: Value,
    layers: readonly { readonly name: string; readonly outputs: number }[],
    inputs: number,
    bias: boolean,
  ): Value | undefined {
    if (this.#adapters) return undefined
    const matrices: Matrix[] = []
    for (const { name, outputs } of layers) {
      const found = this.#weights.expect(`${name}.weight`, [outputs, inputs])
      if (!this.#quantizes(found, [outputs, inputs])) return undefined
      matrices.push({ stored: found.stored, columns: inputs, from: 0, to: outputs })
    }
    const product = this.#products.stacked(x, matrices)
    if (!product || !bias) return product
    const rows = layers.map(({ name, outputs }) => this.unsqueeze(this.weight(`${name}.bias`, [outputs]), 0))
    return this.op("Add", [product, this.graph.concat(rows, 1)])
  }

  /** The same with float weights in every precision, for what decides the result: classification heads, attention's values. */
  exactLinear(x: Value, name: string, outputs: number, inputs: number, bias = true): Value {
    const weights = [x, this.weight(`${name}.weight`, [outputs, inputs])]
    if (bias) weights.push(this.weight(`${name}.bias`, [outputs]))
    return this.adapted(this.op("Gemm", weights, { transB: 1 }), x, this.#moduleOf(name), outputs, inputs)
  }

  /** `result` of a linear layer, plus what an adapter computes from the layer's input `x`; `module` is what adapters call the layer. */
  adapted(result: Value, x: Value, module: string, outputs: number, inputs: number): Value {
    const delta = this.#adapters?.(this.graph, { module, outputs, inputs }, x)
    return delta ? this.op("Add", [result, delta]) : result
  }

  #moduleOf(name: string): string {
    if (this.#modulePrefix !== undefined) return this.#modulePrefix + name
    return this.#weights.require(`${name}.weight`).stored.replace(/\.weight$/, "")
  }

  layerNorm(x: Value, name: string, width: number, epsilon: number, bias = true): Value {
    const inputs = [x, this.weight(`${name}.weight`, [width])]
    if (bias) inputs.push(this.weight(`${name}.bias`, [width]))
    return this.op("LayerNormalization", inputs, { axis: -1, epsilon })
  }

  activation(x: Value, kind: Activation): Value {
    const result = this.#activation(x, kind)
    this.#products.bounded(result, kind)
    return result
  }

  #activation(x: Value, kind: Activation): Value {
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

  /** A constant of the graph whose bytes `fill` brings in when the graph is done, in one piece or several. One of each name. */
  later(
    name: string,
    type: "int8" | "uint8" | "float32" | "float16" | "bfloat16",
    dims: readonly number[],
    fill: () => Promise<ArrayBufferView | readonly ArrayBufferView[]>,
  ): Value {
    const known = this.#known.get(name)
    if (known) return known
    const length = byteLength(type, dims)
    const offset = this.#weightsEnd
    const apart = this.#weightsFolder !== undefined
    const bytes = new Uint8Array(apart ? 0 : length)
    const value = apart
      ? this.graph.weight(name, { type, dims, location: WEIGHTS_FILE, offset, length })
      : this.graph.initializer(name, type, dims, bytes)
    this.#weightsEnd = offset + Math.ceil(length / ALIGNMENT) * ALIGNMENT
    this.#known.set(name, value)
    this.#pending.push(async (file) => {
      const made = await fill()
      let at = 0
      for (const view of ArrayBuffer.isView(made) ? [made] : made) {
        const piece = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
        if (file) await file.write(piece, offset + at)
        else bytes.set(piece, at)
        at += piece.length
      }
    })
    return value
  }

  /** The hidden vectors after a layer: what training keeps where it computes the rest again. */
  layerEnd(x: Value, name: string): Value {
    return this.#layerMarks ? checkpoint(this.graph, x, name) : x
  }

  /** The graph, with all quantised weights in it, unless they have a file. */
  async finish(): Promise<Graph> {
    const file = this.#weightsFolder === undefined ? undefined : await createWeightsFile(this.#weightsFolder)
    try {
      // One after the other, and each forgotten: it holds a matrix as floats for a moment.
      for (let fill = this.#pending.shift(); fill; fill = this.#pending.shift()) await fill(file)
    } finally {
      await file?.close()
    }
    return this.graph.graph
  }

  /** The same as an ONNX model. */
  async toModel(): Promise<Uint8Array> {
    await this.finish()
    return this.graph.toModel()
  }

  #quantizes({ info }: Found, shape: readonly number[]): boolean {
    if (this.precision === "blocks") return isBlockType(info.dtype)
    return this.precision !== "fp32" && this.precision !== "fp16" && Math.min(...shape) >= SMALLEST
  }

  /** Rows of a weight as floats, from wherever they are kept. */
  #floats(found: Found, dims: readonly number[], firstRow: number): Value {
    const { stored, info } = found
    const whole = firstRow === 0 && dims[0] === info.shape[0]
    const name = `${stored}${whole ? "" : `[${firstRow}:${firstRow + dims[0]}]`}`
    const key = `${this.#type} ${name}`
    const known = this.#known.get(key)
    if (known) return known
    let value: Value
    if (info.dtype === "I8") {
      const { codes, scales } = this.#stored(found, dims, firstRow)
      const column = this.op("Unsqueeze", [scales, this.integers([1])])
      // Of constants alone, so that it is done once, when the session loads the model.
      value = this.compute(this.op("Mul", [this.graph.cast(codes, "float32"), column]))
    } else if (!isInPlace(info)) {
      const values = this.later(`${name} float32`, "float32", dims, async () => {
        const all = await this.#weights.checkpoint.read(stored)
        const width = all.length / (info.shape[0] ?? 1)
        return all.subarray(firstRow * width, (firstRow + (dims[0] ?? 1)) * width)
      })
      const rounded = this.precision === "fp16" && dims.length === 2 ? this.graph.cast(values, "float16") : values
      value = this.compute(rounded)
    } else {
      const kept = this.#external(name, stored, info, dims, firstRow)
      // On a device without half precision `fp16` means weights that were rounded to it.
      const rounded = this.precision === "fp16" && dims.length === 2 ? this.graph.cast(kept, "float16") : kept
      value = this.compute(rounded)
    }
    this.#known.set(key, value)
    return value
  }

  /** Integers and scales as the checkpoint keeps them, in its own file. */
  #stored({ stored, info }: Found, dims: readonly number[], firstRow: number): { codes: Value; scales: Value } {
    checkScales(this.#weights.checkpoint, stored)
    const whole = dims[0] === info.shape[0]
    const part = whole ? "" : `[${firstRow}:${firstRow + dims[0]}]`
    const scaleName = scaleNameOf(stored)
    const scaleInfo = this.#weights.checkpoint.tensors.get(scaleName)!
    return {
      codes: this.#external(stored + part, stored, info, dims, firstRow),
      scales: this.#external(scaleName + part, scaleName, scaleInfo, [dims[0]], firstRow),
    }
  }

  /** A table rounded when the graph is done. */
  #table({ stored }: Found, shape: readonly [number, number]): { codes: Value; scales: Value } {
    const rows = () => this.#matrices.rows(stored)
    return {
      codes: this.later(`${stored} int8`, "int8", shape, async () => (await rows()).codes),
      scales: this.later(`${stored} scales`, "float32", [shape[0]], async () => (await rows()).scales),
    }
  }

  #external(name: string, stored: string, info: TensorInfo, dims: readonly number[], firstRow: number): Value {
    const known = this.#known.get(`stored ${name}`)
    if (known) return known
    const kind = graphTypes[info.dtype]
    if (!kind)
      throw new RankineError(
        "data",
        `${info.file}: weight ${name} is ${info.dtype}: save the model as F32, F16 or BF16`,
      )
    const rowBytes = info.shape.length === 0 ? info.length : info.length / info.shape[0]
    const from = firstRow * rowBytes
    const length = info.shape.length === 0 ? info.length : dims[0] * rowBytes
    // A session knows the files of one folder alone.
    if (this.#weightsFolder !== undefined)
      return this.later(`stored ${name}`, kind, dims, async () =>
        (await this.#weights.checkpoint.readRaw(stored)).subarray(from, from + length),
      )
    const value = this.graph.weight(name, {
      type: kind,
      dims,
      location: basename(info.file),
      offset: info.offset + from,
      length,
    })
    this.#known.set(`stored ${name}`, value)
    return value
  }
}

/** The file has the weight as it is, in a type that a graph can refer to. */
function isInPlace({ dtype, inPlace }: TensorInfo): boolean {
  return inPlace !== false && !isBlockType(dtype)
}

const graphTypes: Readonly<Record<string, "float32" | "float16" | "bfloat16" | "int8" | undefined>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I8: "int8",
}
