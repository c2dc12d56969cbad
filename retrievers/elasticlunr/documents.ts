/** Documents to what elasticlunr stores and back. @module */
import type { Document, DocumentStore } from "../../src/core/index.js"
import type { LibraryIndex, StoredDocument } from "./library.js"
import { fromReference, toReference } from "./references.js"

/** Which property of a stored document is its title and which its text. */
export interface DocumentShape {
  readonly ref: string
  readonly title: string
  readonly text: string
}

/** What one field of a document says. */
export function fieldText(document: Document, field: string): string | undefined {
  if (field === "title") return document.title
  if (field === "text") return document.text
  return document.fields && Object.hasOwn(document.fields, field) ? document.fields[field] : undefined
}

/** Flat, as pages that read the index expect it: `documentStore.getDoc(ref).title`. */
export function toStored(document: Document, ref: string): StoredDocument {
  const { id, title, text, fields, parentId, metadata } = document
  return {
    ...fields,
    ...(title === undefined ? {} : { title }),
    text,
    ...(parentId === undefined ? {} : { parentId }),
    ...(metadata === undefined ? {} : { metadata }),
    [ref]: id,
  }
}

/**
 * The document of a stored object of any origin: strings other than title and text become fields, everything else metadata. Where the property
 * named as text is absent, all indexed fields but the title are joined by line breaks.
 */
export function fromStored(
  stored: StoredDocument,
  reference: string,
  shape: DocumentShape,
  indexed: readonly string[],
): Document {
  const fields: Record<string, string> = {}
  const metadata: Record<string, unknown> = {}
  let title: string | undefined
  let text: string | undefined
  let parentId: string | undefined
  for (const [key, value] of Object.entries(stored)) {
    if (key === shape.ref) continue
    if (key === shape.title && typeof value === "string") title = value
    else if (key === shape.text && typeof value === "string") text = value
    else if (key === "parentId" && typeof value === "string") parentId = value
    else if (typeof value === "string") fields[key] = value
    else if (key === "metadata" && value !== null && typeof value === "object") Object.assign(metadata, value)
    else metadata[key] = value
  }
  text ??= indexed.flatMap((field) => (Object.hasOwn(fields, field) ? fields[field]! : [])).join("\n")
  return {
    id: fromReference(reference),
    ...(title === undefined ? {} : { title }),
    text,
    ...(Object.keys(fields).length > 0 ? { fields } : {}),
    ...(parentId === undefined ? {} : { parentId }),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  }
}

/** The documents inside an index, made when asked for. */
export class StoredDocuments implements DocumentStore {
  constructor(
    private readonly index: LibraryIndex,
    private readonly shape: DocumentShape,
  ) {}

  one(id: string): Document | undefined {
    const reference = toReference(id)
    const { docs } = this.index.documentStore
    const stored = Object.hasOwn(docs, reference) ? docs[reference] : undefined
    return stored ? fromStored(stored, reference, this.shape, this.index.getFields()) : undefined
  }

  async get(ids: readonly string[]): Promise<(Document | undefined)[]> {
    return ids.map((id) => this.one(id))
  }
}
