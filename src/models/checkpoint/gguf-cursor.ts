/** Reads the header of a GGUF file, value after value. @module */

/** The bytes at hand end before the value does. */
export class NeedMore extends Error {}

/** Something in the header makes no sense; the message says what. */
export class Malformed extends Error {}

/** A value of the metadata. 64-bit integers are bigint only where a number cannot hold them. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[]

/** Arrays of arrays beyond this depth are nobody's. */
const DEEPEST = 4

export class Cursor {
  at = 0
  readonly #view: DataView
  readonly #text = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true })

  constructor(
    private readonly bytes: Uint8Array,
    /** Of the whole file: what is longer cannot be in it. */
    private readonly fileSize: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  /** A count or a place. Throws where no number can hold it. */
  uint64(): number {
    const value = this.#view.getBigUint64(this.#take(8), true)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed(`a count of ${value} makes no sense`)
    return Number(value)
  }

  string(): string {
    const length = this.#count(1)
    const from = this.#take(length)
    return this.#text.decode(this.bytes.subarray(from, from + length))
  }

  /** A value of the metadata with its type before it. */
  value(): GgufValue {
    return this.#value(this.uint32(), 0)
  }

  #value(type: number, depth: number): GgufValue {
    switch (type) {
      case 0:
        return this.#view.getUint8(this.#take(1))
      case 1:
        return this.#view.getInt8(this.#take(1))
      case 2:
        return this.#view.getUint16(this.#take(2), true)
      case 3:
        return this.#view.getInt16(this.#take(2), true)
      case 4:
        return this.uint32()
      case 5:
        return this.#view.getInt32(this.#take(4), true)
      case 6:
        return this.#view.getFloat32(this.#take(4), true)
      case 7:
        return this.#view.getUint8(this.#take(1)) !== 0
      case 8:
        return this.string()
      case 9:
        return this.#array(depth + 1)
      case 10:
        return narrow(this.#view.getBigUint64(this.#take(8), true))
      case 11:
        return narrow(this.#view.getBigInt64(this.#take(8), true))
      case 12:
        return this.#view.getFloat64(this.#take(8), true)
      default:
        throw new Malformed(`a value of the unknown type ${type}`)
    }
  }

  #array(depth: number): GgufValue[] {
    if (depth > DEEPEST) throw new Malformed("arrays within arrays without end")
    const type = this.uint32()
    const length = this.#count(smallest[type] ?? 1)
    const values: GgufValue[] = []
    for (let index = 0; index < length; index++) values.push(this.#value(type, depth))
    return values
  }

  /** How many things follow that take at least `each` bytes. A file's own size bounds what is believed. */
  #count(each: number): number {
    const count = this.uint64()
    if (count * each > this.fileSize - this.at)
      throw new Malformed(`cut short within the header, or a length of ${count} is wrong`)
    return count
  }

  #take(length: number): number {
    const from = this.at
    if (from + length > this.bytes.length) throw new NeedMore()
    this.at = from + length
    return from
  }
}

/** Bytes that a value of each type takes at least. */
const smallest: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  8: 8,
  9: 12,
  10: 8,
  11: 8,
  12: 8,
}

function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
