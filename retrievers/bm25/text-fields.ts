/** Reads documents into a segment: one pass over their texts. @module */
import type { Document } from "../../src/core/document.js"
import type { Analyzer } from "../../src/text/analyzer.js"
import { ForwardField } from "../inverted/forward-field.js"
import { TF_ASIDE } from "../inverted/segment.js"
import { SegmentBuilder } from "../inverted/segment-builder.js"
import { grow, TermTable } from "../inverted/term-table.js"

/**
 * The texts of a field: `title`, `text`, or one of `Document.fields`; title and text for the single field of an index without named ones.
 * They are read one after the other: joining them would copy every text, and the space between them breaks words anyway.
 */
function fieldTexts(document: Document, field: string | undefined): string[] {
  if (field === undefined) return document.title ? [document.title, document.text] : [document.text]
  if (field === "title") return [document.title ?? ""]
  if (field === "text") return [document.text]
  return [document.fields?.[field] ?? ""]
}

/** The terms of texts. */
class TextField extends ForwardField {
  /** What each piece of text becomes: a term's number + 1, or 0 for a piece that is dropped. */
  readonly #pieces = new TermTable()
  private pieceTerms = new Uint32Array(1024)
  /** Per term: the last document that held it, + 1, and where its pair lies. */
  private seen = new Uint32Array(1024)
  private place = new Uint32Array(1024)

  add(document: number, texts: readonly string[], analyzer: Analyzer): void {
    let length = 0
    for (const text of texts) length += this.#read(document, text, analyzer)
    this.close(document, length)
  }

  /** Adds the terms of a text to its document, and returns how many there are. */
  #read(document: number, text: string, analyzer: Analyzer): number {
    const count = analyzer.segment(text)
    const offsets = analyzer.offsets
    this.reserve(count)
    let length = 0
    let pairs = this.pairCount
    const pieces = this.#pieces
    const { pairTerms, pairFrequencies } = this
    let { pieceTerms, seen, place } = this
    const mark = document + 1
    for (let i = 0; i < count; i++) {
      const start = offsets[2 * i]!
      const end = offsets[2 * i + 1]!
      let piece = pieces.find(text, start, end)
      if (piece < 0) {
        piece = this.#newPiece(text, start, end, analyzer)
        ;({ pieceTerms, seen, place } = this)
      }
      const term = pieceTerms[piece]! - 1
      if (term < 0) continue
      length++
      if (seen[term] !== mark) {
        seen[term] = mark
        place[term] = pairs
        pairTerms[pairs] = term
        pairFrequencies[pairs++] = 1
        continue
      }
      const pair = place[term]!
      if (pairFrequencies[pair]! < TF_ASIDE - 1) pairFrequencies[pair]!++
      else {
        pairFrequencies[pair] = TF_ASIDE
        this.aside.set(pair, (this.aside.get(pair) ?? TF_ASIDE - 1) + 1)
      }
    }
    this.pairCount = pairs
    return length
  }

  #newPiece(text: string, start: number, end: number, analyzer: Analyzer): number {
    const piece = this.#pieces.add(text, start, end)
    const term = analyzer.normalize(text.slice(start, end))
    if (piece >= this.pieceTerms.length) this.pieceTerms = grow(this.pieceTerms, piece + 1)
    this.pieceTerms[piece] = term === undefined ? 0 : this.terms.number(term) + 1
    if (this.terms.size > this.seen.length) {
      this.seen = grow(this.seen, this.terms.size)
      this.place = grow(this.place, this.terms.size)
    }
    return piece
  }
}

export class TextSegmentBuilder extends SegmentBuilder<TextField> {
  readonly #analyzer: Analyzer
  readonly #fieldNames: readonly (string | undefined)[]

  constructor(analyzer: Analyzer, fieldNames: readonly (string | undefined)[], storeDocuments: boolean) {
    super(
      fieldNames.map(() => new TextField()),
      storeDocuments,
    )
    this.#analyzer = analyzer
    this.#fieldNames = fieldNames
  }

  /** Throws `data` for a document without a usable id or text; nothing of it is kept then. `position` is its place in the collection. */
  add(document: Document, position: number): void {
    const number = this.take(document, position)
    this.fields.forEach((field, index) => {
      field.add(number, fieldTexts(document, this.#fieldNames[index]), this.#analyzer)
    })
  }
}
