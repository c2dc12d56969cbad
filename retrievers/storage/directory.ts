/**
 * A folder whose content is replaced in one step: files with names of their own are written first, then a manifest that names them takes
 * the old one's place by rename. Until then the old content is whole.
 * @module
 */
import { randomUUID } from "node:crypto"
import { constants } from "node:fs"
import { access, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { crc32 } from "node:zlib"
import { RankineError } from "../../src/core/errors.js"

const MANIFEST = "index.json"
/** Files of a save that was killed are swept up by a later one, once they are this old. */
const ORPHAN_AGE_MS = 10 * 60 * 1000
const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
const KINDS = "ids|vectors|graph|texts|marks|segment|documents"
const OURS = new RegExp(`^(${KINDS})-${UUID}\\.(bin|hnsw|usearch)$|^manifest-${UUID}\\.tmp$`)

/** The kind of content, and the version that rises when older content can no longer be read. */
export interface Format {
  readonly name: string
  readonly version: number
}

export interface Manifest<Body> {
  readonly format: string
  readonly version: number
  readonly files: readonly string[]
  readonly body: Body
}

/**
 * Writes the files of new content and returns what the manifest is to hold. `fileName` gives a name that no other file has, for a kind that
 * is listed above; `keep` takes over a file of the content before, and is false where there is none of that name.
 */
export type ContentWriter<Body> = (
  folder: string,
  fileName: (kind: string, extension: string) => string,
  keep: (name: string) => boolean,
) => Promise<Body>

/**
 * Writes new content and puts it in place.
 * @throws RankineError `argument` where the folder holds content of another kind, `storage` where writing fails; what was there is unchanged
 */
export async function replaceContent<Body>(
  directory: string,
  format: Format,
  write: ContentWriter<Body>,
): Promise<void> {
  const folder = resolve(directory)
  const written: string[] = []
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    const before = await filesBefore(folder, directory, format)
    const kept: string[] = []
    const fileName = (kind: string, extension: string) => {
      const name = `${kind}-${randomUUID()}.${extension}`
      written.push(name)
      return name
    }
    const keep = (name: string) => {
      if (!before.includes(name)) return false
      kept.push(name)
      return true
    }
    const body = await write(folder, fileName, keep)
    const files = [...kept, ...written]
    const temporary = `manifest-${randomUUID()}.tmp`
    written.push(temporary)
    await writeManifest(join(folder, temporary), { format: format.name, version: format.version, files, body })
    await syncFolder(folder)
    await rename(join(folder, temporary), join(folder, MANIFEST))
    await syncFolder(folder)
    await sweep(folder, before, new Set(files))
  } catch (cause) {
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

/** Throws `not-found`, `index-corrupt` or `index-version`. */
export async function readManifest<Body>(directory: string, format: Format): Promise<Manifest<Body>> {
  let content: string
  try {
    content = await readFile(join(resolve(directory), MANIFEST), "utf8")
  } catch (cause) {
    throw new RankineError(
      "not-found",
      `there is no index in ${directory}: build one with save, or \`rankine index\``,
      { cause },
    )
  }
  const [head = "", body = ""] = content.split("\n")
  let manifest: Manifest<Body>
  try {
    manifest = JSON.parse(body) as Manifest<Body>
    if ((JSON.parse(head) as { crc32: number }).crc32 !== crc32(body)) throw new Error("checksum")
  } catch (cause) {
    throw new RankineError(
      "index-corrupt",
      `the manifest of the index in ${directory} is damaged: build the index again`,
      { cause },
    )
  }
  if (manifest.format !== format.name)
    throw new RankineError(
      "index-version",
      `${directory} holds an index of another kind (${manifest.format}): expected ${format.name}`,
      { details: { format: manifest.format } },
    )
  if (manifest.version !== format.version)
    throw new RankineError(
      "index-version",
      `the index in ${directory} has version ${manifest.version}, this release reads version ${format.version}: build it again`,
    )
  return manifest
}

/** The files of the content that will be replaced. Damaged content is replaced, that of another kind is not. */
async function filesBefore(folder: string, shown: string, format: Format): Promise<readonly string[]> {
  try {
    return (await readManifest(folder, format)).files
  } catch (error) {
    if (error instanceof RankineError && error.details.format !== undefined)
      throw new RankineError("argument", `${shown} holds an index of another kind: choose another folder`, {
        cause: error,
      })
    return []
  }
}

/** Two lines: the checksum of the second, and the manifest. */
async function writeManifest(path: string, manifest: Manifest<unknown>): Promise<void> {
  const body = JSON.stringify(manifest)
  await writeFile(path, `${JSON.stringify({ crc32: crc32(body) })}\n${body}\n`)
  const file = await open(path, "r")
  await file.sync().finally(() => file.close())
}

/** A rename survives a power cut only once its folder is on disk. Not every system can do this; then there is nothing to do. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

/** Removes the files of the content before, and what killed saves left behind. */
async function sweep(folder: string, replaced: readonly string[], kept: ReadonlySet<string>): Promise<void> {
  for (const name of replaced) if (!kept.has(name) && OURS.test(name)) await rm(join(folder, name), { force: true })
  for (const name of await readdir(folder)) {
    if (kept.has(name) || !OURS.test(name)) continue
    // A young file that no manifest names may belong to a save that is running in another process.
    const info = await stat(join(folder, name)).catch(() => undefined)
    if (info && Date.now() - info.mtimeMs > ORPHAN_AGE_MS) await rm(join(folder, name), { force: true })
  }
}
