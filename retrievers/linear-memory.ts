/** Memory of WebAssembly with a kernel over it, for indexes that keep vectors there. @module */
import { RankineError } from "../src/core/errors.js"

/** What to say where memory ends. */
export interface MemoryMessages {
  /** Where the 4 GiB of WebAssembly are full. */
  readonly full: string
  /** Where the machine has no more. */
  readonly exhausted: string
}

const PAGE = 65536
const MAX_PAGES = 65536

/** Every index has a memory of its own; the code is compiled once. */
const modules = new Map<string, WebAssembly.Module>()

/** Linear memory with a kernel over it, handed out front to back and never taken back. Addresses are multiples of 16. */
export class LinearMemory<Kernel> {
  readonly kernel: Kernel
  readonly #memory: WebAssembly.Memory
  readonly #messages: MemoryMessages
  readonly #regions = new Map<string, { address: number; bytes: number }>()
  #used = 16
  u8!: Uint8Array
  u32!: Uint32Array
  f32!: Float32Array
  i16!: Int16Array
  i8!: Int8Array

  /** `code` is a module of WebAssembly as base64 that imports its memory. */
  constructor(code: string, messages: MemoryMessages) {
    let compiled = modules.get(code)
    if (!compiled) modules.set(code, (compiled = new WebAssembly.Module(Buffer.from(code, "base64"))))
    this.#messages = messages
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES })
    this.kernel = new WebAssembly.Instance(compiled, { env: { memory: this.#memory } }).exports as unknown as Kernel
    this.#refresh()
  }

  /** Bytes handed out. */
  get used(): number {
    return this.#used
  }

  /** New bytes, all zero. Views over the memory must be read anew afterwards. Throws `storage` where memory ends. */
  allocate(bytes: number): number {
    const address = this.#used
    const end = address + Math.ceil(bytes / 16) * 16
    // A page behind everything is always there: kernels read a little beyond the end of some arrays.
    const pages = Math.ceil(end / PAGE) + 1
    const missing = pages - this.u8.length / PAGE
    if (missing > 0) {
      if (pages > MAX_PAGES) throw new RankineError("storage", this.#messages.full)
      try {
        this.#memory.grow(missing)
      } catch (cause) {
        throw new RankineError("storage", this.#messages.exhausted, { cause })
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
