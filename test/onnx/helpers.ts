import { createRequire } from "node:module"
import { Random } from "../../src/core/random.js"
import { GraphBuilder } from "../../src/onnx/graph.js"

/** Where onnxruntime-node is, or nothing where this optional package is not installed. */
export const runtime = (() => {
  try {
    return createRequire(import.meta.url).resolve("onnxruntime-node")
  } catch {
    return undefined
  }
})()

export function normals(name: string, count: number, scale = 1): Float32Array {
  const random = new Random(7, name)
  return Float32Array.from({ length: count }, () => random.normal() * scale)
}

/** y = 2 x. */
export function twice(): Uint8Array {
  const graph = new GraphBuilder("twice")
  graph.output(graph.mul(graph.input("x", "float32", ["n"]), 2), "y")
  return graph.toModel()
}

/** So many layers of size × size weights. */
export function heavy(size: number, layers: number): Uint8Array {
  const graph = new GraphBuilder("heavy")
  let value = graph.input("x", "float32", ["rows", size])
  for (let layer = 0; layer < layers; layer++) {
    const bytes = new Uint8Array(normals(`layer ${layer}`, size * size, 1 / Math.sqrt(size)).buffer)
    value = graph.gelu(graph.matMul(value, graph.initializer(`w${layer}`, "float32", [size, size], bytes)))
  }
  graph.output(value, "y")
  return graph.toModel()
}
