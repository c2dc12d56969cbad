/** Adding documents to an index. @module */
import { type Document, RankineError } from "../../src/core/index.js"
import { fieldText, toStored } from "./documents.js"
import { type LibraryIndex, library } from "./library.js"
import { toReference } from "./references.js"

/** Throws `data` for a document that has no id or text, or an id that the index has already. */
export function checkDocument(document: Document, position: number, index: LibraryIndex): void {
  const { id, text } = document
  if (typeof id !== "string" || id === "")
    throw new RankineError(
      "data",
      `document number ${position + 1} needs an id that is a non-empty string, got ${JSON.stringify(id) ?? "none"}`,
    )
  if (typeof text !== "string") throw new RankineError("data", `document "${id}" needs a text that is a string`)
  if (Object.hasOwn(index.documentStore.docs, toReference(id)))
    throw new RankineError("data", `two documents have the id "${id}": make the ids distinct, or remove one of the two`)
}

/**
 * Does what the library's addDoc does, and returns how many words were indexed. Its own counts words in a plain object, so that "constructor"
 * counts NaN times and "__proto__" never; and it copies documents through their constructor property.
 */
export function addDocument(
  index: LibraryIndex,
  document: Document,
  ref: string,
  fields: readonly string[],
  storeDocument: boolean,
): number {
  const reference = toReference(document.id)
  index.documentStore.docs[reference] = storeDocument ? toStored(document, ref) : null
  index.documentStore.length++
  let words = 0
  for (const field of fields) {
    const tokens = index.pipeline.run(library.tokenizer(fieldText(document, field)))
    index.documentStore.addFieldLength(reference, field, tokens.length)
    const counts = new Map<string, number>()
    for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1)
    for (const [token, count] of counts) index.index[field]!.addToken(token, { ref: reference, tf: Math.sqrt(count) })
    words += tokens.length
  }
  return words
}
