/** Which row holds which document, and the order of ids that ties are broken by. @module */
import { compareIds } from "../../src/core/ranking.js"
import { RowBits } from "./row-bits.js"

const FROM_SURROGATES = /[\ud800-\uffff]/

/** Ids and their row numbers. A row whose document was deleted stays empty until it is used again or the rows are compacted. */
export class RowIds {
  readonly #ids: (string | undefined)[] = []
  readonly #rows = new Map<string, number>()
  readonly #empty = new RowBits()
  #free: number[] = []
  #generation = 0
  #order: { readonly byRow: Uint32Array; readonly rows: Uint32Array } | undefined

  /** Rows, empty ones included. */
  get rowCount(): number {
    return this.#ids.length
  }

  /** Documents. */
  get size(): number {
    return this.#rows.size
  }

  /** Rows that hold nothing. */
  get empty(): RowBits {
    return this.#empty
  }

  /** Rises with every change. */
  get generation(): number {
    return this.#generation
  }

  find(id: string): number | undefined {
    return this.#rows.get(id)
  }

  idOf(row: number): string | undefined {
    return this.#ids[row]
  }

  /** Rows for so many new documents, empty until `assign` is called. With `reuse`, rows of deleted documents come first. */
  reserve(count: number, reuse: boolean): number[] {
    const rows: number[] = []
    while (reuse && rows.length < count && this.#free.length > 0) rows.push(this.#free.pop()!)
    while (rows.length < count) {
      const row = this.#ids.length
      this.#ids.push(undefined)
      this.#empty.add(row)
      rows.push(row)
    }
    return rows
  }

  /** Gives back rows that were reserved and came to nothing. */
  release(rows: Iterable<number>): void {
    for (const row of rows) this.#free.push(row)
  }

  assign(row: number, id: string): void {
    this.#ids[row] = id
    this.#rows.set(id, row)
    this.#empty.delete(row)
    this.#changed()
  }

  /** Empties the row of a document; undefined where there is none. */
  remove(id: string): number | undefined {
    const row = this.#rows.get(id)
    if (row === undefined) return undefined
    this.#rows.delete(id)
    this.#ids[row] = undefined
    this.#empty.add(row)
    this.#free.push(row)
    this.#changed()
    return row
  }

  /** The rows that hold documents, ascending. */
  livingRows(): Uint32Array {
    return Uint32Array.from([...this.#rows.values()].sort((a, b) => a - b))
  }

  /** Moves the documents of `keep`, ascending, to rows 0, 1, ... and forgets all other rows. */
  compact(keep: Uint32Array): void {
    const ids = Array.from(keep, (row) => this.#ids[row])
    this.#ids.length = 0
    this.#rows.clear()
    this.#free = []
    this.#empty.clear()
    for (const [row, id] of ids.entries()) {
      this.#ids.push(id)
      if (id === undefined) {
        this.#empty.add(row)
        this.#free.push(row)
      } else this.#rows.set(id, row)
    }
    this.#changed()
  }

  /** `byRow`: the place of each row's id among all ids in UTF-8 byte order; `rows`: the rows in that order. Computed once per change. */
  order(): { readonly byRow: Uint32Array; readonly rows: Uint32Array } {
    if (!this.#order) {
      const ids = [...this.#rows.keys()]
      // Below the surrogates, JavaScript's own order of texts is that of their UTF-8 bytes, and its own sort is many times faster.
      if (ids.some((id) => FROM_SURROGATES.test(id))) ids.sort(compareIds)
      else ids.sort()
      const rows = Uint32Array.from(ids, (id) => this.#rows.get(id)!)
      const byRow = new Uint32Array(this.#ids.length).fill(0xffffffff)
      for (const [place, row] of rows.entries()) byRow[row] = place
      this.#order = { byRow, rows }
    }
    return this.#order
  }

  #changed(): void {
    this.#generation++
    this.#order = undefined
  }
}
