/** Cuts long texts into overlapping windows of tokens, so that each part of a long document is read. @module */

export interface PassageOptions {
  /** Most tokens of a window. Default: what fits beside the query. */
  readonly maxTokens?: number
  /** Tokens that a window shares with the one before it. Default: an eighth of `maxTokens`. */
  readonly overlap?: number
}

/** A part of a text, as UTF-16 offsets [start, end). */
export type Span = readonly [start: number, end: number]

/**
 * A word with the space before it, or one character of a script that writes no spaces. Longer stretches without space are cut, so that
 * each piece fits into a window.
 */
const unspaced = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"]
  .map((script) => `\\p{Script=${script}}`)
  .join("")
const PIECE = new RegExp(`\\s*(?:[${unspaced}]|[^\\s${unspaced}]{1,32})`, "gu")

/**
 * Windows over a text: each at most `maxTokens` long by `count`, none of the text left out, each but the last as long as it can be.
 * A window begins with the last pieces of the one before it, as many as `overlap` tokens hold.
 *
 * @param count tokens of a piece of text
 */
export function cutPassages(
  text: string,
  maxTokens: number,
  overlap: number,
  count: (piece: string) => number,
): Span[] {
  const pieces = [...text.matchAll(PIECE)].map(([piece]) => piece)
  const ends: number[] = []
  for (const piece of pieces) ends.push((ends.at(-1) ?? 0) + piece.length)
  const tokens = pieces.map(count)
  const spans: Span[] = []
  let from = 0
  while (from < pieces.length) {
    let to = from
    let sum = 0
    while (to < pieces.length && (to === from || sum + tokens[to] <= maxTokens)) sum += tokens[to++]
    const first = ends[from] - pieces[from].trimStart().length
    spans.push([first, ends[to - 1]])
    if (to === pieces.length) break
    let shared = 0
    let back = to
    // Always past the window's own beginning: else it would come again.
    while (back - 1 > from && shared + tokens[back - 1] <= overlap) shared += tokens[--back]
    from = back
  }
  return spans
}
