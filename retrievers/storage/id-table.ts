/** The ids of a segment, sorted, so that a document's number is its place in the order of ties. @module */
import { compareIds } from "../../src/core/ranking.js"

export class IdTable {
  readonly #strings: (string | undefined)[]
  readonly #bytes: Buffer | undefined
  readonly #starts: Uint32Array | undefined

  private constructor(strings: (string | undefined)[], bytes?: Buffer, starts?: Uint32Array) {
    this.#strings = strings
    this.#bytes = bytes
    this.#starts = starts
  }

  /** Over ids that are sorted already. */
  static fromStrings(ids: string[]): IdTable {
    return new IdTable(ids)
  }

  /** Over the saved form; ids become strings when they are first asked for. */
  static fromBytes(bytes: Uint8Array, starts: Uint32Array): IdTable {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return new IdTable(new Array(starts.length - 1), buffer, starts)
  }

  get size(): number {
    return this.#strings.length
  }

  get(document: number): string {
    const known = this.#strings[document]
    if (known !== undefined) return known
    const id = this.#bytes!.toString("utf8", this.#starts![document], this.#starts![document + 1])
    this.#strings[document] = id
    return id
  }

  /** The number of the document with this id, or -1. */
  find(id: string): number {
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = compareIds(this.get(middle), id)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle
    }
    return -1
  }

  /** The saved form: all ids in UTF-8, one behind the other, and where each begins. */
  parts(): { bytes: Uint8Array; starts: Uint32Array } {
    if (this.#bytes) return { bytes: this.#bytes, starts: this.#starts! }
    const starts = new Uint32Array(this.size + 1)
    for (let i = 0; i < this.size; i++) starts[i + 1] = starts[i]! + Buffer.byteLength(this.get(i))
    const bytes = Buffer.allocUnsafe(starts[this.size]!)
    for (let i = 0; i < this.size; i++) bytes.write(this.get(i), starts[i]!)
    return { bytes, starts }
  }
}
