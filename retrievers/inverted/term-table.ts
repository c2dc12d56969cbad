/** A hash table from strings to numbers 0, 1, 2, … that lives in typed arrays, so that it is saved and loaded as it is. @module */

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/**
 * Open addressing over UTF-16 units, at most half full. Looking a part of a text up makes no string:
 * that is what lets an index read millions of words a second.
 */
export class TermTable {
  #slots: Uint32Array
  #starts: Uint32Array
  #units: Uint16Array
  #size: number

  constructor(parts?: { slots: Uint32Array; starts: Uint32Array; units: Uint16Array }) {
    this.#slots = parts?.slots ?? new Uint32Array(1024)
    this.#starts = parts?.starts ?? new Uint32Array(513)
    this.#units = parts?.units ?? new Uint16Array(4096)
    this.#size = parts ? parts.starts.length - 1 : 0
  }

  get size(): number {
    return this.#size
  }

  /** The number of text[start, end), or -1. */
  find(text: string, start = 0, end = text.length): number {
    let hash = FNV_OFFSET
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME)
    const slots = this.#slots
    const starts = this.#starts
    const units = this.#units
    const mask = slots.length - 1
    const length = end - start
    for (let slot = (hash ^ (hash >>> 15)) & mask; ; slot = (slot + 1) & mask) {
      const id = slots[slot]! - 1
      if (id < 0) return -1
      const from = starts[id]!
      if (starts[id + 1]! - from !== length) continue
      let i = 0
      while (i < length && units[from + i] === text.charCodeAt(start + i)) i++
      if (i === length) return id
    }
  }

  /** Adds text[start, end), which must not be in the table, and returns its number. */
  add(text: string, start = 0, end = text.length): number {
    const id = this.#size
    const length = end - start
    const from = this.#starts[id]!
    if (from + length > this.#units.length) this.#units = grow(this.#units, from + length)
    if (id + 2 > this.#starts.length) this.#starts = grow(this.#starts, id + 2)
    for (let i = 0; i < length; i++) this.#units[from + i] = text.charCodeAt(start + i)
    this.#starts[id + 1] = from + length
    this.#size = id + 1
    if (2 * (id + 1) > this.#slots.length) this.#rehash(this.#slots.length * 4)
    else this.#place(id)
    return id
  }

  /** The number of the string, adding it where it is new. */
  number(text: string): number {
    const found = this.find(text)
    return found >= 0 ? found : this.add(text)
  }

  text(id: number): string {
    const from = this.#starts[id]!
    const to = this.#starts[id + 1]!
    let result = ""
    // A call takes a limited number of arguments; terms are short, yet nothing promises it.
    for (let i = from; i < to; i += 4096)
      result += String.fromCharCode(...this.#units.subarray(i, Math.min(to, i + 4096)))
    return result
  }

  /** Exactly the used parts of the arrays, for saving. */
  parts(): { slots: Uint32Array; starts: Uint32Array; units: Uint16Array } {
    return {
      slots: this.#slots,
      starts: this.#starts.subarray(0, this.#size + 1),
      units: this.#units.subarray(0, this.#starts[this.#size]),
    }
  }

  #place(id: number): void {
    let hash = FNV_OFFSET
    const to = this.#starts[id + 1]!
    for (let i = this.#starts[id]!; i < to; i++) hash = Math.imul(hash ^ this.#units[i]!, FNV_PRIME)
    const mask = this.#slots.length - 1
    let slot = (hash ^ (hash >>> 15)) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = id + 1
  }

  #rehash(slots: number): void {
    this.#slots = new Uint32Array(slots)
    for (let id = 0; id < this.#size; id++) this.#place(id)
  }
}

/** A copy with room for at least `needed` elements, and at least twice what there was. */
export function grow<A extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(array: A, needed: number): A {
  const Type = array.constructor as new (length: number) => A
  const larger = new Type(Math.max(needed, array.length * 2))
  larger.set(array)
  return larger
}
