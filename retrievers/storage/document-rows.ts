/** Numbered documents, in memory or in a file. @module */
import type { Document } from "../../src/core/document.js"

/** A numbered row of documents. */
export interface DocumentSource {
  get(position: number): Promise<Document>
  /** The metadata of a document, without reading its text. */
  metadata(position: number): Document["metadata"]
  close(): Promise<void>
}

class MemorySource implements DocumentSource {
  constructor(readonly documents: readonly Document[]) {}

  async get(position: number): Promise<Document> {
    return this.documents[position]!
  }

  metadata(position: number): Document["metadata"] {
    return this.documents[position]!.metadata
  }

  async close(): Promise<void> {}
}

/** The documents of a part of an index by number; after a merge they may lie in several sources. */
export class DocumentRows {
  readonly #sources: readonly DocumentSource[]
  /** Which source holds each document, and where in it; undefined for one source in the same order. */
  readonly #source: Uint32Array | undefined
  readonly #position: Uint32Array | undefined

  private constructor(sources: readonly DocumentSource[], source?: Uint32Array, position?: Uint32Array) {
    this.#sources = sources
    this.#source = source
    this.#position = position
  }

  static inMemory(documents: readonly Document[]): DocumentRows {
    return new DocumentRows([new MemorySource(documents)])
  }

  static from(source: DocumentSource): DocumentRows {
    return new DocumentRows([source])
  }

  /**
   * The documents of a merged segment: the i-th is document `positions[i]` of `parts[owners[i]]`.
   * Documents in memory move to a new row, so that deleted ones are let go.
   */
  static merged(parts: readonly DocumentRows[], owners: Uint32Array, positions: Uint32Array): DocumentRows {
    const places = Array.from(positions, (position, i) => parts[owners[i]!]!.#place(position))
    if (places.every(({ source }) => source instanceof MemorySource))
      return DocumentRows.inMemory(places.map(({ source, at }) => (source as MemorySource).documents[at]!))
    const sources = [...new Set(parts.flatMap((part) => part.#sources))]
    const number = new Map(sources.map((source, index) => [source, index]))
    return new DocumentRows(
      sources,
      Uint32Array.from(places, ({ source }) => number.get(source)!),
      Uint32Array.from(places, ({ at }) => at),
    )
  }

  get(document: number): Promise<Document> {
    const { source, at } = this.#place(document)
    return source.get(at)
  }

  metadata(document: number): Document["metadata"] {
    const { source, at } = this.#place(document)
    return source.metadata(at)
  }

  async close(): Promise<void> {
    for (const source of this.#sources) await source.close()
  }

  #place(document: number): { source: DocumentSource; at: number } {
    return { source: this.#sources[this.#source?.[document] ?? 0]!, at: this.#position?.[document] ?? document }
  }
}
