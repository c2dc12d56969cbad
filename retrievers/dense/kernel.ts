/** Loads the WebAssembly kernel of dense search and gives each index a memory of its own. @module */
import { RankineError } from "../../src/core/errors.js"
import { kernelBase64 } from "./kernel.generated.js"

/** The functions of kernel.as.ts; every number is a byte address, a count or a number of bytes. */
export interface Kernel {
  flat(
    rows: number,
    count: number,
    stride: number,
    queries: number,
    queryCount: number,
    orders: number,
    mask: number,
    maskStep: number,
    scores: number,
    tops: number,
  ): void
  int8(
    rows: number,
    count: number,
    stride: number,
    query: number,
    scales: number,
    orders: number,
    mask: number,
    scores: number,
    top: number,
  ): void
  binary(
    rows: number,
    count: number,
    size: number,
    query: number,
    orders: number,
    mask: number,
    scores: number,
    top: number,
  ): void
  rescore(addresses: number, count: number, stride: number, query: number, out: number): void
  select(scores: number, count: number, orders: number, top: number): void
  finish(top: number): number
}

/** Bytes of a top, and of the room for the scores of a block: the constants of kernel.as.ts. */
export const TOP_BYTES = 16
export const SCORES_BYTES = 2 * 512 * 4

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
  u32!: Uint32Array
  f32!: Float32Array
  i16!: Int16Array
  i8!: Int8Array

  constructor() {
    compiled ??= new WebAssembly.Module(Buffer.from(kernelBase64, "base64"))
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES })
    this.kernel = new WebAssembly.Instance(compiled, { env: { memory: this.#memory } }).exports as unknown as Kernel
    this.#refresh()
  }

  /** Bytes handed out. */
  get used(): number {
    return this.#used
  }

  /** New bytes, all zero. Views over the memory must be read anew afterwards. */
  allocate(bytes: number): number {
    const address = this.#used
    // The kernel reads up to four rows beyond the last one: a page behind everything is always there.
    const end = address + Math.ceil(bytes / 16) * 16
    const pages = Math.ceil(end / PAGE) + 1
    const missing = pages - this.u8.length / PAGE
    if (missing > 0) {
      if (pages > MAX_PAGES)
        throw new RankineError(
          "storage",
          "an exact index cannot hold more than 4 GiB of vectors: use index hnsw or usearch, or several indexes",
        )
      try {
        this.#memory.grow(missing)
      } catch (cause) {
        throw new RankineError("storage", "out of memory for vectors: use a smaller index or a machine with more", {
          cause,
        })
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

  #refresh(): void {
    const buffer = this.#memory.buffer
    this.u8 = new Uint8Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.f32 = new Float32Array(buffer)
    this.i16 = new Int16Array(buffer)
    this.i8 = new Int8Array(buffer)
  }
}
