/** Loads the WebAssembly kernel of late interaction over a memory of its own. @module */
import { LinearMemory } from "../linear-memory.js"
import { kernelBase64 } from "./kernel.generated.js"

/** The functions of kernel.as.ts; every number is a byte address, a count or a number of bytes. */
export interface Kernel {
  maxsim(query: number, queryCount: number, stride: number, rows: number, count: number, best: number): number
  nearest(
    rows: number,
    count: number,
    stride: number,
    centroids: number,
    k: number,
    biases: number,
    out: number,
    scores: number,
  ): void
  centroidScores(query: number, width: number, stride: number, centroids: number, k: number, out: number): void
  interaction(codes: number, count: number, scores: number, width: number, kept: number, best: number): number
  unpackResiduals(
    codes: number,
    residuals: number,
    count: number,
    size: number,
    bits: number,
    dimension: number,
    stride: number,
    centroids: number,
    table: number,
    unit: number,
    out: number,
  ): void
  unpackBytes(
    scales: number,
    bytes: number,
    count: number,
    size: number,
    stride: number,
    unit: number,
    out: number,
  ): void
}

/** The memory of one index of token vectors. */
export class KernelMemory extends LinearMemory<Kernel> {
  constructor() {
    super(kernelBase64, {
      full: "an index cannot hold more than 4 GiB of token vectors: use a stronger compression, or several indexes",
      exhausted: "out of memory for token vectors: use a stronger compression",
    })
  }

  /** Writes vectors, one behind the other in `rows`, each padded with zeros to `stride` bytes. */
  putRows(address: number, rows: Float32Array, dimension: number, stride: number): void {
    const count = rows.length / dimension
    const wide = stride / 4
    if (wide === dimension) {
      this.f32.set(rows, address / 4)
      return
    }
    this.f32.fill(0, address / 4, address / 4 + count * wide)
    for (let row = 0; row < count; row++)
      this.f32.set(rows.subarray(row * dimension, (row + 1) * dimension), address / 4 + row * wide)
  }
}

/** Bytes of a row: the dimension padded to a multiple of four float32. */
export function strideOf(dimension: number): number {
  return Math.ceil(dimension / 4) * 16
}
