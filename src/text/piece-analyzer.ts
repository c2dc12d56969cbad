import type { Analyzer, AnalyzerSpec, Token } from "./analyzer.js"
import { detach } from "./detach.js"

/** Finds the pieces of a text; `offsets` as in `Analyzer`. */
export interface Segmenter {
  segment(text: string): number
  readonly offsets: Uint32Array
}

/** An analyzer out of a segmenter and a function from piece to term. */
export class PieceAnalyzer implements Analyzer {
  readonly spec: AnalyzerSpec
  readonly normalize: (piece: string) => string | undefined
  readonly #segmenter: Segmenter

  constructor(spec: AnalyzerSpec, segmenter: Segmenter, normalize: (piece: string) => string | undefined) {
    this.spec = spec
    // Terms are what an index keeps, and must not keep the texts that they came from.
    this.normalize = (piece) => {
      const term = normalize(piece)
      return term === undefined ? undefined : detach(term)
    }
    this.#segmenter = segmenter
  }

  get offsets(): Uint32Array {
    return this.#segmenter.offsets
  }

  segment(text: string): number {
    return this.#segmenter.segment(text)
  }

  terms(text: string): string[] {
    const count = this.segment(text)
    const offsets = this.offsets
    const terms: string[] = []
    for (let index = 0; index < count; index++) {
      const term = this.normalize(text.slice(offsets[2 * index], offsets[2 * index + 1]))
      if (term !== undefined) terms.push(term)
    }
    return terms
  }

  tokens(text: string): Token[] {
    const count = this.segment(text)
    const offsets = this.offsets
    const tokens: Token[] = []
    for (let index = 0; index < count; index++) {
      const start = offsets[2 * index]
      const end = offsets[2 * index + 1]
      const term = this.normalize(text.slice(start, end))
      if (term !== undefined) tokens.push({ term, start, end })
    }
    return tokens
  }
}
