/** The segments of an index on disk: files that never change once written, and the entries of the manifest that names them. @module */
import { join } from "node:path"
import type { ContentWriter } from "../storage/directory.js"
import { DocumentRows } from "../storage/document-rows.js"
import { readDocuments, writeDocuments } from "../storage/documents-file.js"
import type { Segment } from "./segment.js"
import { readSegment, writeSegment } from "./segment-file.js"

/** The files of a segment, and which of its documents are deleted, as bits in base64. */
export interface SavedSegment {
  readonly postings: string
  readonly documents?: string
  readonly deleted?: string
}

/** Writes the segments that are not in the folder yet. */
export async function writeSegments(
  segments: readonly Segment[],
  ...[folder, fileName, keep]: Parameters<ContentWriter<unknown>>
): Promise<SavedSegment[]> {
  const saved: SavedSegment[] = []
  for (const segment of segments) {
    const old = segment.files
    let files = old?.directory === folder && keep(old.postings) ? old : undefined
    if (files?.documents) keep(files.documents)
    if (!files) {
      const postings = fileName("segment", "bin")
      await writeSegment(join(folder, postings), segment)
      const documents = segment.documents && fileName("documents", "bin")
      if (documents) await writeDocuments(join(folder, documents), segment.size, segment.documents)
      segment.files = files = { directory: folder, postings, documents }
    }
    saved.push({
      postings: files.postings,
      ...(files.documents ? { documents: files.documents } : {}),
      ...(segment.deletedCount > 0 ? { deleted: Buffer.from(segment.deleted).toString("base64") } : {}),
    })
  }
  return saved
}

export async function readSegments(folder: string, saved: readonly SavedSegment[]): Promise<Segment[]> {
  const segments: Segment[] = []
  for (const { postings, documents, deleted } of saved) {
    const rows = documents ? DocumentRows.from(await readDocuments(join(folder, documents))) : undefined
    const bits = deleted === undefined ? undefined : new Uint8Array(Buffer.from(deleted, "base64"))
    const segment = await readSegment(join(folder, postings), rows, bits)
    segment.files = { directory: folder, postings, documents }
    segments.push(segment)
  }
  return segments
}
