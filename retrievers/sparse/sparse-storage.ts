/** A sparse index on disk: its segments, its settings, and the model they belong to. @module */
import { join, resolve } from "node:path"
import type { Segment } from "../inverted/segment.js"
import { readSegments, type SavedSegment, writeSegments } from "../inverted/segment-storage.js"
import { type Format, readManifest, replaceContent } from "../storage/directory.js"
import { openSections, writeSections } from "../storage/section-file.js"
import type { SparseModelIdentity } from "./model-identity.js"
import type { SparseSettings } from "./options.js"

const FORMAT: Format = { name: "rankine-sparse", version: 1 }

/** The parts of a sparse index. */
export interface SparseParts {
  readonly model: SparseModelIdentity
  readonly settings: SparseSettings
  readonly segments: readonly Segment[]
  /** Ids of the documents whose text was longer than the model reads. */
  readonly truncated: ReadonlySet<string>
}

interface Body {
  readonly model: SparseModelIdentity
  readonly settings: SparseSettings
  readonly segments: readonly SavedSegment[]
  readonly marks: string
}

export async function saveSparse(directory: string, parts: SparseParts): Promise<void> {
  await replaceContent(directory, FORMAT, async (folder, fileName, keep): Promise<Body> => {
    const segments = await writeSegments(parts.segments, folder, fileName, keep)
    const marks = fileName("marks", "bin")
    const truncated = Buffer.from(JSON.stringify([...parts.truncated]))
    await writeSections(join(folder, marks), [{ name: "truncated", bytes: truncated }])
    return { model: parts.model, settings: parts.settings, segments, marks }
  })
}

/** The model that the index of a folder was made with, without reading the index. */
export async function readModelIdentity(directory: string): Promise<SparseModelIdentity> {
  return (await readManifest<Body>(directory, FORMAT)).body.model
}

export async function loadSparse(directory: string): Promise<SparseParts> {
  const { model, settings, segments, marks } = (await readManifest<Body>(directory, FORMAT)).body
  const folder = resolve(directory)
  const file = await openSections(join(folder, marks))
  const truncated = await file.read("truncated").finally(() => file.close())
  const ids = JSON.parse(Buffer.from(truncated).toString("utf8")) as string[]
  return { model, settings, segments: await readSegments(folder, segments), truncated: new Set(ids) }
}
