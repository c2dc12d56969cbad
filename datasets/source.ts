/** Where the files of a collection lie: a directory or a zip archive, read as streams. @module */
import { createReadStream } from "node:fs"
import { readdir, stat } from "node:fs/promises"
import { basename, join, sep } from "node:path"
import type { Readable } from "node:stream"
import { pipeline } from "node:stream"
import { createGunzip } from "node:zlib"
import type { Entry, ZipFile } from "yauzl"
import { RankineError, toRankineError } from "../src/core/errors.js"

/** A tree of files. Paths are relative, with `/` between their parts. */
export interface FileSource {
  /** How messages name the whole: a path as the user gave it. */
  readonly label: string
  readonly name: string
  /** Every file, sorted. */
  readonly files: readonly string[]
  /** The bytes of one file, unpacked where its name ends in `.gz`. */
  open(path: string): Promise<Readable>
  /** Where the file lies on disk, when it does so by itself. */
  localPath?(path: string): string
}

const READ_SIZE = 1 << 20
/** The same source seen from one of its folders. */
export function subSource(source: FileSource, folder: string): FileSource {
  const prefix = `${folder}/`
  return {
    label: `${source.label}/${folder}`,
    name: folder.slice(folder.lastIndexOf("/") + 1),
    files: source.files.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length)),
    open: (path) => source.open(prefix + path),
    ...(source.localPath ? { localPath: (path: string) => source.localPath!(prefix + path) } : {}),
  }
}

/** Deep enough for every known form (`android/qrels/test.tsv`); a whole disk is not searched. */
const MAX_DEPTH = 3

/** The message that names a file of a source. */
export function fileLabel(source: FileSource, path: string): string {
  return `${source.label}/${path}`
}

/** The files under a directory, three levels deep; links to directories are followed. Throws `not-found`. */
export async function directorySource(directory: string): Promise<FileSource> {
  const files: string[] = []
  const walk = async (relative: string, depth: number): Promise<void> => {
    const entries = await readdir(join(directory, relative), { withFileTypes: true })
    for (const entry of entries) {
      if (entry.name.startsWith(".")) continue
      const path = relative ? `${relative}/${entry.name}` : entry.name
      // Large collections are often linked in; the depth limit ends a circle of links.
      const linked = entry.isSymbolicLink() ? await stat(join(directory, path)).catch(() => undefined) : undefined
      if (entry.isDirectory() || linked?.isDirectory()) {
        if (depth < MAX_DEPTH && entry.name !== "node_modules") await walk(path, depth + 1)
      } else files.push(path)
    }
  }
  try {
    await walk("", 1)
  } catch (thrown) {
    throw new RankineError("not-found", `cannot read the directory ${directory}: ${toRankineError(thrown).message}`, {
      cause: thrown,
    })
  }
  return {
    label: directory.endsWith(sep) ? directory.slice(0, -1) : directory,
    name: basename(directory),
    files: files.sort(),
    localPath: (path) => join(directory, path),
    open: async (path) => unpacked(path, createReadStream(join(directory, path), { highWaterMark: READ_SIZE })),
  }
}

/**
 * The files inside a zip archive, read straight from it. A single folder around everything is left out of the paths.
 * Throws `data` for an archive that is broken or whose paths lead out of it.
 */
export async function zipSource(archive: string): Promise<FileSource> {
  const entries = new Map<string, Entry>()
  const zip = await openZip(archive)
  try {
    for await (const entry of zip.eachEntry()) if (!entry.fileName.endsWith("/")) entries.set(entry.fileName, entry)
  } catch (thrown) {
    throw zipError(archive, thrown)
  } finally {
    zip.close()
  }
  const visible = [...entries.keys()].filter((path) => !/(^|\/)(\.|__MACOSX\/)/.test(path))
  const roots = new Set(visible.map((path) => (path.includes("/") ? path.slice(0, path.indexOf("/") + 1) : "")))
  const root = roots.size === 1 ? [...roots][0]! : ""
  return {
    label: archive,
    name: basename(archive).replace(/\.zip$/i, ""),
    files: visible.map((path) => path.slice(root.length)).sort(),
    async open(path) {
      const entry = entries.get(root + path)
      if (!entry) throw new RankineError("not-found", `${archive} holds no ${path}`)
      // One handle per stream: it closes with the stream, and no archive stays open between reads.
      const reader = await openZip(archive)
      try {
        const stream = await reader.openReadStreamPromise(entry)
        stream.on("close", () => reader.close())
        return unpacked(path, stream)
      } catch (thrown) {
        reader.close()
        throw zipError(archive, thrown)
      }
    },
  }
}

/** Opens an archive; the caller closes it. yauzl refuses absolute paths, drive letters, backslashes and `..` as it reads the directory of an archive. */
export async function openZip(archive: string): Promise<ZipFile> {
  const { openPromise } = await import("yauzl")
  try {
    return await openPromise(archive, { lazyEntries: true, autoClose: false, strictFileNames: true })
  } catch (thrown) {
    throw zipError(archive, thrown)
  }
}

export function zipError(archive: string, thrown: unknown): RankineError {
  if (thrown instanceof RankineError) return thrown
  const reason = toRankineError(thrown).message
  if (/ENOENT/.test(reason)) return new RankineError("not-found", `there is no file ${archive}`, { cause: thrown })
  return new RankineError("data", `${archive} is not a usable zip archive (${reason}); fetch it again`, {
    cause: thrown,
  })
}

function unpacked(path: string, stream: Readable): Readable {
  if (!path.endsWith(".gz")) return stream
  // pipeline, not pipe: an error of the file must reach whoever reads the unpacked stream, and both must close.
  return pipeline(stream, createGunzip({ chunkSize: READ_SIZE }), () => {})
}
