/** Loads the WebAssembly kernel and gives each segment a memory of its own. @module */
import { RankineError } from "../../src/core/errors.js"
import { kernelBase64 } from "./kernel.generated.js"

/** The functions of kernel.as.ts; every number is a byte address or a count. */
export interface Kernel {
  exhaustive(
    clauses: number,
    clauseCount: number,
    documents: number,
    sums: number,
    mask: number,
    out: number,
    spare: number,
    room: number,
    histogram: number,
    k: number,
    floor: number,
  ): number
  exhaustiveMany(
    clauses: number,
    clauseCount: number,
    documents: number,
    sums: number,
    mask: number,
    out: number,
    spare: number,
    histogram: number,
    k: number,
  ): number
  pruned(
    clauses: number,
    clauseCount: number,
    documents: number,
    bounds: number,
    sums: number,
    mask: number,
    out: number,
    spare: number,
    room: number,
    histogram: number,
    k: number,
    floor: number,
  ): number
}

/** Bytes of one clause, documents of one block, and documents of one chunk of sums: the constants of the kernel. */
export const CLAUSE_BYTES = 48
export const BLOCK_SHIFT = 4
export const CHUNK = 32768
export const HISTOGRAM_BYTES = 2048 * 4

const PAGE = 65536
const MAX_PAGES = 65536

let compiled: WebAssembly.Module | undefined

/** Linear memory with the kernel over it, handed out front to back. Addresses are multiples of 16; new memory holds zeros. */
export class Arena {
  readonly kernel: Kernel
  readonly #memory: WebAssembly.Memory
  #used = 16
  u8!: Uint8Array
  u32!: Uint32Array
  f32!: Float32Array
  f64!: Float64Array

  constructor(bytes: number) {
    compiled ??= new WebAssembly.Module(Buffer.from(kernelBase64, "base64"))
    const initial = Math.ceil((bytes + 16) / PAGE)
    if (initial > MAX_PAGES) throw tooLarge()
    this.#memory = new WebAssembly.Memory({ initial, maximum: MAX_PAGES })
    this.kernel = new WebAssembly.Instance(compiled, { env: { memory: this.#memory } }).exports as unknown as Kernel
    this.#refresh()
  }

  get used(): number {
    return this.#used
  }

  /** Bytes that the memory spans; pages never touched cost nothing. */
  get size(): number {
    return this.u8.length
  }

  allocate(bytes: number): number {
    const address = this.#used
    const end = address + Math.ceil(bytes / 16) * 16
    if (end > this.u8.length) {
      const pages = Math.ceil(end / PAGE)
      // Growing by an eighth keeps the number of growths small without reserving much that is never used.
      const wanted = Math.min(MAX_PAGES, Math.max(pages, Math.ceil((this.u8.length / PAGE) * 1.125)))
      if (pages > MAX_PAGES) throw tooLarge()
      try {
        this.#memory.grow(wanted - this.u8.length / PAGE)
      } catch (cause) {
        throw new RankineError("storage", "out of memory while searching: use smaller indexes or a machine with more", {
          cause,
        })
      }
      this.#refresh()
    }
    this.#used = end
    return address
  }

  /** Gives back everything handed out after `address`. What lies there keeps its old content. */
  rewind(address: number): void {
    this.#used = address
  }

  #refresh(): void {
    const buffer = this.#memory.buffer
    this.u8 = new Uint8Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.f32 = new Float32Array(buffer)
    this.f64 = new Float64Array(buffer)
  }
}

function tooLarge(): RankineError {
  return new RankineError("storage", "a segment of an index cannot exceed 4 GiB: add the documents in smaller portions")
}
