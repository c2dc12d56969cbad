/** Matrices that stay in the blocks of integers that a GGUF file has them in. @module */
import { RankineError } from "../../core/errors.js"
import type { Value } from "../../onnx/ir.js"
import type { EngineBlocks } from "../checkpoint/engine-blocks.js"
import { blocksOf } from "../quantize/blocks.js"
import type { Matrices } from "../quantize/matrices.js"
import { type Matrix, nameOf, type ProductNet, rowsOf } from "./product-net.js"

/** A matrix in the layout of MatMulNBits. */
interface Stored {
  readonly bits: 4 | 8
  readonly size: number
  readonly blocks: number
  /** uint8 [rows, blocks, size · bits / 8] */
  readonly codes: Value
  /** float32 [rows · blocks] */
  readonly scales: Value
  /** float32 [rows, blocks], of formats that have offsets. */
  readonly offsets: Value | undefined
}

export class FileBlocks {
  readonly #sums = new Map<string, Value>()

  constructor(
    private readonly net: ProductNet,
    private readonly matrices: Matrices,
    private readonly exactActivations: boolean,
  ) {}

  /** Whether the matrices have blocks of the same form, so that they can stand below each other in one. */
  fitTogether(matrices: readonly Matrix[]): boolean {
    const [first, ...others] = matrices.map(({ stored }) => this.matrices.fileLayout(stored))
    return others.every(
      ({ bits, blockSize, hasOffset }) =>
        bits === first!.bits && blockSize === first!.blockSize && hasOffset === first!.hasOffset,
    )
  }

  /**
   * x · Wᵀ [tokens, rows of W], W being these matrices, one below the other. Throws `argument` for a graph of standard operators, which have
   * none for blocks.
   */
  product(x: Value, matrices: readonly Matrix[]): Value {
    const { net } = this
    if (net.form === "standard")
      throw new RankineError(
        "argument",
        'precision "blocks" needs ONNX Runtime\'s own operators: take another precision, as "fp32"',
      )
    const { bits, size, blocks, codes, scales, offsets } = this.#stored(matrices)
    // Level 1 leaves activations as they are; with 8 bits its kernel is many times slower.
    const accuracy_level = this.exactActivations && bits === 4 ? 1 : 4
    const attributes = { K: matrices[0]!.columns, N: rowsOf(matrices), bits, block_size: size, accuracy_level }
    const product = net.op("MatMulNBits", [x, codes, scales], attributes, "com.microsoft")
    if (!offsets) return product
    // An offset is the same for a whole block: what it adds is a product with the sums of blocks of x.
    return net.op("Gemm", [this.#blockSums(x, blocks, size), offsets, product], { transB: 1 })
  }

  lookUp(stored: string, [rows, columns]: readonly [number, number], ids: Value): Value {
    const { net } = this
    const { bits, size, blocks, codes, scales, offsets } = this.#stored([{ stored, columns, from: 0, to: rows }])
    const picked = net.op("Gather", [codes, ids])
    const bytes = bits === 8 ? picked : this.#halves(picked, size)
    const centred = net.op("Sub", [net.graph.cast(bytes, "float32"), net.graph.constant(2 ** (bits - 1), "float32")])
    const each = (numbers: Value) => net.op("Unsqueeze", [net.op("Gather", [numbers, ids]), net.integers([-1])])
    const scaled = net.op("Mul", [centred, each(net.reshape(scales, [rows, blocks]))])
    const values = offsets ? net.op("Add", [scaled, each(offsets)]) : scaled
    const sizes = net.op("Concat", [net.op("Shape", [ids]), net.integers([columns])], { axis: 0 })
    return net.reshape(values, sizes)
  }

  /** Two numbers of 4 bits out of each byte, the lower half first. */
  #halves(bytes: Value, size: number): Value {
    const { net } = this
    const low = net.op("BitwiseAnd", [bytes, net.graph.constant(15, "uint8")])
    const high = net.op("BitShift", [bytes, net.graph.constant(4, "uint8")], { direction: "RIGHT" })
    const pairs = [low, high].map((half) => net.op("Unsqueeze", [half, net.integers([-1])]))
    const joined = net.op("Concat", pairs, { axis: -1 })
    // [...ids, blocks, size / 2, 2]: the last two axes become one.
    const kept = net.op("Shape", [bytes], { end: -1 })
    return net.reshape(joined, net.op("Concat", [kept, net.integers([size])], { axis: 0 }))
  }

  #blockSums(x: Value, blocks: number, size: number): Value {
    const key = `${x.name} ${size}`
    const known = this.#sums.get(key)
    if (known) return known
    const { net } = this
    const sums = net.op("ReduceSum", [net.reshape(x, [-1, blocks, size]), net.integers([2])], { keepdims: 0 })
    this.#sums.set(key, sums)
    return sums
  }

  #stored(parts: readonly Matrix[]): Stored {
    const { net, matrices } = this
    const [{ stored, columns }] = parts as [Matrix]
    const { bits, blockSize: size, hasOffset } = matrices.fileLayout(stored)
    const rows = rowsOf(parts)
    const blocks = blocksOf(columns, size)
    const part = nameOf(parts)
    let made: Promise<EngineBlocks[]> | undefined
    const make = () =>
      (made ??= Promise.all(parts.map(({ stored: each, from, to }) => matrices.fileBlocks(each, from, to))))
    const codes = net.later(`${part} blocks`, "uint8", [rows, blocks, (size * bits) / 8], async () =>
      (await make()).map(({ codes }) => codes),
    )
    const scales = net.later(`${part} scales`, "float32", [rows * blocks], async () =>
      (await make()).map((each) => each.scales),
    )
    const offsets = hasOffset
      ? net.later(`${part} offsets`, "float32", [rows, blocks], async () => (await make()).map((each) => each.offsets!))
      : undefined
    return { bits, size, blocks, codes, scales, offsets }
  }
}
