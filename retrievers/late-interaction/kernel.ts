/** Loads the WebAssembly kernel of late interaction over a memory of its own. @module */
import { RankineError } from "../../src/core/errors.js"
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

const PAGE = 65536
const MAX_PAGES = 65536

let compiled: WebAssembly.Module | undefined

/** Linear memory with the kernel over it, handed out front to back and never taken back. Addresses are multiples of 16. */
export class KernelMemory {
  readonly kernel: Kernel
  readonly #memory: WebAssembly.Memory
  readonly #regions = new Map<string, { address: number; bytes: number }>()
  #used = 16
  u8!: Uint8Array
  i8!: Int8Array
  u32!: Uint32Array
  f32!: Float32Array

  constructor() {
    compiled ??= new WebAssembly.Module(Buffer.from(kernelBase64, "base64"))
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES })
    this.kernel = new WebAssembly.Instance(compiled, { env: { memory: this.#memory } }).exports as unknown as Kernel
    this.#refresh()
  }

  /** New bytes, all zero. Views over the memory must be read anew afterwards. */
  allocate(bytes: number): number {
    const address = this.#used
    const end = address + Math.ceil(bytes / 16) * 16
    // A page behind everything: the kernel reads a little beyond the end of some arrays.
    const pages = Math.ceil(end / PAGE) + 1
    const missing = pages - this.u8.length / PAGE
    if (missing > 0) {
      if (pages > MAX_PAGES)
        throw new RankineError(
          "storage",
          "an index cannot hold more than 4 GiB of token vectors: use a stronger compression, or several indexes",
        )
      try {
        this.#memory.grow(missing)
      } catch (cause) {
        throw new RankineError("storage", "out of memory for token vectors: use a stronger compression", { cause })
      }
      this.#refresh()
    }
    this.#used = end
    return address
  }

  /** Room that is used again under its name, and grows by doubling; its content is not kept. */
  region(name: string, bytes: number): number {
    const known = this.#regions.get(name)
    if (known && known.bytes >= bytes) return known.address
    const room = Math.max(bytes, 2 * (known?.bytes ?? 0))
    const address = this.allocate(room)
    this.#regions.set(name, { address, bytes: room })
    return address
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

  #refresh(): void {
    const buffer = this.#memory.buffer
    this.u8 = new Uint8Array(buffer)
    this.i8 = new Int8Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.f32 = new Float32Array(buffer)
  }
}

/** Bytes of a row: the dimension padded to a multiple of four float32. */
export function strideOf(dimension: number): number {
  return Math.ceil(dimension / 4) * 16
}
