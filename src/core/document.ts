/** Documents, queries and the store that hands out texts. @module */

/** One retrievable unit of text. `parentId` names the document a chunk was cut from. */
export interface Document {
  readonly id: string
  readonly title?: string
  readonly text: string
  readonly fields?: Readonly<Record<string, string>>
  readonly parentId?: string
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** A question. `excludedIds` never appear in its ranking: they are removed before the top k is taken. */
export interface Query {
  readonly id: string
  readonly text: string
  readonly instruction?: string
  readonly excludedIds?: readonly string[]
}

/** Gives documents by id; the result has the order of `ids`, with `undefined` for an id it does not hold. */
export interface DocumentStore {
  get(ids: readonly string[], signal?: AbortSignal): Promise<(Document | undefined)[]>
}

/** Keeps documents in memory. A second document with the same id replaces the first. */
export class MemoryDocumentStore implements DocumentStore {
  readonly #documents = new Map<string, Document>()

  constructor(documents: Iterable<Document> = []) {
    for (const document of documents) this.#documents.set(document.id, document)
  }

  get size(): number {
    return this.#documents.size
  }

  async get(ids: readonly string[]): Promise<(Document | undefined)[]> {
    return ids.map((id) => this.#documents.get(id))
  }
}

/** The text that retrievers and rerankers read: title and text joined by one space, as BEIR and Anserini do. */
export function documentText(document: Document): string {
  return document.title ? `${document.title} ${document.text}` : document.text
}
