import { setImmediate } from "node:timers/promises"
import { RankineError, throwIfAborted } from "../core/errors.js"
import type { TextPair } from "./pair-scorer.js"
import { cutPassages, type PassageOptions, type Span } from "./passages.js"
import type { TokenizedPair, Tokenizer } from "./tokenizer.js"

/** A row of tokens for each pair, or one for each window of a pair whose document is long. */
export interface TokenizedPairs {
  readonly rows: readonly TokenizedPair[]
  /** For each row the position of its pair. */
  readonly owners: readonly number[]
  /** For each row the window of the document; `undefined` where the row holds all of it, or its beginning. */
  readonly spans: readonly (Span | undefined)[]
  /** Tokens of each pair, all its rows together, special ones included. */
  readonly lengths: readonly number[]
  /** Positions of the pairs that were cut. */
  readonly truncated: readonly number[]
}

/** Tokenizing gives the event loop a turn this often, in milliseconds. */
const TURN = 8

/** With less room than this beside the query a document is cut instead of being read in many tiny windows. */
const LEAST_WINDOW = 8

/**
 * Tokenizes pairs on this thread without holding it for long. Documents that do not fit are cut, or with `passages` read in windows.
 *
 * @param first the number of the first pair, for messages
 * @throws RankineError `argument` for what is no text, `aborted` once the signal has fired
 */
export async function tokenizePairs(
  tokenizer: Tokenizer,
  pairs: readonly TextPair[],
  first: number,
  maxLength: number,
  passages: PassageOptions | undefined,
  signal?: AbortSignal,
): Promise<TokenizedPairs> {
  throwIfAborted(signal)
  const reader = new PairReader(tokenizer, maxLength, passages)
  const rows: TokenizedPair[] = []
  const owners: number[] = []
  const spans: (Span | undefined)[] = []
  const lengths: number[] = []
  const truncated: number[] = []
  let turn = performance.now()
  for (const [index, { query, document }] of pairs.entries()) {
    for (const [side, text] of Object.entries({ query, document }))
      if (typeof text !== "string")
        throw new RankineError(
          "argument",
          `the ${side} of pair ${first + index} is no text but ${typeof text}: give strings`,
        )
    const read = reader.read(query, document)
    let length = 0
    for (const { row, span } of read) {
      rows.push(row)
      owners.push(index)
      spans.push(span)
      length += row.ids.length
    }
    lengths.push(length)
    if (read.some(({ row }) => row.truncated)) truncated.push(index)
    if (performance.now() - turn > TURN) {
      await setImmediate()
      throwIfAborted(signal)
      turn = performance.now()
    }
  }
  return { rows, owners, spans, lengths, truncated }
}

interface Window {
  readonly row: TokenizedPair
  readonly span: Span | undefined
}

class PairReader {
  /** Tokens of a pair without its document, by query. */
  readonly #overheads = new Map<string, number>()
  readonly #counts = new Map<string, number>()

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly maxLength: number,
    private readonly passages: PassageOptions | undefined,
  ) {}

  read(query: string, document: string): Window[] {
    const cut = (text: string, maxLength: number) => this.tokenizer.encodePair(query, text, { maxLength })
    if (!this.passages) return [{ row: cut(document, this.maxLength), span: undefined }]
    const overhead = this.#overhead(query)
    const room = Math.min(this.passages.maxTokens ?? Number.POSITIVE_INFINITY, this.maxLength - overhead)
    const limit = overhead + room
    const whole = cut(document, limit)
    if (!whole.truncated) return [{ row: whole, span: undefined }]
    // A window may have more tokens than its pieces have one by one; then all are made a little smaller.
    let windows: Window[] = []
    for (let size = room; size >= LEAST_WINDOW; size = Math.floor(size * 0.9)) {
      const overlap = Math.min(this.passages.overlap ?? Math.floor(size / 8), size - 1)
      windows = cutPassages(document, size, overlap, (piece) => this.#count(piece)).map((span) => ({
        row: cut(document.slice(...span), limit),
        span,
      }))
      if (!windows.some(({ row }) => row.truncated)) break
    }
    return windows.length > 0 ? windows : [{ row: cut(document, this.maxLength), span: undefined }]
  }

  #overhead(query: string): number {
    let overhead = this.#overheads.get(query)
    if (overhead === undefined) {
      overhead = this.tokenizer.encodePair(query, "", { maxLength: this.maxLength }).ids.length
      this.#overheads.set(query, overhead)
    }
    return overhead
  }

  #count(piece: string): number {
    let count = this.#counts.get(piece)
    if (count === undefined) {
      count = this.tokenizer.encode(piece, { special: false }).ids.length
      this.#counts.set(piece, count)
    }
    return count
  }
}
