/**
 * Counter-based random numbers keyed by (seed, name, index): the same key gives the same numbers, whatever was drawn elsewhere.
 * Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * @module
 */

function highMultiply(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = Math.imul(aHigh, bLow) >>> 0
  const cross = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff) + (Math.imul(aLow, bLow) >>> 16)
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + Math.floor(cross / 65536)) >>> 0
}

/** Ten rounds over a counter of four 32-bit words with a key of two. */
export function philox4x32(counter: readonly number[], key: readonly number[]): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter as [number, number, number, number]
  let [k0, k1] = key as [number, number]
  for (let round = 0; round < 10; round++) {
    const high0 = highMultiply(0xd2511f53, c0)
    const low0 = Math.imul(0xd2511f53, c0) >>> 0
    const high1 = highMultiply(0xcd9e8d57, c2)
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0]
}

/** FNV-1a over UTF-16 units: turns a name into a word of the key. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** A stream of random numbers for one (seed, name, index). */
export class Random {
  readonly #key: readonly [number, number]
  readonly #index: number
  #block = 0
  #buffer: number[] = []

  constructor(seed = 0, name = "", index = 0) {
    this.#key = [seed >>> 0, hashName(name)]
    this.#index = index
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    if (this.#buffer.length === 0) {
      const counter = [
        this.#block >>> 0,
        Math.floor(this.#block / 2 ** 32),
        this.#index >>> 0,
        Math.floor(this.#index / 2 ** 32),
      ]
      this.#buffer = philox4x32(counter, this.#key)
      this.#block++
    }
    return this.#buffer.shift()!
  }

  /** A double in [0, 1) with 53 random bits. */
  float(): number {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992
  }

  /** An integer in [0, bound), without bias. */
  integer(bound: number): number {
    if (!(bound > 0 && bound <= 2 ** 32)) throw new RangeError(`bound must be in 1..2^32, got ${bound}`)
    const limit = Math.floor(2 ** 32 / bound) * bound
    let draw = this.uint32()
    while (draw >= limit) draw = this.uint32()
    return draw % bound
  }

  /** A standard normal number (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.float())) * Math.cos(2 * Math.PI * this.float())
  }

  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const result = [...items]
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      ;[result[i], result[j]] = [result[j]!, result[i]!]
    }
    return result
  }
}
