/** The documents of an index by id: in memory as they were added, or in the file they were loaded from. @module */
import type { Document } from "../../src/core/document.js"
import type { DocumentSource } from "../storage/document-rows.js"
import { readDocuments, writeDocuments } from "../storage/documents-file.js"
import { Turns } from "./turns.js"

export class DocumentShelf {
  readonly #inMemory = new Map<string, Document>()
  readonly #onDisk = new Map<string, number>()
  #source: DocumentSource | undefined

  /** Opens a file of documents, which lie in it in the order of `ids`, and keeps it open. */
  static async read(path: string, ids: readonly string[]): Promise<DocumentShelf> {
    const shelf = new DocumentShelf()
    shelf.#source = await readDocuments(path)
    for (const [position, id] of ids.entries()) shelf.#onDisk.set(id, position)
    return shelf
  }

  put(document: Document): void {
    this.#onDisk.delete(document.id)
    this.#inMemory.set(document.id, document)
  }

  delete(id: string): void {
    this.#onDisk.delete(id)
    this.#inMemory.delete(id)
  }

  async get(id: string): Promise<Document | undefined> {
    const position = this.#onDisk.get(id)
    return position === undefined ? this.#inMemory.get(id) : this.#source!.get(position)
  }

  metadata(id: string): Document["metadata"] {
    const position = this.#onDisk.get(id)
    return position === undefined ? this.#inMemory.get(id)?.metadata : this.#source!.metadata(position)
  }

  /** Writes the documents in the order of `ids`. */
  async write(path: string, ids: readonly string[]): Promise<void> {
    const turns = new Turns()
    await writeDocuments(path, ids.length, {
      get: async (position) => {
        if (turns.due) await turns.take()
        return (await this.get(ids[position]!))!
      },
    })
  }

  async close(): Promise<void> {
    await this.#source?.close()
  }
}
