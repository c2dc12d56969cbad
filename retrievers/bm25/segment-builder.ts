/** Turns documents into a segment: one pass over the texts, one counting sort. @module */
import type { Document } from "../../src/core/document.js"
import { RankineError } from "../../src/core/errors.js"
import { compareIds } from "../../src/core/ranking.js"
import type { Analyzer } from "../../src/text/analyzer.js"
import { IdTable } from "./id-table.js"
import { Arena } from "./kernel.js"
import { asideKey, type FieldPostings, MAX_SEGMENT_DOCUMENTS, Segment, TF_ASIDE } from "./segment.js"
import { SegmentDocuments } from "./segment-documents.js"
import { grow, TermTable } from "./term-table.js"

/** Postings of one segment: with their impacts they stay far below the 4 GiB that a segment's memory can span. */
const MAX_SEGMENT_POSTINGS = 2 ** 27

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

/** Terms of one field in order of documents: (term, frequency) pairs, one behind the other. */
class ForwardField {
  readonly terms = new TermTable()
  /** What each piece of text becomes: a term's number + 1, or 0 for a piece that is dropped. */
  readonly #pieces = new TermTable()
  private pieceTerms = new Uint32Array(1024)
  /** Per term: the last document that held it, + 1, and where its pair lies. */
  private seen = new Uint32Array(1024)
  private place = new Uint32Array(1024)
  pairTerms = new Uint32Array(4096)
  pairFrequencies = new Uint8Array(4096)
  readonly aside = new Map<number, number>()
  pairCount = 0
  /** Where each document's pairs begin. */
  starts = new Uint32Array(1024)
  lengths = new Uint32Array(1024)

  add(document: number, texts: readonly string[], analyzer: Analyzer): void {
    if (document + 2 > this.starts.length) {
      this.starts = grow(this.starts, document + 2)
      this.lengths = grow(this.lengths, document + 2)
    }
    let length = 0
    for (const text of texts) length += this.#read(document, text, analyzer)
    this.lengths[document] = length
    this.starts[document + 1] = this.pairCount
  }

  /** Adds the terms of a text to its document, and returns how many there are. */
  #read(document: number, text: string, analyzer: Analyzer): number {
    const count = analyzer.segment(text)
    const offsets = analyzer.offsets
    if (this.pairCount + count > this.pairTerms.length) {
      this.pairTerms = grow(this.pairTerms, this.pairCount + count)
      this.pairFrequencies = grow(this.pairFrequencies, this.pairCount + count)
    }
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

export class SegmentBuilder {
  readonly #analyzer: Analyzer
  readonly #fieldNames: readonly (string | undefined)[]
  readonly #fields: ForwardField[]
  readonly #ids: string[] = []
  readonly #documents: Document[] | undefined
  #sorted = true

  constructor(analyzer: Analyzer, fieldNames: readonly (string | undefined)[], storeDocuments: boolean) {
    this.#analyzer = analyzer
    this.#fieldNames = fieldNames
    this.#fields = fieldNames.map(() => new ForwardField())
    this.#documents = storeDocuments ? [] : undefined
  }

  get size(): number {
    return this.#ids.length
  }

  get isFull(): boolean {
    const postings = this.#fields.reduce((sum, field) => sum + field.pairCount, 0)
    return this.size >= MAX_SEGMENT_DOCUMENTS || postings >= MAX_SEGMENT_POSTINGS
  }

  /** Throws `data` for a document without a usable id or text; nothing of it is kept then. */
  add(document: Document, position: number): void {
    const { id, text } = document
    if (typeof id !== "string" || id === "")
      throw new RankineError(
        "data",
        `document ${position + 1} has no id: give every document an id that is a non-empty string`,
      )
    if (typeof text !== "string")
      throw new RankineError("data", `document "${id}" has no text: give it a string, which may be empty`)
    if (!id.isWellFormed())
      throw new RankineError(
        "data",
        `the id of document ${position + 1} holds half of a surrogate pair: give it valid Unicode`,
      )
    const number = this.size
    if (number > 0 && this.#sorted && compareIds(this.#ids[number - 1]!, id) >= 0) this.#sorted = false
    this.#fields.forEach((field, index) => {
      field.add(number, fieldTexts(document, this.#fieldNames[index]), this.#analyzer)
    })
    this.#ids.push(id)
    this.#documents?.push(document)
  }

  /** The segment of all documents added. Throws `data` where two have the same id. */
  finish(): Segment {
    const order = this.#order()
    const ids = this.#sorted ? this.#ids : Array.from(order, (from) => this.#ids[from]!)
    for (let i = 1; i < ids.length; i++)
      if (ids[i] === ids[i - 1])
        throw new RankineError("data", `two documents have the id "${ids[i]}": ids must be unique`, {
          details: { id: ids[i] },
        })
    const postings = this.#fields.reduce((sum, field) => sum + field.pairCount, 0)
    const arena = new Arena(postings * 4 + 16 * this.#fields.length)
    const fields = this.#fields.map((field) => invert(field, order, arena))
    const stored = this.#documents
    const documents = stored && (this.#sorted ? stored : Array.from(order, (from) => stored[from]!))
    return new Segment({
      ids: IdTable.fromStrings(ids),
      fields,
      arena,
      documents: documents && SegmentDocuments.inMemory(documents),
    })
  }

  /** The arrival number of each document, in the order of ids. */
  #order(): Uint32Array {
    const order = new Uint32Array(this.size)
    for (let i = 0; i < order.length; i++) order[i] = i
    if (this.#sorted) return order
    const ids = this.#ids
    return Uint32Array.from(Array.from(order).sort((left, right) => compareIds(ids[left]!, ids[right]!)))
  }
}

function invert(field: ForwardField, order: Uint32Array, arena: Arena): FieldPostings {
  const terms = field.terms.size
  const starts = new Uint32Array(terms + 1)
  const { pairTerms, pairFrequencies, pairCount } = field
  for (let i = 0; i < pairCount; i++) starts[pairTerms[i]! + 1]!++
  for (let term = 0; term < terms; term++) starts[term + 1]! += starts[term]!
  const address = arena.allocate(pairCount * 4)
  const postings = arena.u32.subarray(address / 4, address / 4 + pairCount)
  const next = starts.slice(0, terms)
  const lengths = new Uint32Array(order.length)
  const aside = new Map<number, number>()
  for (let document = 0; document < order.length; document++) {
    const from = order[document]!
    lengths[document] = field.lengths[from]!
    const end = field.starts[from + 1]!
    for (let pair = field.starts[from]!; pair < end; pair++) {
      const term = pairTerms[pair]!
      const tf = pairFrequencies[pair]!
      if (tf === TF_ASIDE) aside.set(asideKey(term, document), field.aside.get(pair)!)
      postings[next[term]!++] = (document << 8) | tf
    }
  }
  return { terms: field.terms, starts, address, lengths, aside }
}
