import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { type BlockType, blockSizes } from "../../../src/models/checkpoint/block-type.js"
import { dequantize } from "../../../src/models/checkpoint/dequantize.js"
import { type EngineBlocks, engineBlocks, engineLayouts } from "../../../src/models/checkpoint/engine-blocks.js"
import { toFloat32 } from "../../../src/models/checkpoint/tensor-type.js"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import { createSession } from "../../../src/onnx/session.js"
import { outputOf, tensor } from "../../../src/onnx/tensor.js"
import { normals, runtime } from "../../onnx/helpers.js"

/** Random blocks, and what gguf's own Python package makes of them. */
const golden = JSON.parse(readFileSync(new URL("fixtures/gguf-blocks.json", import.meta.url), "utf8")) as Record<
  string,
  { bytes: string; values: string }
>
const types = Object.keys(blockSizes) as BlockType[]

function goldenOf(type: string): { bytes: Uint8Array; values: Float32Array } {
  const { bytes, values } = golden[type]!
  return {
    bytes: Uint8Array.from(Buffer.from(bytes, "base64")),
    values: new Float32Array(Uint8Array.from(Buffer.from(values, "base64")).buffer),
  }
}

/** Largest distance, as a share of the largest value. */
function distance(found: ArrayLike<number>, wanted: Float32Array): number {
  expect(found.length).toBe(wanted.length)
  let apart = 0
  let largest = 0
  for (let index = 0; index < wanted.length; index++) {
    apart = Math.max(apart, Math.abs(found[index]! - wanted[index]!))
    largest = Math.max(largest, Math.abs(wanted[index]!))
  }
  return apart / largest
}

/** A matrix back from the engine's layout, by the description of MatMulNBits. */
function weightsOf({ bits, blockSize, codes, scales, offsets }: EngineBlocks): Float32Array {
  const values = new Float32Array(scales.length * blockSize)
  for (let index = 0; index < values.length; index++) {
    const code = bits === 8 ? codes[index]! : (codes[index >> 1]! >> (index % 2 === 0 ? 0 : 4)) & 15
    const block = Math.floor(index / blockSize)
    values[index] = scales[block]! * (code - 2 ** (bits - 1)) + (offsets?.[block] ?? 0)
  }
  return values
}

describe("dequantize", () => {
  it.each(types)("gives the numbers of gguf's own package for %s", (type) => {
    const { bytes, values } = goldenOf(type)
    expect(distance(dequantize(bytes, type), values)).toBe(0)
  })

  it.each(["F16", "BF16"] as const)("agrees on %s too", (type) => {
    const { bytes, values } = goldenOf(type)
    expect(distance(toFloat32(bytes, type), values)).toBe(0)
  })

  it("reads bytes that begin anywhere and fills an array that is given", () => {
    const { bytes, values } = goldenOf("Q6_K")
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    const into = new Float32Array(values.length + 1).fill(7)
    dequantize(shifted.subarray(3), "Q6_K", into)
    expect(distance(into.subarray(0, -1), values)).toBe(0)
    expect(into.at(-1)).toBe(7)
  })
})

describe("engineBlocks", () => {
  it.each(types)("keeps %s without rounding anything again", (type) => {
    const { bytes, values } = goldenOf(type)
    const blocks = engineBlocks(bytes, type)
    expect(blocks.codes.length).toBe((values.length * blocks.bits) / 8)
    // Formats with offsets add what the code's middle is worth to a float32: half a unit of its last place.
    expect(distance(weightsOf(blocks), values)).toBeLessThanOrEqual(blocks.offsets ? 2e-7 : 0)
  })

  it.skipIf(!runtime).each(types)("makes products of %s that ONNX Runtime computes", async (type) => {
    const { bytes, values } = goldenOf(type)
    const { bits, blockSize, hasOffset } = engineLayouts[type]
    const columns = blockSizes[type].elements
    const rows = values.length / columns
    const count = columns / blockSize
    const { codes, scales, offsets } = engineBlocks(bytes, type)
    const graph = new GraphBuilder("product")
    const x = graph.input("x", "float32", ["tokens", columns])
    const place = (name: string, dims: number[], data: ArrayBufferView) =>
      graph.initializer(
        name,
        data instanceof Uint8Array ? "uint8" : "float32",
        dims,
        new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      )
    const weights = [
      place("codes", [rows, count, (blockSize * bits) / 8], codes),
      place("scales", [rows * count], scales),
    ]
    const attributes = { K: columns, N: rows, bits, block_size: blockSize, accuracy_level: 1 }
    let product = graph.op("MatMulNBits", [x, ...weights], attributes, { domain: "com.microsoft" })
    if (hasOffset) {
      const sums = graph.reduceSum(graph.reshape(x, [-1, count, blockSize]), [2], false)
      const table = place("offsets", [rows, count], offsets!)
      product = graph.add(product, graph.gemm(sums, table, undefined, { transB: true }))
    }
    graph.output(product, "y")
    await using session = await createSession(graph.toModel(), { device: "cpu" })
    const tokens = 3
    const given = normals(`x ${type}`, tokens * columns)
    const run = await session.run({ x: tensor("float32", given, [tokens, columns]) })
    const wanted = new Float32Array(tokens * rows)
    for (let token = 0; token < tokens; token++)
      for (let row = 0; row < rows; row++) {
        let sum = 0
        for (let column = 0; column < columns; column++)
          sum += given[token * columns + column]! * values[row * columns + column]!
        wanted[token * rows + row] = sum
      }
    expect(distance(outputOf(run, "y", "float32").data, wanted)).toBeLessThan(1e-5)
  })
})
