/** Turns documents into a segment. @module */
import type { Document } from "../../src/core/document.js"
import { RankineError } from "../../src/core/errors.js"
import { compareIds } from "../../src/core/ranking.js"
import { DocumentRows } from "../storage/document-rows.js"
import { IdTable } from "../storage/id-table.js"
import type { ForwardField } from "./forward-field.js"
import { Arena } from "./kernel.js"
import { MAX_SEGMENT_DOCUMENTS, Segment } from "./segment.js"

/** Postings of one segment: with their impacts they stay far below the 4 GiB that a segment's memory can span. */
const MAX_SEGMENT_POSTINGS = 2 ** 27

/** Numbers documents as they come; whoever extends it fills the fields. */
export abstract class SegmentBuilder<Field extends ForwardField> {
  readonly #ids: string[] = []
  readonly #documents: Document[] | undefined
  #sorted = true

  constructor(
    protected readonly fields: readonly Field[],
    storeDocuments: boolean,
  ) {
    this.#documents = storeDocuments ? [] : undefined
  }

  get size(): number {
    return this.#ids.length
  }

  get isFull(): boolean {
    const postings = this.fields.reduce((sum, field) => sum + field.pairCount, 0)
    return this.size >= MAX_SEGMENT_DOCUMENTS || postings >= MAX_SEGMENT_POSTINGS
  }

  /** The number of the next document. Throws `data` where it has no usable id or text; nothing of it is kept then. */
  protected take(document: Document, position: number): number {
    checkDocument(document, position)
    const { id } = document
    const number = this.size
    if (number > 0 && this.#sorted && compareIds(this.#ids[number - 1]!, id) >= 0) this.#sorted = false
    this.#ids.push(id)
    this.#documents?.push(document)
    return number
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
    const postings = this.fields.reduce((sum, field) => sum + field.pairCount, 0)
    const arena = new Arena(postings * 4 + 16 * this.fields.length)
    const fields = this.fields.map((field) => field.invert(order, arena))
    const stored = this.#documents
    const documents = stored && (this.#sorted ? stored : Array.from(order, (from) => stored[from]!))
    return new Segment({
      ids: IdTable.fromStrings(ids),
      fields,
      arena,
      documents: documents && DocumentRows.inMemory(documents),
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

/** Throws `data` for a document without a usable id or text; `position` is its place in the collection. */
export function checkDocument({ id, text }: Document, position: number): void {
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
}
