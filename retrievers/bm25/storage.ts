/**
 * An index on disk: a manifest that names the files of its segments, and the files, which never change once written.
 * Saving writes new files first, then puts a new manifest in the old one's place by rename; until then the old index is whole.
 * @module
 */
import { randomUUID } from "node:crypto"
import { constants } from "node:fs"
import { access, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { crc32 } from "node:zlib"
import { RankineError } from "../../src/core/errors.js"
import { readDocuments, writeDocuments } from "./documents-file.js"
import type { Segment } from "./segment.js"
import { SegmentDocuments } from "./segment-documents.js"
import { readSegment, writeSegment } from "./segment-file.js"
import type { Bm25Settings } from "./settings.js"

const MANIFEST = "index.json"
const FORMAT = "rankine-bm25"
/** Rises when an index of an older version can no longer be read. */
export const INDEX_VERSION = 1
/** Files of a save that was killed are swept up by a later one, once they are this old. */
const ORPHAN_AGE_MS = 10 * 60 * 1000
const OURS = /^(segment|documents)-[0-9a-f-]{36}\.bin$|^manifest-[0-9a-f-]{36}\.tmp$/

interface Manifest {
  readonly format: string
  readonly version: number
  readonly settings: Bm25Settings
  readonly segments: readonly { readonly postings: string; readonly documents?: string; readonly deleted?: string }[]
}

/** Writes the segments and makes them the index of the directory. */
export async function saveIndex(
  directory: string,
  settings: Bm25Settings,
  segments: readonly Segment[],
): Promise<void> {
  const folder = resolve(directory)
  const written: string[] = []
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    // What lies there may be damaged or nothing: then there is nothing to take over and nothing to remove.
    const before = await readManifest(folder, directory).then(filesOf, (): string[] => [])
    const entries: Manifest["segments"][number][] = []
    for (const segment of segments) {
      const old = segment.files
      const reusable = old?.directory === folder && before.includes(old.postings)
      const unique = randomUUID()
      const postings = reusable ? old.postings : `segment-${unique}.bin`
      const documents = reusable ? old.documents : segment.documents && `documents-${unique}.bin`
      if (!reusable) {
        written.push(postings)
        await writeSegment(join(folder, postings), segment)
        if (documents) {
          written.push(documents)
          await writeDocuments(join(folder, documents), segment)
        }
      }
      const entry = { postings, ...(documents ? { documents } : {}) }
      entries.push(
        segment.deletedCount > 0 ? { ...entry, deleted: Buffer.from(segment.deleted).toString("base64") } : entry,
      )
      if (!reusable) segment.files = { directory: folder, postings, documents: documents || undefined }
    }
    const manifest: Manifest = { format: FORMAT, version: INDEX_VERSION, settings, segments: entries }
    const temporary = `manifest-${randomUUID()}.tmp`
    written.push(temporary)
    await writeManifest(join(folder, temporary), manifest)
    await syncFolder(folder)
    await rename(join(folder, temporary), join(folder, MANIFEST))
    await syncFolder(folder)
    await sweep(folder, before, new Set(filesOf(manifest)))
  } catch (cause) {
    for (const segment of segments)
      if (segment.files && written.includes(segment.files.postings)) segment.files = undefined
    for (const name of written) await rm(join(folder, name), { force: true }).catch(() => {})
    if (cause instanceof RankineError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RankineError(
      "storage",
      `cannot save the index in ${directory} (${reason}): free space or choose another folder; an index that was there is unchanged`,
      { cause },
    )
  }
}

/** Loads what `saveIndex` wrote. */
export async function loadIndex(directory: string): Promise<{ settings: Bm25Settings; segments: Segment[] }> {
  const folder = resolve(directory)
  const manifest = await readManifest(folder, directory)
  const segments: Segment[] = []
  for (const entry of manifest.segments) {
    const documents = entry.documents
      ? SegmentDocuments.from(await readDocuments(join(folder, entry.documents)))
      : undefined
    const deleted = entry.deleted === undefined ? undefined : new Uint8Array(Buffer.from(entry.deleted, "base64"))
    const segment = await readSegment(join(folder, entry.postings), documents, deleted)
    segment.files = { directory: folder, postings: entry.postings, documents: entry.documents }
    segments.push(segment)
  }
  return { settings: manifest.settings, segments }
}

/** Two lines: the checksum of the second, and the manifest. */
async function writeManifest(path: string, manifest: Manifest): Promise<void> {
  const body = JSON.stringify(manifest)
  await writeFile(path, `${JSON.stringify({ crc32: crc32(body) })}\n${body}\n`)
  const file = await open(path, "r")
  await file.sync().finally(() => file.close())
}

async function readManifest(folder: string, shown: string): Promise<Manifest> {
  let content: string
  try {
    content = await readFile(join(folder, MANIFEST), "utf8")
  } catch (cause) {
    throw new RankineError("not-found", `there is no index in ${shown}: build one with save, or \`rankine index\``, {
      cause,
    })
  }
  const [head = "", body = ""] = content.split("\n")
  let manifest: Manifest
  try {
    manifest = JSON.parse(body) as Manifest
    if ((JSON.parse(head) as { crc32: number }).crc32 !== crc32(body)) throw new Error("checksum")
  } catch (cause) {
    throw new RankineError("index-corrupt", `the manifest of the index in ${shown} is damaged: build the index again`, {
      cause,
    })
  }
  if (manifest.format !== FORMAT)
    throw new RankineError(
      "index-version",
      `${shown} holds an index of another kind (${manifest.format}): expected ${FORMAT}`,
    )
  if (manifest.version !== INDEX_VERSION)
    throw new RankineError(
      "index-version",
      `the index in ${shown} has version ${manifest.version}, this release reads version ${INDEX_VERSION}: build it again`,
    )
  return manifest
}

/** A rename survives a power cut only once its folder is on disk. Not every system can do this; then there is nothing to do. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

/** Removes the files of the index before, and what killed saves left behind. */
async function sweep(folder: string, replaced: readonly string[], kept: ReadonlySet<string>): Promise<void> {
  for (const name of replaced) if (!kept.has(name)) await rm(join(folder, name), { force: true })
  for (const name of await readdir(folder)) {
    if (kept.has(name) || !OURS.test(name)) continue
    // A young file that no manifest names may belong to a save that is running in another process.
    const info = await stat(join(folder, name)).catch(() => undefined)
    if (info && Date.now() - info.mtimeMs > ORPHAN_AGE_MS) await rm(join(folder, name), { force: true })
  }
}

/** The files that a manifest names. */
function filesOf(manifest: Pick<Manifest, "segments">): string[] {
  return manifest.segments.flatMap(({ postings, documents }) => (documents ? [postings, documents] : [postings]))
}
