/** Passages of a text around the terms of a query. @module */
import { RankineError } from "../core/errors.js"
import type { Analyzer } from "./analyzer.js"

/** How long a snippet may be, in UTF-16 units without the marks (200), and what is put around each match (nothing). */
export interface SnippetOptions {
  readonly length?: number
  readonly before?: string
  readonly after?: string
}

/** A passage. All places are UTF-16 offsets into the text that it was taken from. */
export interface Snippet {
  /** The passage with `before` and `after` around each match. */
  readonly text: string
  /** The matches, in order, none overlapping another. */
  readonly spans: readonly (readonly [start: number, end: number])[]
  readonly start: number
  readonly end: number
}

interface Match {
  readonly term: string
  readonly start: number
  readonly end: number
}

/**
 * The passage of `text` that shows most of `terms`, with the matches marked.
 *
 * The passage with most different terms wins, then the one with most matches, then the first; without any match it is
 * the beginning of the text. It starts and ends at white space where that costs at most a quarter of its length, cuts
 * no surrogate pair, and cuts a match only if that alone is longer than `length`.
 *
 * @param terms terms as `analyzer` makes them: `new Set(analyzer.terms(query))`
 * @throws RankineError `argument` for a length that is no whole number of at least 2
 */
export function snippet(
  text: string,
  terms: ReadonlySet<string>,
  analyzer: Analyzer,
  options: SnippetOptions = {},
): Snippet {
  const { length = 200, before = "", after = "" } = options
  if (!Number.isInteger(length) || length < 2)
    throw new RankineError("argument", `the length of a snippet must be a whole number of at least 2, got ${length}`)
  const matches = analyzer.tokens(text).filter(({ term }) => terms.has(term))
  const [start, end] = widen(text, bestWindow(matches, length), length)
  const spans = joinOverlapping(matches, start, end)
  let marked = ""
  let at = start
  for (const [from, to] of spans) {
    marked += text.slice(at, from) + before + text.slice(from, to) + after
    at = to
  }
  return { text: marked + text.slice(at, end), spans, start, end }
}

/** From the first to the last match of the best window of at most `length` units; where there is no match, [0, 0]. */
function bestWindow(matches: readonly Match[], length: number): [number, number] {
  const inside = new Map<string, number>()
  let best: [number, number] = [0, 0]
  let bestDistinct = 0
  let bestCount = 0
  let first = 0
  for (let last = 0; last < matches.length; last++) {
    const { term, end } = matches[last]
    inside.set(term, (inside.get(term) ?? 0) + 1)
    while (first < last && end - matches[first].start > length) {
      const gone = matches[first++].term
      const left = inside.get(gone)! - 1
      if (left === 0) inside.delete(gone)
      else inside.set(gone, left)
    }
    const count = last - first + 1
    if (inside.size > bestDistinct || (inside.size === bestDistinct && count > bestCount)) {
      bestDistinct = inside.size
      bestCount = count
      best = [matches[first].start, end]
    }
  }
  return best
}

/** Widens a window to `length` units, as much on both sides as the text allows, and moves its ends to word borders. */
function widen(text: string, [from, to]: [number, number], length: number): [number, number] {
  const room = Math.max(0, length - (to - from))
  let start = Math.max(0, Math.min(from - (room >> 1), text.length - length))
  let end = Math.min(text.length, start + length)
  const slack = length >> 2
  if (start > 0 && !isSpace(text, start - 1)) {
    let border = start
    while (border < from && border - start <= slack && !isSpace(text, border)) border++
    if (isSpace(text, border) || border === from) start = border
  }
  if (end < text.length && !isSpace(text, end)) {
    let border = end
    while (border > to && end - border <= slack && !isSpace(text, border - 1)) border--
    if ((border > start && isSpace(text, border - 1)) || (border === to && to > from)) end = border
  }
  if (splitsPair(text, start)) start++
  if (splitsPair(text, end)) end--
  while (start < end && isSpace(text, start)) start++
  while (end > start && isSpace(text, end - 1)) end--
  return [start, end]
}

function isSpace(text: string, index: number): boolean {
  return index < text.length && /\s/.test(text[index])
}

function splitsPair(text: string, index: number): boolean {
  if (index <= 0 || index >= text.length) return false
  return (text.charCodeAt(index - 1) & 0xfc00) === 0xd800 && (text.charCodeAt(index) & 0xfc00) === 0xdc00
}

/** The matches within the passage; overlapping ones (bigrams) become one, others stay apart even where they touch. */
function joinOverlapping(matches: readonly Match[], start: number, end: number): [number, number][] {
  const spans: [number, number][] = []
  for (const match of matches) {
    const from = Math.max(match.start, start)
    const to = Math.min(match.end, end)
    if (from >= to) continue
    const last = spans.at(-1)
    if (last && from < last[1]) last[1] = Math.max(last[1], to)
    else spans.push([from, to])
  }
  return spans
}
