/** A folder of the user's own files as a collection. @module */
import { isUtf8 } from "node:buffer"
import { createReadStream } from "node:fs"
import { readdir, readFile, stat } from "node:fs/promises"
import { basename, dirname, extname, join, resolve } from "node:path"
import { createGunzip } from "node:zlib"
import type { Document } from "../src/core/document.js"
import { RankineError, throwIfAborted, toRankineError } from "../src/core/errors.js"
import { compareIds, type Warning } from "../src/core/ranking.js"
import { type ChunkOptions, chunk } from "./chunk.js"
import { toDocument } from "./corpus.js"
import type { Collection, ReadOptions } from "./dataset.js"
import { frontMatter } from "./front-matter.js"
import { readJsonl } from "./jsonl.js"
import { firstHeading } from "./markdown.js"

export interface FolderOptions {
  /** Cuts documents into chunks (`path#0`, …); whole files by default. `{}` takes the defaults of `chunk`. */
  readonly chunk?: ChunkOptions
  /** Also reads `node_modules`; false by default. */
  readonly nodeModules?: boolean
  /** Endings of files to read besides those of Markdown, text and JSONL; `[".py", ".ts"]` for instance. */
  readonly extensions?: readonly string[]
  readonly name?: string
  readonly signal?: AbortSignal
}

/** A folder's documents; `files` says which files they come from. */
export interface FolderCollection extends Collection {
  readonly files: readonly { readonly id: string; readonly path: string; readonly bytes: number }[]
}

const MARKDOWN = new Set([".md", ".markdown", ".mdx", ".mdown"])
const TEXT = new Set([".txt", ".text", ".rst", ".adoc", ".asciidoc", ".org"])
const JSONL = new Set([".jsonl", ".ndjson"])

interface FoundFile {
  readonly id: string
  readonly path: string
  readonly bytes: number
}

/**
 * Opens folders and files as a collection: Markdown, text and JSONL, found recursively, in the order of their ids, hidden
 * folders left out. A file's id is its path from the folder, with `/`; a JSONL line's is its own or `path:line`. The title is
 * that of the front matter, the first heading, or the file's name; other front matter becomes metadata.
 * Binary and unreadable files are skipped and counted (`skipped-file`), bytes that are not UTF-8 are replaced and counted (`invalid-utf8`).
 * Throws `not-found` when there is nothing to read, `data` for malformed JSONL and for two documents of one id.
 */
export async function openFolder(
  paths: string | readonly string[],
  options: FolderOptions = {},
): Promise<FolderCollection> {
  const roots = typeof paths === "string" ? [paths] : paths
  if (roots.length === 0) throw new RankineError("argument", "openFolder needs at least one folder or file")
  const found: FoundFile[] = []
  const unreadable: string[] = []
  for (const root of roots) await find(root, roots.length > 1, options, found, unreadable)
  const files = found.sort((left, right) => compareIds(left.id, right.id))
  for (let i = 1; i < files.length; i++)
    if (files[i]!.id === files[i - 1]!.id)
      throw new RankineError(
        "data",
        `${files[i - 1]!.path} and ${files[i]!.path} would both be ${files[i]!.id}; open their common parent folder instead`,
      )
  if (files.length === 0)
    throw new RankineError(
      "not-found",
      `no Markdown, text or JSONL files in ${roots.join(", ")}; name other endings in the option extensions`,
    )
  return new Folder(options.name ?? nameOf(roots), files, unreadable, options)
}

function nameOf(roots: readonly string[]): string {
  return roots.map((root) => basename(resolve(root))).join("+")
}

async function find(
  root: string,
  several: boolean,
  options: FolderOptions,
  found: FoundFile[],
  unreadable: string[],
): Promise<void> {
  const wanted = new Set([...MARKDOWN, ...TEXT, ...JSONL, ...(options.extensions ?? [])])
  const start = await stat(root).catch((thrown: unknown) => {
    throw new RankineError("not-found", `there is no file or folder ${root}`, { cause: thrown })
  })
  if (!start.isDirectory()) {
    // A file that is named is read whatever its ending.
    found.push({ id: basename(root), path: root, bytes: start.size })
    return
  }
  const prefix = several ? `${basename(resolve(root))}/` : ""
  const walk = async (relative: string): Promise<void> => {
    throwIfAborted(options.signal)
    const entries = await readdir(join(root, relative), { withFileTypes: true }).catch((thrown: unknown) => {
      if (relative === "")
        throw new RankineError("storage", `cannot read ${root}: ${toRankineError(thrown).message}`, { cause: thrown })
      unreadable.push(prefix + relative)
      return []
    })
    for (const entry of entries) {
      if (entry.name.startsWith(".") || (entry.name === "node_modules" && !options.nodeModules)) continue
      const path = relative ? `${relative}/${entry.name}` : entry.name
      if (entry.isDirectory()) await walk(path)
      else if (wanted.has(kindOf(path))) {
        const info = await stat(join(root, path)).catch(() => undefined)
        // A link to a folder is not followed: it may lead in a circle.
        if (info?.isFile()) found.push({ id: prefix + path, path: join(root, path), bytes: info.size })
        else if (!info) unreadable.push(prefix + path)
      }
    }
  }
  await walk("")
}

/** The ending that tells a file's kind, below `.gz` for JSONL. */
function kindOf(path: string): string {
  const ending = extname(path).toLowerCase()
  if (ending !== ".gz") return ending
  const inner = extname(path.slice(0, -3)).toLowerCase()
  return JSONL.has(inner) ? inner : ending
}

class Folder implements FolderCollection {
  size: number | undefined
  warnings: readonly Warning[]

  constructor(
    readonly name: string,
    readonly files: readonly FoundFile[],
    readonly unreadable: readonly string[],
    readonly options: FolderOptions,
  ) {
    this.warnings = warning("skipped-file", unreadable)
  }

  get description() {
    const { maxTokens = 400, overlap = 40, countTokens } = this.options.chunk ?? {}
    return {
      name: this.name,
      form: "folder",
      files: this.files.length,
      ...(this.options.chunk
        ? { chunk: { maxTokens, overlap, countTokens: countTokens ? countTokens.name || "custom" : "words" } }
        : {}),
    }
  }

  async *documents(options: ReadOptions = {}): AsyncGenerator<Document, void, undefined> {
    const skipped = [...this.unreadable]
    const invalid: string[] = []
    const empty: string[] = []
    const seen = new Map<string, string>()
    let count = 0
    let done = 0
    for (const file of this.files) {
      throwIfAborted(options.signal)
      for await (const document of this.#fileDocuments(file, skipped, invalid, options)) {
        const before = seen.get(document.id)
        if (before !== undefined)
          throw new RankineError("data", `document id ${document.id} is used twice, in ${before} and in ${file.path}`)
        seen.set(document.id, file.path)
        if (document.text.trim() === "") empty.push(document.id)
        count++
        yield document
      }
      options.onProgress?.({ stage: "files", done: ++done, total: this.files.length, unit: "files" })
    }
    if (count === 0)
      throw new RankineError("data", `none of the ${this.files.length} files of ${this.name} could be read as text`)
    this.size = count
    this.warnings = [
      ...warning("skipped-file", skipped),
      ...warning("invalid-utf8", invalid),
      ...warning("empty-document", empty),
    ]
  }

  async *#fileDocuments(
    file: FoundFile,
    skipped: string[],
    invalid: string[],
    options: ReadOptions,
  ): AsyncGenerator<Document, void, undefined> {
    if (JSONL.has(kindOf(file.path))) {
      const raw = createReadStream(file.path)
      const stream = file.path.endsWith(".gz")
        ? raw.on("error", (error) => stream.destroy(error)).pipe(createGunzip())
        : raw
      for await (const block of readJsonl(stream, file.path, options.signal))
        for (const [index, record] of block.records.entries()) {
          const line = block.line(index)
          yield* this.#chunked(toDocument(record, file.path, line, `${file.id}:${line}`), "text")
        }
      return
    }
    const bytes = await readFile(file.path).catch(() => undefined)
    const text = bytes && decode(bytes)
    if (text === undefined) {
      skipped.push(file.id)
      return
    }
    if (text.replaced) invalid.push(file.id)
    const markdown = MARKDOWN.has(kindOf(file.path))
    yield* this.#chunked(await fileDocument(file.id, text.text, markdown), markdown ? "markdown" : "text")
  }

  *#chunked(document: Document, format: "markdown" | "text"): Iterable<Document> {
    if (this.options.chunk) yield* chunk(document, { format, ...this.options.chunk })
    else yield document
  }
}

function warning(code: "skipped-file" | "invalid-utf8" | "empty-document", ids: readonly string[]): Warning[] {
  return ids.length > 0 ? [{ code, count: ids.length, ids }] : []
}

/** The document of one file. Offsets of its chunks count from `metadata.textStart` of the file's text on. */
async function fileDocument(id: string, source: string, markdown: boolean): Promise<Document> {
  const matter = markdown ? await frontMatter(source) : undefined
  const text = matter ? source.slice(matter.end) : source
  const given = matter?.data.title
  const title =
    typeof given === "string" && given.trim() !== "" ? given.trim() : markdown ? firstHeading(text) : undefined
  const { title: _, ...metadata } = matter?.data ?? {}
  return {
    id,
    title: title ?? basename(id, extname(id)),
    text,
    metadata: {
      ...metadata,
      path: id,
      folder: id.includes("/") ? dirname(id) : "",
      ...(matter ? { textStart: matter.end } : {}),
    },
  }
}

const SNIFFED = 8192

/** Text of a file, or nothing when it looks binary. Byte order marks decide between UTF-8 and UTF-16. */
function decode(bytes: Buffer): { text: string; replaced: boolean } | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { text: bytes.subarray(2).toString("utf16le"), replaced: false }
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    const even = Buffer.from(bytes.subarray(2, bytes.length - (bytes.length % 2)))
    return { text: even.swap16().toString("utf16le"), replaced: false }
  }
  if (bytes.subarray(0, SNIFFED).includes(0)) return undefined
  const text = bytes.toString("utf8")
  return { text: text.charCodeAt(0) === 0xfeff ? text.slice(1) : text, replaced: !isUtf8(bytes) }
}
