/** Products with quantised matrices. @module */
import { RankineError } from "../../core/errors.js"
import type { Value } from "../../onnx/ir.js"
import { blocksOf, type QuantizedBlocks } from "../quantize/blocks.js"
import type { Matrices } from "../quantize/matrices.js"
import type { Activation } from "./config.js"
import { FileBlocks } from "./file-blocks.js"
import { type Matrix, nameOf, type ProductNet, rowsOf } from "./product-net.js"

/** Tokens [tokens, columns] rounded to 8 bits, each with its own scale. */
interface RoundedTokens {
  /** uint8 */
  readonly codes: Value
  /** float32 [tokens, 1] */
  readonly scales: Value
  readonly zero: number
}

/** Where zero lies, as a share of all integers, and how far below zero values go at most where that is known. */
interface Range {
  readonly zero: number
  readonly lowest: number | undefined
}

const BOTH_SIDES: Range = { zero: 128 / 256, lowest: undefined }

/** Activations that hardly go below zero need not spend half of the integers there. */
const ranges: Readonly<Partial<Record<Activation, Range>>> = {
  relu: { zero: 0, lowest: 0 },
  gelu: { zero: 24 / 256, lowest: 0.17 },
  "gelu-tanh": { zero: 24 / 256, lowest: 0.1701 },
}

/** Columns that share a scale. */
const BLOCK = { 4: 32, 8: 64 } as const

export class Products {
  readonly #rounded = new Map<Value, RoundedTokens>()
  readonly #ranges = new Map<Value, Range>()
  readonly #fileBlocks: FileBlocks

  constructor(
    private readonly net: ProductNet,
    private readonly matrices: Matrices,
    /** Of activations. */
    private readonly bits: 7 | 8,
    exactActivations: boolean,
  ) {
    this.#fileBlocks = new FileBlocks(net, matrices, exactActivations)
  }

  /** The rows of a table of shape [rows, columns], which the file keeps in blocks, at `ids`: float32 [...ids, columns]. */
  lookUpBlocks(stored: string, shape: readonly [number, number], ids: Value): Value {
    return this.#fileBlocks.lookUp(stored, shape, ids)
  }

  /** Says that a value is the result of an activation. */
  bounded(value: Value, kind: Activation): void {
    const range = ranges[kind]
    if (range) this.#ranges.set(value, range)
  }

  /** x · Wᵀ [tokens, rows of W] without a bias. */
  quantized(x: Value, matrix: Matrix): Value {
    switch (this.net.precision) {
      case "int8":
        return this.#dynamic(x, matrix)
      case "int8-weights":
        return this.#blocks(x, [matrix], 8)
      case "blocks":
        return this.#fileBlocks.product(x, [matrix])
      default:
        return this.#blocks(x, [matrix], 4)
    }
  }

  /**
   * x · Wᵀ for matrices that read the same `x`, side by side, [tokens, rows of all], in one product; undefined where they do not go
   * together. For a few tokens the calls cost as much as the arithmetic.
   */
  stacked(x: Value, matrices: readonly Matrix[]): Value | undefined {
    switch (this.net.precision) {
      case "int8-weights":
        return this.#blocks(x, matrices, 8)
      case "int4-weights":
        return this.#blocks(x, matrices, 4)
      case "blocks":
        return this.#fileBlocks.fitTogether(matrices) ? this.#fileBlocks.product(x, matrices) : undefined
      default:
        return undefined
    }
  }

  /** Integers times integers; a token's scale and an output's are multiplied in afterwards. */
  #dynamic(x: Value, { stored, columns, from, to }: Matrix): Value {
    const { net } = this
    const part = `${stored}[${from}:${to}]`
    const weights = this.#integers({ stored, columns, from, to })
    const scales = net.later(`${part} scales`, "float32", [to - from], async () =>
      (await this.matrices.rows(stored)).scales.subarray(from, to),
    )
    const tokens = this.#round(x)
    const zero = net.graph.constant(tokens.zero, "uint8")
    if (net.form === "standard") {
      const sums = net.graph.cast(net.op("MatMulInteger", [tokens.codes, weights, zero]), "float32")
      return net.op("Mul", [net.op("Mul", [sums, scales]), tokens.scales])
    }
    const inputs = [tokens.codes, weights, net.graph.constant(1, "float32"), scales, zero]
    return net.op("Mul", [net.op("MatMulIntegerToFloat", inputs, {}, "com.microsoft"), tokens.scales])
  }

  /**
   * The largest of x · Wᵀ over the tokens of each text: [batch, vocabulary] from `x` [batch, length, columns], the words in blocks.
   *
   * All tokens of a text share a scale here: both scales are positive, so that the maximum is taken of integers, and what is
   * multiplied afterwards is one number for each word instead of one for each token and word.
   */
  largest(x: Value, stored: string, columns: number, vocabulary: number, block: number): Value {
    const { net } = this
    const most = net.op("ReduceMax", [net.op("Abs", [x]), net.integers([1, 2])], { keepdims: 0 })
    const scale = net.op("Max", [net.op("Mul", [most, net.scalar(1 / (2 ** (this.bits - 1) - 1))]), net.scalar(1e-30)])
    const zero = net.graph.constant(BOTH_SIDES.zero * 2 ** this.bits, "uint8")
    const zeros = this.#zeros(scale, BOTH_SIDES.zero * 2 ** this.bits)
    const codes = net.op("QuantizeLinear", [x, scale, zeros], { axis: 0 })
    const blocks: Value[] = []
    for (let from = 0; from < vocabulary; from += block) {
      const weights = this.#integers({ stored, columns, from, to: Math.min(vocabulary, from + block) })
      const sums = net.op("MatMulInteger", [codes, weights, zero])
      blocks.push(net.op("ReduceMax", [sums, net.integers([1])], { keepdims: 0 }))
    }
    const integers = blocks.length === 1 ? blocks[0] : net.op("Concat", blocks, { axis: 1 })
    const scales = net.later(
      `${stored} scales`,
      "float32",
      [vocabulary],
      async () => (await this.matrices.rows(stored)).scales,
    )
    const scaled = net.op("Mul", [net.graph.cast(integers, "float32"), scales])
    return net.op("Mul", [scaled, net.op("Unsqueeze", [scale, net.integers([1])])])
  }

  /** Zero points of the same type as codes, one for each scale. As int32 first: ONNX Runtime cannot expand bytes on WebGPU. */
  #zeros(scale: Value, zero: number): Value {
    const { net } = this
    const each = net.op("Expand", [net.graph.constant(zero, "int32"), net.op("Shape", [scale])])
    return net.graph.cast(each, "uint8")
  }

  /** int8 [columns, rows of W], the layout that integer products read. */
  #integers({ stored, columns, from, to }: Matrix): Value {
    return this.net.later(`${stored}[${from}:${to}] int8`, "int8", [columns, to - from], async () => {
      const { codes } = await this.matrices.rows(stored)
      return transposed(codes.subarray(from * columns, to * columns), columns)
    })
  }

  /** Once for all products that read the same tokens. */
  #round(x: Value): RoundedTokens {
    const known = this.#rounded.get(x)
    if (known) return known
    const { net } = this
    const { zero: share, lowest } = this.#ranges.get(x) ?? BOTH_SIDES
    const zero = share * 2 ** this.bits
    const magnitudes = lowest === undefined ? net.op("Abs", [x]) : x
    const largest = net.op("ReduceMax", [magnitudes, net.integers([-1])], { keepdims: 0 })
    // With a known lowest value the scale must hold that one too; else it must only not be zero.
    const floor = lowest ? lowest / zero : 1e-30
    const steps = 2 ** this.bits - 1 - zero
    const scale = net.op("Max", [net.op("Mul", [largest, net.scalar(1 / steps)]), net.scalar(floor)])
    const zeros = this.#zeros(scale, zero)
    const codes = net.op("QuantizeLinear", [x, scale, zeros], { axis: 0 })
    const rounded = { codes, scales: net.op("Unsqueeze", [scale, net.integers([1])]), zero }
    this.#rounded.set(x, rounded)
    return rounded
  }

  #blocks(x: Value, matrices: readonly Matrix[], bits: 4 | 8): Value {
    const { net } = this
    if (net.form === "standard")
      throw new RankineError(
        "argument",
        `precision ${net.precision} needs ONNX Runtime's own operators: take attention "fused", or precision "int8"`,
      )
    const size = BLOCK[bits]
    const rows = rowsOf(matrices)
    const { columns } = matrices[0]!
    const blocks = blocksOf(columns, size)
    const part = nameOf(matrices)
    let made: Promise<QuantizedBlocks[]> | undefined
    const make = () =>
      (made ??= Promise.all(matrices.map(({ stored, from, to }) => this.matrices.blocks(stored, from, to, bits, size))))
    const codes = net.later(`${part} int${bits}`, "uint8", [rows, blocks, (size * bits) / 8], async () =>
      (await make()).map(({ codes }) => codes),
    )
    const scales = net.later(`${part} scales`, "float32", [rows * blocks], async () =>
      (await make()).map((each) => each.scales),
    )
    // Level 4 rounds the activations of each block of a token to 8 bits: the only kernel that is fast, and no token depends on another.
    const attributes = { K: columns, N: rows, bits, block_size: size, accuracy_level: 4 }
    return net.op("MatMulNBits", [x, codes, scales], attributes, "com.microsoft")
  }
}

/** [rows, columns] as [columns, rows], the layout that integer products read. */
function transposed(codes: Int8Array, columns: number): Int8Array {
  const rows = codes.length / columns
  const result = new Int8Array(codes.length)
  for (let row = 0, at = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = codes[at++]
  return result
}
