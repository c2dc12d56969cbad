/** Products with quantised weights, and what they should give, in plain arithmetic. */
import { Random } from "../../../src/core/random.js"
import type { GraphBuilder } from "../../../src/onnx/graph.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"

export interface ProductCase {
  readonly feeds: Readonly<Record<string, Tensor>>
  /** Writes the output `y`. */
  readonly write: (graph: GraphBuilder) => void
  readonly expected: readonly number[]
  /** How far off results may be, of the largest: what rounding activations costs. */
  readonly tolerance: number
}

const ROWS = 5
const INPUTS = 64
const OUTPUTS = 24
const domain = "com.microsoft"
const random = new Random(23, "products of devices")
const x = Float32Array.from({ length: ROWS * INPUTS }, () => random.normal())
const feeds = { x: tensor("float32", x, [ROWS, INPUTS]) }
const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** x · Wᵀ in float64. */
function product(weightAt: (output: number, input: number) => number): number[] {
  return Array.from({ length: ROWS * OUTPUTS }, (_, at) => {
    const [row, output] = [Math.floor(at / OUTPUTS), at % OUTPUTS]
    let sum = 0
    for (let input = 0; input < INPUTS; input++) sum += x[row * INPUTS + input]! * weightAt(output, input)
    return sum
  })
}

/** Blocks of `size` inputs with a scale each; two integers of four bits share a byte, the first in the lower half. */
function blocks(bits: 4 | 8, size: 32 | 64, level: 0 | 4, withZeros = false): ProductCase {
  const count = INPUTS / size
  const codes = Array.from({ length: OUTPUTS * INPUTS }, () => Math.floor(random.float() * 2 ** bits))
  const scales = Float32Array.from({ length: OUTPUTS * count }, () => 0.02 + 0.05 * random.float())
  const zeros = Array.from({ length: OUTPUTS * count }, () =>
    withZeros ? Math.floor(random.float() * 2 ** bits) : 2 ** (bits - 1),
  )
  const pack = (values: readonly number[]) =>
    bits === 8
      ? Uint8Array.from(values)
      : Uint8Array.from({ length: values.length / 2 }, (_, at) => values[2 * at]! + 16 * values[2 * at + 1]!)
  const expected = product((output, input) => {
    const block = output * count + Math.floor(input / size)
    return (codes[output * INPUTS + input]! - zeros[block]!) * scales[block]!
  })
  const write = (graph: GraphBuilder) => {
    const inputs = [
      graph.input("x", "float32", ["rows", INPUTS]),
      graph.initializer("codes", "uint8", [OUTPUTS, count, (size * bits) / 8], pack(codes)),
      graph.initializer("scales", "float32", [OUTPUTS * count], bytes(scales)),
      ...(withZeros ? [graph.initializer("zeros", "uint8", [(OUTPUTS * count * bits) / 8], pack(zeros))] : []),
    ]
    const attributes = { K: INPUTS, N: OUTPUTS, bits, block_size: size, accuracy_level: level }
    graph.output(graph.op("MatMulNBits", inputs, attributes, { domain }), "y")
  }
  return { feeds, write, expected, tolerance: level === 4 ? 0.02 : 2e-3 }
}

/** As encoders do with `int8`: each row with a scale of its own, each output with one. */
function dynamic(fused: boolean): ProductCase {
  const codes = Int8Array.from({ length: OUTPUTS * INPUTS }, () => Math.floor(random.float() * 127) - 63)
  const scales = Float32Array.from({ length: OUTPUTS }, () => 0.01 + 0.02 * random.float())
  const transposed = Int8Array.from({ length: INPUTS * OUTPUTS }, (_, at) => {
    const [input, output] = [Math.floor(at / OUTPUTS), at % OUTPUTS]
    return codes[output * INPUTS + input]!
  })
  const write = (graph: GraphBuilder) => {
    const x = graph.input("x", "float32", ["rows", INPUTS])
    const weight = graph.initializer("codes", "int8", [INPUTS, OUTPUTS], bytes(transposed))
    const scale = graph.initializer("scales", "float32", [OUTPUTS], bytes(scales))
    const step = graph.mul(graph.reduceMax(graph.abs(x), [-1], false), 1 / 127)
    const zeros = graph.cast(graph.expand(graph.constant(128, "int32"), graph.shape(step)), "uint8")
    const rounded = graph.op("QuantizeLinear", [x, step, zeros], { axis: 0 })
    const zero = graph.constant(128, "uint8")
    const sums = fused
      ? graph.op("MatMulIntegerToFloat", [rounded, weight, graph.constant(1), scale, zero], {}, { domain })
      : graph.mul(graph.cast(graph.op("MatMulInteger", [rounded, weight, zero]), "float32"), scale)
    graph.output(graph.mul(sums, graph.unsqueeze(step, [1])), "y")
  }
  const expected = product((output, input) => codes[output * INPUTS + input]! * scales[output]!)
  return { feeds, write, expected, tolerance: 0.02 }
}

/** Nibbles taken out of bytes, as tables of 4 bits are looked up. */
function nibbles(): ProductCase {
  const packed = Uint8Array.from({ length: 40 }, (_, at) => (at * 37) % 256)
  return {
    feeds: { bytes: tensor("uint8", packed, [40]) },
    write: (graph) => {
      const given = graph.input("bytes", "uint8", [40])
      const low = graph.op("BitwiseAnd", [given, graph.constant(15, "uint8")])
      const high = graph.op("BitShift", [given, graph.constant(4, "uint8")], { direction: "RIGHT" })
      graph.output(graph.cast(graph.concat([low, high], 0), "float32"), "y")
    },
    expected: [...[...packed].map((byte) => byte % 16), ...[...packed].map((byte) => Math.floor(byte / 16))],
    tolerance: 0,
  }
}

export const productCases: Readonly<Record<string, ProductCase>> = {
  "MatMulNBits, 4 bits": blocks(4, 32, 0),
  "MatMulNBits, 4 bits, rounded activations": blocks(4, 32, 4),
  "MatMulNBits, 4 bits with zero points": blocks(4, 32, 4, true),
  "MatMulNBits, 8 bits": blocks(8, 64, 4),
  "MatMulNBits, 8 bits in blocks of 32": blocks(8, 32, 4),
  "QuantizeLinear, MatMulInteger": dynamic(false),
  "QuantizeLinear, MatMulIntegerToFloat": dynamic(true),
  "BitwiseAnd, BitShift": nibbles(),
}
