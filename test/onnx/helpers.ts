import { createRequire } from "node:module"
import { Random } from "../../src/core/random.js"

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

export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`
}
