import { afterAll, describe, expect, it } from "vitest"
import { Random } from "../../../src/core/random.js"
import { gradients } from "../../../src/onnx/gradients/index.js"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import { modelOf, type Value } from "../../../src/onnx/ir.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import { tensor } from "../../../src/onnx/tensor.js"
import { runtime } from "../helpers.js"

const domain = "com.microsoft"
const TOKENS = 5
const INPUTS = 64
const OUTPUTS = 12

const random = new Random(11, "quantised products")
const x = Float32Array.from({ length: TOKENS * INPUTS }, () => random.normal())
/** What the loss weighs each output with: the gradient that comes in. */
const upstream = Float32Array.from({ length: TOKENS * OUTPUTS }, () => random.normal())
const scales = Float32Array.from({ length: OUTPUTS }, () => 0.01 + 0.02 * random.float())
const codes = Int8Array.from({ length: INPUTS * OUTPUTS }, () => Math.floor(random.float() * 255) - 127)
const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** [inputs, outputs]: integers less their zero point, times the scale of their output. */
const weightAt = (input: number, output: number) => (codes[input * OUTPUTS + output]! - 3) * scales[output]!

/** dy · Wᵀ, in float64. */
const expected = (weight: (input: number, output: number) => number) =>
  Array.from({ length: TOKENS * INPUTS }, (_, at) => {
    const [token, input] = [Math.floor(at / INPUTS), at % INPUTS]
    return Array.from(
      { length: OUTPUTS },
      (_, output) => upstream[token * OUTPUTS + output]! * weight(input, output),
    ).reduce((a, b) => a + b)
  })

function weights(graph: GraphBuilder) {
  return {
    weight: graph.initializer("weight", "int8", [INPUTS, OUTPUTS], bytes(codes)),
    zero: graph.initializer("zero", "int8", [OUTPUTS], bytes(new Int8Array(OUTPUTS).fill(3))),
    scale: graph.initializer("scale", "float32", [OUTPUTS], bytes(scales)),
  }
}

/** Blocks of 32 inputs, each with a scale; two outputs' worth of integers are packed by pairs of inputs. */
function blocks(bits: 4 | 8, withZeros: boolean) {
  const count = INPUTS / 32
  const levels = 2 ** bits
  const integers = Array.from({ length: OUTPUTS * INPUTS }, () => Math.floor(random.float() * levels))
  const steps = Float32Array.from({ length: OUTPUTS * count }, () => 0.02 + 0.05 * random.float())
  const zeros = Array.from({ length: OUTPUTS * count }, () =>
    withZeros ? Math.floor(random.float() * levels) : levels / 2,
  )
  const packed = (values: readonly number[]) =>
    bits === 8
      ? Uint8Array.from(values)
      : Uint8Array.from({ length: values.length / 2 }, (_, at) => values[2 * at]! | (values[2 * at + 1]! << 4))
  const at = (input: number, output: number) => {
    const block = output * count + Math.floor(input / 32)
    return (integers[output * INPUTS + input]! - zeros[block]!) * steps[block]!
  }
  const write = (graph: GraphBuilder, x: Value) => {
    const inputs = [
      x,
      graph.initializer("packed", "uint8", [OUTPUTS, count, (32 * bits) / 8], packed(integers)),
      graph.initializer("steps", "float32", [OUTPUTS * count], bytes(steps)),
      ...(withZeros ? [graph.initializer("zeros", "uint8", [(OUTPUTS * count * bits) / 8], packed(zeros))] : []),
    ]
    return graph.op("MatMulNBits", inputs, { K: INPUTS, N: OUTPUTS, bits, block_size: 32 }, { domain })
  }
  return { write, at }
}

/** Each token with a scale of its own, which follows from the token: what encoders here do. */
function roundedTokens(graph: GraphBuilder, x: Value): { codes: Value; scale: Value; zero: Value } {
  const largest = graph.reduceMax(graph.abs(x), [-1], false)
  const scale = graph.mul(largest, 1 / 127)
  const zeros = graph.expand(graph.constant(128, "uint8"), graph.shape(scale))
  return {
    codes: graph.op("QuantizeLinear", [x, scale, zeros], { axis: 0 }),
    scale: graph.unsqueeze(scale, [1]),
    zero: graph.constant(128, "uint8"),
  }
}

const blocks4 = blocks(4, false)
const blocks4Zeros = blocks(4, true)
const blocks8 = blocks(8, false)

interface Product {
  readonly write: (graph: GraphBuilder, x: Value) => Value
  readonly weight: (input: number, output: number) => number
  /** How far the gradient may be off, of its largest: rounding of activations that have a scale in common with others. */
  readonly tolerance: number
}

const products: Readonly<Record<string, Product>> = {
  "MatMulInteger after DynamicQuantizeLinear": {
    write: (graph, x) => {
      const { weight, zero, scale } = weights(graph)
      const [codes, step, middle] = graph.op("DynamicQuantizeLinear", [x], {}, { outputs: 3 })
      const sums = graph.cast(graph.op("MatMulInteger", [codes, weight, middle, zero]), "float32")
      return graph.mul(graph.mul(sums, step!), scale)
    },
    weight: weightAt,
    tolerance: 1e-5,
  },
  "MatMulIntegerToFloat after DynamicQuantizeLinear": {
    write: (graph, x) => {
      const { weight, zero, scale } = weights(graph)
      const [codes, step, middle] = graph.op("DynamicQuantizeLinear", [x], {}, { outputs: 3 })
      return graph.op("MatMulIntegerToFloat", [codes, weight, step, scale, middle, zero], {}, { domain })
    },
    weight: weightAt,
    tolerance: 1e-5,
  },
  DynamicQuantizeMatMul: {
    write: (graph, x) => {
      const { weight, zero, scale } = weights(graph)
      return graph.op("DynamicQuantizeMatMul", [x, weight, scale, zero], {}, { domain })
    },
    weight: weightAt,
    tolerance: 1e-5,
  },
  "MatMulIntegerToFloat with a scale for each token": {
    write: (graph, x) => {
      const { weight, zero, scale } = weights(graph)
      const tokens = roundedTokens(graph, x)
      const inputs = [tokens.codes, weight, graph.constant(1), scale, tokens.zero, zero]
      return graph.mul(graph.op("MatMulIntegerToFloat", inputs, {}, { domain }), tokens.scale)
    },
    weight: weightAt,
    // The scale's own gradient is the rounding error, at the largest number of each token.
    tolerance: 0.05,
  },
  "DequantizeLinear of rounded activations": {
    write: (graph, x) => {
      const { weight, zero, scale } = weights(graph)
      const step = graph.constant(0.03)
      const codes = graph.op("QuantizeLinear", [x, step, graph.constant(128, "uint8")])
      const restored = graph.op("DequantizeLinear", [codes, step, graph.constant(128, "uint8")])
      const floats = graph.op("DequantizeLinear", [weight, scale, zero], { axis: 1 })
      return graph.matMul(restored, floats)
    },
    weight: weightAt,
    tolerance: 1e-5,
  },
  "MatMulNBits, 4 bits": { write: blocks4.write, weight: blocks4.at, tolerance: 1e-5 },
  "MatMulNBits, 4 bits with zero points": { write: blocks4Zeros.write, weight: blocks4Zeros.at, tolerance: 1e-5 },
  "MatMulNBits, 8 bits": { write: blocks8.write, weight: blocks8.at, tolerance: 1e-5 },
}

describe.skipIf(!runtime)("gradients through quantised products (onnxruntime-node)", () => {
  const pool = new WorkerPool()
  afterAll(() => pool[Symbol.asyncDispose]())

  it.each(Object.entries(products))(
    "%s: that of a product with the numbers that the weights stand for",
    async (_name, product) => {
      const graph = new GraphBuilder("quantised")
      const input = graph.input("x", "float32", ["tokens", INPUTS])
      const y = product.write(graph, input)
      graph.output(
        graph.reduceSum(graph.mul(y, graph.input("upstream", "float32", ["tokens", OUTPUTS])), [0, 1], false),
        "loss",
      )
      const made = gradients(graph.graph, "loss", ["x"])
      await using session = await createSession(encodeModel(modelOf(made.graph)), { pool, device: "cpu", threads: 1 })
      const outputs = await session.run({
        x: tensor("float32", x, [TOKENS, INPUTS]),
        upstream: tensor("float32", upstream, [TOKENS, OUTPUTS]),
      })
      const found = outputs["gradient of x"]!.data
      const right = expected(product.weight)
      const scale = Math.max(...right.map(Math.abs))
      right.forEach((value, index) => {
        expect(Math.abs(Number(found[index]) - value) / scale, `at ${index}`).toBeLessThan(product.tolerance)
      })
    },
  )

  it("says what it cannot do with packed weights", () => {
    const graph = new GraphBuilder("computed")
    const input = graph.input("x", "float32", ["tokens", INPUTS])
    const packed = graph.input("packed", "uint8", [OUTPUTS, 2, 16])
    const steps = graph.input("steps", "float32", [OUTPUTS * 2])
    const attributes = { K: INPUTS, N: OUTPUTS, bits: 4, block_size: 32 }
    const y = graph.op("MatMulNBits", [input, packed, steps], attributes, { domain })
    graph.output(graph.reduceSum(y, [0, 1], false), "loss")
    expect(() => gradients(graph.graph, "loss", ["x"])).toThrow(/MatMulNBits with a computed weight/)
  })
})
