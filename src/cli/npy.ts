/** Vectors as a NumPy file, written while they are made. @module */
import { type FileHandle, open, rename, rm } from "node:fs/promises"

/** The header has room for any count, since the count is known last. */
const HEADER_BYTES = 128

/**
 * Writes rows of float32 as `.npy` (format version 1.0, little-endian, row-major). The file appears under its name when it is complete.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export class NpyWriter {
  #rows = 0

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly width: number,
  ) {}

  static async create(path: string, width: number): Promise<NpyWriter> {
    const file = await open(partial(path), "w")
    await file.write(new Uint8Array(HEADER_BYTES))
    return new NpyWriter(path, file, width)
  }

  async write(rows: readonly Float32Array[]): Promise<void> {
    const block = new Float32Array(rows.length * this.width)
    rows.forEach((row, index) => {
      block.set(row, index * this.width)
    })
    await this.file.appendFile(new Uint8Array(block.buffer))
    this.#rows += rows.length
  }

  async finish(): Promise<void> {
    await this.file.write(header(this.#rows, this.width), 0, HEADER_BYTES, 0)
    await this.file.sync()
    await this.file.close()
    await rename(partial(this.path), this.path)
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => {})
    await rm(partial(this.path), { force: true })
  }
}

function partial(path: string): string {
  return `${path}.partial`
}

function header(rows: number, width: number): Uint8Array {
  const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, HEADER_BYTES - 10, 0])
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`
  return Buffer.concat([start, Buffer.from(`${text.padEnd(HEADER_BYTES - 11)}\n`)])
}
