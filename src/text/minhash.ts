/** Near-duplicates among many texts: short signatures whose agreement estimates Jaccard's coefficient. @module */
import { RankineError } from "../core/errors.js"

/** Terms per shingle (3) and numbers per signature (128: standard error at most 0.045). */
export interface MinHashOptions {
  readonly shingle?: number
  readonly size?: number
}

/** Murmur3's finaliser: every bit of the input moves every bit of the output. */
function scramble(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/**
 * The MinHash signature of a list of terms (Broder, 1997): for each of `size` hash functions the least value over
 * all shingles. The same terms give the same signature everywhere; a list without terms gives all 0xffffffff.
 *
 * @throws RankineError `argument` for a shingle or size that is no whole number of at least 1
 */
export function minHash(terms: readonly string[], options: MinHashOptions = {}): Uint32Array {
  const { shingle = 3, size = 128 } = options
  for (const [name, value] of Object.entries({ shingle, size }))
    if (!Number.isInteger(value) || value < 1)
      throw new RankineError("argument", `the ${name} of minHash must be a whole number of at least 1, got ${value}`)
  const signature = new Uint32Array(size).fill(0xffffffff)
  for (let start = 0; start < terms.length && (start === 0 || start + shingle <= terms.length); start++) {
    // FNV-1a over UTF-16 units; the unit 0xffff, which is no character, closes each term.
    let hash = 0x811c9dc5
    for (const term of terms.slice(start, start + shingle)) {
      for (let index = 0; index < term.length; index++) hash = Math.imul(hash ^ term.charCodeAt(index), 0x01000193)
      hash = Math.imul(hash ^ 0xffff, 0x01000193)
    }
    for (let index = 0; index < size; index++) {
      const value = scramble(hash ^ scramble(Math.imul(index + 1, 0x9e3779b9)))
      if (value < signature[index]) signature[index] = value
    }
  }
  return signature
}

/**
 * The share of places at which two signatures agree: an estimate of `jaccard` over the same shingles.
 *
 * @throws RankineError `argument` for signatures of different sizes
 */
export function minHashSimilarity(left: Uint32Array, right: Uint32Array): number {
  if (left.length !== right.length)
    throw new RankineError(
      "argument",
      `signatures of ${left.length} and ${right.length} numbers cannot be compared: make both with the same size`,
    )
  let same = 0
  for (let index = 0; index < left.length; index++) if (left[index] === right[index]) same++
  return same / left.length
}
