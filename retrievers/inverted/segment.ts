/** An immutable part of an index: postings sorted by term, and the documents they come from. @module */

import type { DocumentRows } from "../storage/document-rows.js"
import type { IdTable } from "../storage/id-table.js"
import type { Arena } from "./kernel.js"
import type { TermTable } from "./term-table.js"

/** Documents of one segment; a posting keeps the document's number in 24 bits. */
export const MAX_SEGMENT_DOCUMENTS = 2 ** 24 - 1
/** Term frequencies from here on are kept aside: a posting has eight bits for them. */
export const TF_ASIDE = 255

/** The postings of one field. A posting is document << 8 | min(tf, 255). */
export interface FieldPostings {
  readonly terms: TermTable
  /** Where each term's postings begin, counted in postings from `address`; one more entry than terms. */
  readonly starts: Uint32Array
  /** Byte address of the field's first posting in the arena. */
  readonly address: number
  /** Number of terms of each document, repetitions counted. */
  readonly lengths: Uint32Array
  /** Frequencies of 255 and more, by asideKey. */
  readonly aside: ReadonlyMap<number, number>
}

/** One document's place among the frequencies kept aside. */
export function asideKey(term: number, document: number): number {
  return term * 2 ** 24 + document
}

/** Where a segment lies on disk. Segments never change, so files are written once. */
export interface SegmentFiles {
  readonly directory: string
  readonly postings: string
  readonly documents: string | undefined
}

/** Totals over the living documents of one field. */
export interface FieldTotals {
  /** Documents with at least one term. */
  documents: number
  /** Sum of the lengths. */
  terms: number
}

export class Segment {
  readonly ids: IdTable
  readonly fields: readonly FieldPostings[]
  readonly arena: Arena
  readonly documents: DocumentRows | undefined
  /** One bit per document, set for those that were deleted. */
  readonly deleted: Uint8Array
  readonly totals: FieldTotals[]
  /** Rises whenever what was derived from the statistics (impacts, rows) is thrown away. */
  epoch = 0
  /** The files that hold the segment, once it was saved or loaded. */
  files: SegmentFiles | undefined
  #deletedCount = 0
  readonly #derivedFrom: number

  constructor(parts: {
    ids: IdTable
    fields: readonly FieldPostings[]
    arena: Arena
    documents: DocumentRows | undefined
    deleted?: Uint8Array
  }) {
    this.ids = parts.ids
    this.fields = parts.fields
    this.arena = parts.arena
    this.documents = parts.documents
    this.deleted = parts.deleted ?? new Uint8Array(Math.ceil(parts.ids.size / 8))
    this.totals = parts.fields.map(() => ({ documents: 0, terms: 0 }))
    this.#derivedFrom = this.arena.used
    for (let document = 0; document < this.size; document++) {
      if (this.isDeleted(document)) this.#deletedCount++
      else this.#count(document, 1)
    }
  }

  /** Documents, the deleted ones included. */
  get size(): number {
    return this.ids.size
  }

  get deletedCount(): number {
    return this.#deletedCount
  }

  get livingCount(): number {
    return this.size - this.#deletedCount
  }

  get postingCount(): number {
    return this.fields.reduce((sum, field) => sum + field.starts[field.starts.length - 1]!, 0)
  }

  isDeleted(document: number): boolean {
    return ((this.deleted[document >> 3]! >> (document & 7)) & 1) !== 0
  }

  /** Marks a document as deleted; false where it was already. */
  delete(document: number): boolean {
    if (this.isDeleted(document)) return false
    this.deleted[document >> 3]! |= 1 << (document & 7)
    this.#deletedCount++
    this.#count(document, -1)
    return true
  }

  /** The postings of a term as a view; valid until the arena grows. */
  postings(field: number, term: number): Uint32Array {
    const { starts, address } = this.fields[field]!
    const first = address / 4
    return this.arena.u32.subarray(first + starts[term]!, first + starts[term + 1]!)
  }

  /** The posting of a document, undefined where it does not hold the term. */
  posting(field: number, term: number, document: number): number | undefined {
    const postings = this.postings(field, term)
    let low = 0
    let high = postings.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (postings[middle]! >>> 8 < document) low = middle + 1
      else high = middle
    }
    const posting = postings[low]
    return posting !== undefined && posting >>> 8 === document ? posting : undefined
  }

  /** The frequency behind a posting. */
  frequency(field: number, term: number, posting: number): number {
    const tf = posting & 255
    if (tf < TF_ASIDE) return tf
    return this.fields[field]!.aside.get(asideKey(term, posting >>> 8)) ?? tf
  }

  /** How many living documents hold a term. */
  documentFrequency(field: number, term: number): number {
    const { starts } = this.fields[field]!
    const all = starts[term + 1]! - starts[term]!
    if (this.#deletedCount === 0) return all
    let living = 0
    for (const posting of this.postings(field, term)) if (!this.isDeleted(posting >>> 8)) living++
    return living
  }

  /** Throws away what was derived from statistics that no longer hold. */
  forgetDerived(): void {
    this.epoch++
    this.arena.rewind(this.#derivedFrom)
  }

  #count(document: number, sign: 1 | -1): void {
    this.fields.forEach((field, index) => {
      const length = field.lengths[document]!
      if (length === 0) return
      this.totals[index]!.documents += sign
      this.totals[index]!.terms += sign * length
    })
  }
}
