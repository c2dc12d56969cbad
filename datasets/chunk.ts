/** Documents cut into chunks along their headings, within a budget of tokens. @module */
import type { Document } from "../src/core/document.js"
import { RankineError } from "../src/core/errors.js"
import { type Block, markdownBlocks, paragraphBlocks } from "./markdown.js"

export interface ChunkOptions {
  /** Tokens of a chunk's text at most, overlap included, title not; 400 by default. */
  readonly maxTokens?: number
  /** Tokens repeated from the chunk before, at most, within one section; 40 by default. */
  readonly overlap?: number
  /** Counts tokens, of a model's tokenizer for instance; by default `countWords`. */
  readonly countTokens?: (text: string) => number
  /** `text` has no headings and no fences, only paragraphs; `markdown` by default. */
  readonly format?: "markdown" | "text"
}

/** What a chunk's `metadata` carries besides that of its document: offsets are UTF-16 units of the document's text. */
export interface ChunkMetadata {
  /** The chunk's text is `text.slice(start, end)` of its document. */
  readonly start: number
  readonly end: number
  /** Units at the chunk's start that repeat the chunk before. */
  readonly overlap: number
}

const WORD = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|[\p{L}\p{M}\p{N}_]+|[^\s\p{L}\p{M}\p{N}_]/gu

/** Words, single characters where a script writes no spaces, and punctuation marks: near what model tokenizers count. */
export function countWords(text: string): number {
  let count = 0
  WORD.lastIndex = 0
  while (WORD.test(text)) count++
  return count
}

/**
 * Cuts a document into chunks `id#0`, `id#1`, … whose texts, overlaps left out, joined give the document's text again.
 * Every heading begins a chunk; a longer section breaks between paragraphs, then between sentences or lines, then words.
 * A code fence is broken only when it exceeds the budget alone. The title is the path of headings: `Guide > Install`.
 * A single character may exceed a budget that a tokenizer makes too small for it. Throws `argument` for a
 * budget below 1 or an overlap that is not smaller than the budget.
 */
export function chunk(document: Document, options: ChunkOptions = {}): Document[] {
  const { maxTokens = 400, overlap = 40, countTokens = countWords, format = "markdown" } = options
  if (!Number.isInteger(maxTokens) || maxTokens < 1)
    throw new RankineError("argument", `maxTokens must be a whole number of at least 1, got ${maxTokens}`)
  if (!Number.isInteger(overlap) || overlap < 0 || overlap >= maxTokens)
    throw new RankineError("argument", `overlap must be a whole number from 0 to maxTokens - 1, got ${overlap}`)
  const cutter = new Cutter(document.text, maxTokens, overlap, countTokens)
  const blocks = format === "markdown" ? markdownBlocks(document.text) : paragraphBlocks(document.text)
  return cutter.cut(blocks).map((piece, index) => ({
    id: `${document.id}#${index}`,
    ...titled(document.title, piece.path),
    text: document.text.slice(piece.from, piece.end),
    parentId: document.id,
    ...(document.fields ? { fields: document.fields } : {}),
    metadata: { ...document.metadata, start: piece.from, end: piece.end, overlap: piece.start - piece.from },
  }))
}

/** `from` includes the overlap, `start` does not. */
interface Piece {
  readonly from: number
  readonly start: number
  readonly end: number
  readonly path: readonly string[]
}

function titled(title: string | undefined, path: readonly string[]): { title?: string } {
  const parts = title !== undefined && title !== path[0] ? [title, ...path] : path
  const joined = parts.filter((part) => part !== "").join(" > ")
  return joined === "" ? {} : { title: joined }
}

class Cutter {
  readonly #pieces: Piece[] = []

  constructor(
    readonly text: string,
    readonly maxTokens: number,
    readonly overlap: number,
    readonly count: (text: string) => number,
  ) {}

  cut(blocks: readonly Block[]): Piece[] {
    if (blocks.length === 0) return [{ from: 0, start: 0, end: 0, path: [] }]
    for (const section of sections(blocks)) this.#cutSection(section)
    return this.#pieces
  }

  #fits(from: number, end: number): boolean {
    return this.count(this.text.slice(from, end)) <= this.maxTokens
  }

  #cutSection(blocks: readonly Block[]): void {
    const path = blocks.findLast((block) => block.kind === "heading")?.path ?? blocks[0]!.path
    const sectionStart = blocks[0]!.start
    let start = sectionStart
    let from = start
    let end = start
    let body = false
    const close = (): void => {
      if (end === start) return
      this.#pieces.push({ from, start, end, path })
      start = end
      from = this.#overlapStart(sectionStart, end, blocks)
      body = false
    }
    for (const block of blocks) {
      if (!this.#fits(from, block.end)) {
        // A block that fits alone waits for the next chunk, unless prose would leave a bare heading behind.
        if ((body || block.kind === "fence") && this.#fits(block.start, block.end)) {
          close()
          if (!this.#fits(from, block.end)) from = start
        } else
          while (end < block.end) {
            // An open chunk is filled up with whole sentences only; words and characters part where nothing else helps.
            const levels = end > start ? (body ? 2 : 3) : from < start ? 3 : 4
            const next = this.#furthest(from, end, block, levels)
            if (next > end) end = next
            else if (end > start) {
              close()
              continue
            } else if (from < start) {
              from = start
              continue
            } else end += characterLength(this.text, end)
            if (end < block.end) close()
          }
      }
      end = block.end
      body ||= block.kind !== "heading"
    }
    close()
  }

  /**
   * The furthest break of the block after `position` up to which text from `from` fits, of the coarsest of `levels` that
   * has one; `position` when there is none.
   */
  #furthest(from: number, position: number, block: Block, levels: number): number {
    const patterns = block.kind === "fence" ? CODE_BREAKS : PROSE_BREAKS
    for (const pattern of patterns.slice(0, levels)) {
      const candidates = new Breaks(this.text, pattern, position, block.end)
      // Doubling, then halving: tokenizers are slow, and a chunk is short beside the rest of a long block.
      let low = -1
      let high = 1
      while (candidates.has(high - 1) && this.#fits(from, candidates.at(high - 1))) {
        low = high - 1
        high *= 2
      }
      high = Math.min(high - 1, candidates.known)
      while (high - low > 1) {
        const middle = (low + high) >> 1
        if (this.#fits(from, candidates.at(middle))) low = middle
        else high = middle
      }
      if (low >= 0) return candidates.at(low)
    }
    return position
  }

  /** Where the repetition before `end` begins: at a word of the same section, after the last code fence. */
  #overlapStart(sectionStart: number, end: number, blocks: readonly Block[]): number {
    if (this.overlap === 0) return end
    let floor = sectionStart
    for (const block of blocks) {
      if (block.start >= end) break
      if (block.kind === "fence") floor = Math.min(end, block.end)
    }
    // A long run without spaces is not searched through to its start.
    floor = Math.max(floor, end - this.overlap * MAX_WORD)
    let start = end
    for (let at = end - 1; at >= floor; at--) {
      if (!isWordStart(this.text, at)) continue
      if (this.count(this.text.slice(at, end)) > this.overlap) break
      start = at
    }
    return start
  }
}

/** A section is a heading, the headings right below it, and what stands under the last of them. */
function sections(blocks: readonly Block[]): Block[][] {
  const result: Block[][] = []
  let current: Block[] | undefined
  for (const block of blocks) {
    const onlyHeadings = current?.every((each) => each.kind === "heading")
    if (!current || (block.kind === "heading" && !onlyHeadings)) result.push((current = []))
    current.push(block)
  }
  return result
}

const SENTENCE = /(?:[.!?…]["')\]]*\s+|[。！？]\s*|\n)/gu
const LINE = /\n/gu
const SPACE = /\s+/gu
const CHARACTER = /[\s\S]/gu
const PROSE_BREAKS = [SENTENCE, LINE, SPACE, CHARACTER]
const CODE_BREAKS = [LINE, LINE, SPACE, CHARACTER]
const MAX_WORD = 64
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/u

/** Ends of the pieces that a pattern closes, found as they are asked for; the last one is the end of the range. */
class Breaks {
  readonly #found: number[] = []
  readonly #matches: Iterator<RegExpExecArray, unknown>
  #done = false

  constructor(
    text: string,
    pattern: RegExp,
    readonly position: number,
    readonly end: number,
  ) {
    this.#matches = text.slice(position, end).matchAll(pattern)
  }

  get known(): number {
    return this.#found.length
  }

  has(index: number): boolean {
    while (!this.#done && this.#found.length <= index) {
      const match = this.#matches.next()
      const at = match.done ? this.end : this.position + match.value.index + match.value[0].length
      this.#done = at >= this.end
      this.#found.push(at)
    }
    return index < this.#found.length
  }

  at(index: number): number {
    return this.#found[index]!
  }
}

function isWordStart(text: string, at: number): boolean {
  const character = text[at]!
  if (/\s/.test(character)) return false
  return at === 0 || /\s/.test(text[at - 1]!) || UNSPACED.test(character)
}

function characterLength(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1
}
