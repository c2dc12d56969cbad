import type { RunOptions } from "../src/core/contracts.js"
import { type Document, MemoryDocumentStore } from "../src/core/document.js"
import type { Collection } from "./dataset.js"

/** Reads a collection into memory as a document store, for rankings whose hits carry no texts (`hydrate`). */
export async function datasetStore(
  collection: Collection,
  options: Pick<RunOptions, "signal" | "onProgress"> = {},
): Promise<MemoryDocumentStore> {
  const documents: Document[] = []
  for await (const document of collection.documents(options)) documents.push(document)
  return new MemoryDocumentStore(documents)
}
