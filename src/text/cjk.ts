/** Bigrams for Chinese, Japanese and Korean, as Lucene's CJKAnalyzer. @module */
import { lowerCase } from "./lower-case.js"
import type { Segmenter } from "./piece-analyzer.js"
import { StandardTokenizer } from "./standard-tokenizer.js"
import { tokenKinds } from "./unicode/token-grammar.js"

/** What follows a full-width or half-width Katakana sign and may merge with it: half-width voicing marks. */
const voicingMark = /[\uff9e\uff9f]/
const merging = /[\u30a6-\u30fd\uff66-\uff9d][\uff9e\uff9f]/g

/** Full-width ASCII and half-width Katakana in their usual width; a voicing mark joins the sign before it where it can. */
export function foldWidth(text: string): string {
  if (!/[\uff01-\uff9f]/.test(text)) return text
  return text
    .replace(/[\uff01-\uff5e]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - 0xfee0))
    .replace(merging, (pair) => pair.normalize("NFKC"))
    .replace(/[\uff65-\uff9f]/g, (sign) => sign.normalize("NFKC"))
}

/** From piece to term: width, lower case, stop words. */
export function normalizeCjk(stopWords: ReadonlySet<string>): (piece: string) => string | undefined {
  return (piece) => {
    const term = lowerCase(foldWidth(piece))
    return stopWords.has(term) ? undefined : term
  }
}

const { ideograph, hiragana, katakana, hangul } = tokenKinds

/**
 * Overlapping pairs of signs in each run of Han, Hiragana, Katakana and Hangul, across script borders within the run;
 * a run of one sign stays single. Other words come whole. Offsets are those of the signs themselves, also where Lucene
 * gives the whole word's because folding changed its length.
 */
export class CjkSegmenter implements Segmenter {
  offsets = new Uint32Array(1024)
  readonly #tokenizer = new StandardTokenizer()
  #written = 0

  segment(text: string): number {
    // A sign starts at most one pair, and a run of one sign is one piece.
    if (this.offsets.length < 2 * text.length) this.offsets = new Uint32Array(4 * text.length)
    this.#written = 0
    let lastStart = -1
    let lastEnd = -1
    let single = false
    for (let at = 0; at < text.length; ) {
      const found = this.#tokenizer.next(text, at)
      const start = at
      const { kind, end } = this.#tokenizer
      at = end
      if (!found) continue
      const isSigns = kind === ideograph || kind === hiragana || kind === katakana || kind === hangul
      if (single && (!isSigns || start !== lastEnd)) this.#write(lastStart, lastEnd)
      if (!isSigns) {
        single = false
        this.#write(start, end)
        continue
      }
      if (start !== lastEnd) lastStart = -1
      for (let sign = start; sign < end; ) {
        const after = signEnd(text, sign)
        single = lastStart < 0
        if (!single) this.#write(lastStart, after)
        lastStart = sign
        lastEnd = sign = after
      }
    }
    if (single) this.#write(lastStart, lastEnd)
    return this.#written / 2
  }

  #write(start: number, end: number): void {
    this.offsets[this.#written++] = start
    this.offsets[this.#written++] = end
  }
}

/** Where the sign at `start` ends, counting a voicing mark that folding merges into it. */
function signEnd(text: string, start: number): number {
  const end = start + (text.codePointAt(start)! > 0xffff ? 2 : 1)
  if (end < text.length && voicingMark.test(text[end]) && foldWidth(text.slice(start, end + 1)).length === 1)
    return end + 1
  return end
}
