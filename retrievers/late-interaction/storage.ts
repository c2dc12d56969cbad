/** A late-interaction index on disk: token vectors, documents, marks, and the model they belong to. @module */
import { join, resolve } from "node:path"
import { RankineError } from "../../src/core/errors.js"
import { DocumentShelf } from "../dense/document-shelf.js"
import type { ModelIdentity } from "../dense/model-identity.js"
import { type Format, readManifest, replaceContent } from "../storage/directory.js"
import { IdTable } from "../storage/id-table.js"
import { bytesOf, openSections, type Section, type SectionReader, writeSections } from "../storage/section-file.js"
import { residualBits } from "./codec.js"
import type { Compression, ResolvedSearch } from "./options.js"
import { TokenStore } from "./token-store.js"

const FORMAT: Format = { name: "rankine-late-interaction", version: 1 }

/** The parts of a late-interaction index. */
export interface LateInteractionParts {
  readonly model: ModelIdentity
  store: TokenStore
  readonly search: ResolvedSearch
  readonly documents: DocumentShelf | undefined
  /** Ids of the documents whose text was longer than the model reads. */
  readonly truncated: Set<string>
}

interface Body {
  readonly model: ModelIdentity
  readonly search: ResolvedSearch
  readonly compression: Compression
  readonly unit: boolean
  readonly ids: string
  readonly vectors: string
  readonly documents?: string
}

/** The store must hold no garbage, so that records lie in the order of their rows. */
export async function saveLateInteraction(directory: string, parts: LateInteractionParts): Promise<void> {
  await replaceContent(directory, FORMAT, async (folder, fileName): Promise<Body> => {
    const { store } = parts
    const { compression, unit } = store.codec.parts
    const rows = [...store.ids.livingRows()]
    const ids = rows.map((row) => store.ids.idOf(row)!)
    const names = { ids: fileName("ids", "bin"), vectors: fileName("vectors", "bin") }
    const table = IdTable.fromStrings(ids).parts()
    await writeSections(join(folder, names.ids), [
      { name: "ids", bytes: table.bytes },
      { name: "ids.starts", bytes: bytesOf(table.starts) },
      { name: "truncated", bytes: Uint8Array.from(ids, (id) => (parts.truncated.has(id) ? 1 : 0)) },
      { name: "counts", bytes: bytesOf(Uint32Array.from(rows, (row) => store.counts[row])) },
    ])
    await writeSections(join(folder, names.vectors), tokenSections(store))
    const body = { model: parts.model, search: parts.search, compression, unit, ...names }
    if (!parts.documents) return body
    const documents = fileName("texts", "bin")
    await parts.documents.write(join(folder, documents), ids)
    return { ...body, documents }
  })
}

function tokenSections(store: TokenStore): Section[] {
  const { centroids, buckets } = store.codec.parts
  const sections: Section[] = store.chunks.map(({ address, used }, index) => ({
    name: `tokens.${index}`,
    bytes: () => store.memory.u8.subarray(address, address + used),
  }))
  if (centroids) sections.push({ name: "centroids", bytes: bytesOf(centroids) })
  if (buckets)
    sections.push(
      { name: "cutoffs", bytes: bytesOf(buckets.cutoffs) },
      { name: "weights", bytes: bytesOf(buckets.weights) },
    )
  return sections
}

/** The model that the index of a folder was made with, without reading the index. */
export async function readModelIdentity(directory: string): Promise<ModelIdentity> {
  return (await readManifest<Body>(directory, FORMAT)).body.model
}

export async function loadLateInteraction(directory: string): Promise<LateInteractionParts> {
  const { body } = await readManifest<Body>(directory, FORMAT)
  const folder = resolve(directory)
  const file = await openSections(join(folder, body.ids))
  const { ids, counts, truncated } = await readIds(file).finally(() => file.close())
  const tokens = await openSections(join(folder, body.vectors))
  const store = await readTokens(tokens, body, ids, counts).finally(() => tokens.close())
  const documents = body.documents ? await DocumentShelf.read(join(folder, body.documents), ids) : undefined
  return { model: body.model, search: body.search, store, documents, truncated }
}

async function readIds(file: SectionReader): Promise<{ ids: string[]; counts: Uint32Array; truncated: Set<string> }> {
  const starts = new Uint32Array((await file.read("ids.starts")).buffer)
  const table = IdTable.fromBytes(await file.read("ids"), starts)
  const ids = Array.from({ length: table.size }, (_, index) => table.get(index))
  const marks = await file.read("truncated")
  return {
    ids,
    counts: new Uint32Array((await file.read("counts")).buffer),
    truncated: new Set(ids.filter((_, index) => marks[index] !== 0)),
  }
}

async function readTokens(
  file: SectionReader,
  { model, compression, unit }: Body,
  ids: readonly string[],
  counts: Uint32Array,
): Promise<TokenStore> {
  const floats = async (name: string) => new Float32Array((await file.read(name)).buffer)
  const bits = residualBits(compression)
  const store = new TokenStore({
    compression,
    dimension: model.dimension,
    unit,
    centroids: file.has("centroids") ? await floats("centroids") : undefined,
    buckets: bits && { bits, cutoffs: await floats("cutoffs"), weights: await floats("weights") },
  })
  // Room for all of them first: the memory moves when it grows.
  for (let chunk = 0; file.has(`tokens.${chunk}`); chunk++) store.fullChunk(file.length(`tokens.${chunk}`))
  for (const [chunk, { address, used }] of store.chunks.entries())
    await file.read(`tokens.${chunk}`, store.memory.u8.subarray(address, address + used))
  let chunk = 0
  let at = 0
  for (const [index, id] of ids.entries()) {
    const bytes = store.codec.recordBytes(counts[index])
    while (chunk < store.chunks.length && at + bytes > store.chunks[chunk].used) {
      chunk++
      at = 0
    }
    if (chunk === store.chunks.length && bytes > 0)
      throw new RankineError("index-corrupt", "token vectors are missing from the index: build the index again")
    store.assign(id, bytes > 0 ? store.chunks[chunk].address + at : 0, counts[index])
    at += bytes
  }
  return store
}
