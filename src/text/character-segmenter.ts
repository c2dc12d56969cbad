import type { Segmenter } from "./piece-analyzer.js"
import { maxTokenLength } from "./standard-tokenizer.js"

/**
 * Maximal runs of code points that satisfy a condition, cut at 255 UTF-16 units (256 where the last is a pair),
 * as Lucene's CharTokenizer.
 */
export class CharacterSegmenter implements Segmenter {
  offsets = new Uint32Array(1024)
  readonly #inside: (codePoint: number) => boolean

  constructor(inside: (codePoint: number) => boolean) {
    this.#inside = inside
  }

  segment(text: string): number {
    const length = text.length
    if (this.offsets.length < length + 4) this.offsets = new Uint32Array(Math.max(length + 4, this.offsets.length * 2))
    const offsets = this.offsets
    let written = 0
    let start = -1
    for (let at = 0; at < length; ) {
      const code = text.codePointAt(at)!
      const end = at + (code > 0xffff ? 2 : 1)
      if (this.#inside(code)) {
        if (start < 0) start = at
        if (end - start >= maxTokenLength) {
          offsets[written++] = start
          offsets[written++] = end
          start = -1
        }
      } else if (start >= 0) {
        offsets[written++] = start
        offsets[written++] = at
        start = -1
      }
      at = end
    }
    if (start >= 0) {
      offsets[written++] = start
      offsets[written++] = length
    }
    return written / 2
  }
}

/** White space as Java's Character.isWhitespace: the spaces that do not forbid a line break, and control characters. */
export function isJavaWhitespace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f)
  if (code < 0x1680) return false
  return (
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a && code !== 0x2007) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x205f ||
    code === 0x3000
  )
}

/** Letters as Java's Character.isLetter, by the Unicode version of the running JavaScript engine. */
export function isLetter(code: number): boolean {
  if (code < 0x80) return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a)
  return /\p{L}/u.test(String.fromCodePoint(code))
}
