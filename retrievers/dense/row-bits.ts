/** Rows that a search must not return: one bit for each, and how many there are. */
export class RowBits {
  #bytes: Uint8Array
  #count = 0

  constructor(rows = 0) {
    this.#bytes = new Uint8Array(Math.ceil(rows / 8))
  }

  /** As many bytes as the highest row that was ever set needs, or more; rows beyond are not set. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  get count(): number {
    return this.#count
  }

  has(row: number): boolean {
    return (((this.#bytes[row >> 3] ?? 0) >> (row & 7)) & 1) !== 0
  }

  /** False where the row was set already. */
  add(row: number): boolean {
    if (this.has(row)) return false
    const at = row >> 3
    if (at >= this.#bytes.length) {
      const larger = new Uint8Array(Math.max(at + 1, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[at]! |= 1 << (row & 7)
    this.#count++
    return true
  }

  delete(row: number): void {
    if (!this.has(row)) return
    this.#bytes[row >> 3]! &= ~(1 << (row & 7))
    this.#count--
  }

  clear(): void {
    this.#bytes.fill(0)
    this.#count = 0
  }

  copy(): RowBits {
    const twin = new RowBits()
    twin.#bytes = this.#bytes.slice()
    twin.#count = this.#count
    return twin
  }
}
