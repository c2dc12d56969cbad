/** A dense index on disk: vectors, documents, marks, and the model they belong to. @module */
import { join, resolve } from "node:path"
import { type Format, readManifest, replaceContent } from "../storage/directory.js"
import { openSections, writeSections } from "../storage/section-file.js"
import { DocumentShelf } from "./document-shelf.js"
import type { ModelIdentity } from "./model-identity.js"
import { type SavedVectors, VectorIndex } from "./vector-index.js"

const FORMAT: Format = { name: "rankine-dense", version: 2 }

/** The parts of a dense index. */
export interface DenseParts {
  readonly model: ModelIdentity
  readonly vectors: VectorIndex
  readonly documents: DocumentShelf | undefined
  /** Ids of the documents whose text was longer than the model reads, and of those whose vector is zero. */
  readonly truncated: Set<string>
  readonly zero: Set<string>
}

interface Body {
  readonly model: ModelIdentity
  readonly vectors: SavedVectors
  readonly marks: string
  readonly documents?: string
}

const TRUNCATED = 1
const ZERO = 2

export async function saveDense(directory: string, parts: DenseParts): Promise<void> {
  await replaceContent(directory, FORMAT, async (folder, fileName): Promise<Body> => {
    const vectors = await parts.vectors.write(folder, fileName)
    const ids = parts.vectors.ids()
    const marks = fileName("marks", "bin")
    const bits = Uint8Array.from(
      ids,
      (id) => (parts.truncated.has(id) ? TRUNCATED : 0) | (parts.zero.has(id) ? ZERO : 0),
    )
    await writeSections(join(folder, marks), [{ name: "marks", bytes: bits }])
    const body = { model: parts.model, vectors, marks }
    if (!parts.documents) return body
    const documents = fileName("texts", "bin")
    await parts.documents.write(join(folder, documents), ids)
    return { ...body, documents }
  })
}

/** The model that the index of a folder was made with, without reading the index. */
export async function readModelIdentity(directory: string): Promise<ModelIdentity> {
  return (await readManifest<Body>(directory, FORMAT)).body.model
}

export async function loadDense(directory: string): Promise<DenseParts> {
  const { body } = await readManifest<Body>(directory, FORMAT)
  const folder = resolve(directory)
  const vectors = await VectorIndex.read(folder, body.vectors)
  const ids = vectors.ids()
  const file = await openSections(join(folder, body.marks))
  const marks = await file.read("marks").finally(() => file.close())
  const marked = (bit: number) => new Set(ids.filter((_, index) => (marks[index]! & bit) !== 0))
  const documents = body.documents ? await DocumentShelf.read(join(folder, body.documents), ids) : undefined
  return { model: body.model, vectors, documents, truncated: marked(TRUNCATED), zero: marked(ZERO) }
}
