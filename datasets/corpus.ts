/** Documents from JSONL or tab-separated files, checked as they stream by. @module */
import type { Document } from "../src/core/document.js"
import { RankineError, throwIfAborted } from "../src/core/errors.js"
import type { Warning } from "../src/core/ranking.js"
import type { ReadOptions } from "./dataset.js"
import { idOf, type JsonRecord, lineError, readJsonl, textOf } from "./jsonl.js"
import { readLineBlocks } from "./lines.js"
import { type FileSource, fileLabel } from "./source.js"

export const ID_FIELDS = ["_id", "id", "docid", "doc_id", "docno"]
/** BEIR, Anserini (`contents`), BRIGHT (`content`), MS MARCO v2 (`passage`). */
export const TEXT_FIELDS = ["text", "contents", "content", "passage", "body"]
const KNOWN = new Set([...ID_FIELDS, ...TEXT_FIELDS, "title", "metadata"])

/** The record of one line as a document. Throws `data` naming file and line where id or text is missing. */
export function toDocument(record: JsonRecord, label: string, line: number, defaultId?: string): Document {
  const id = idOf(record, ID_FIELDS) ?? defaultId
  if (id === undefined) throw lineError(label, line, `a document without id; give it "_id" (or ${list(ID_FIELDS)})`)
  const text = textOf(record, TEXT_FIELDS)
  if (text === undefined)
    throw lineError(label, line, `document ${id} has no text; give it "text" (or ${list(TEXT_FIELDS)})`)
  const title = record.title
  const metadata = metadataOf(record)
  return {
    id,
    ...(typeof title === "string" && title !== "" ? { title } : {}),
    text,
    ...(metadata ? { metadata } : {}),
  }
}

function list(names: readonly string[]): string {
  return names.slice(1).join(", ")
}

/** Other fields of the line, with those of its `metadata` object lifted to their level. */
export function metadataOf(
  record: JsonRecord,
  known: ReadonlySet<string> = KNOWN,
): Record<string, unknown> | undefined {
  let metadata: Record<string, unknown> | undefined
  for (const key in record) {
    if (known.has(key)) continue
    metadata ??= {}
    metadata[key] = record[key]
  }
  const own = record.metadata
  if (typeof own === "object" && own !== null && !Array.isArray(own) && Object.keys(own).length > 0)
    return { ...metadata, ...(own as Record<string, unknown>) }
  return metadata
}

/** Where a complete reading leaves what it found. */
export interface CorpusCheck {
  size: number | undefined
  warnings: readonly Warning[]
}

/** Documents of one or more files of a source; the first complete reading fills `check` and calls `onIds`. */
export async function* readCorpus(
  source: FileSource,
  paths: readonly string[],
  check: CorpusCheck,
  options: ReadOptions,
  onIds: (ids: ReadonlyMap<string, number>) => readonly Warning[],
): AsyncGenerator<Document, void, undefined> {
  const { signal, onProgress } = options
  // Checked once: a second reading would find the same, and the map is the only thing here that grows.
  const seen = check.size === undefined ? new Map<string, number>() : undefined
  const starts: number[] = []
  let count = 0
  const empty: string[] = []
  for (const path of paths) {
    const label = fileLabel(source, path)
    const base = starts.length * LINE_BASE
    starts.push(base)
    for await (const block of readDocuments(source, path, signal)) {
      for (const { document, line } of block) {
        if (seen) {
          const before = seen.get(document.id)
          if (before !== undefined) {
            const file = fileLabel(source, paths[Math.floor(before / LINE_BASE)]!)
            throw lineError(label, line, `document id ${document.id} was used before, at ${file}:${before % LINE_BASE}`)
          }
          seen.set(document.id, base + line)
        }
        if (document.text.trim() === "" && (document.title ?? "").trim() === "") empty.push(document.id)
        count++
        yield document
      }
      throwIfAborted(signal)
      onProgress?.({
        stage: "documents",
        done: count,
        unit: "documents",
        ...(check.size === undefined ? {} : { total: check.size }),
      })
    }
  }
  if (count === 0)
    throw new RankineError("data", `${source.label} holds no documents: ${paths.join(", ")} is empty; fetch it again`)
  if (!seen) return
  const warnings: Warning[] = empty.length > 0 ? [{ code: "empty-document", count: empty.length, ids: empty }] : []
  check.size = count
  check.warnings = [...warnings, ...onIds(seen)]
}

/** Packs a file's index and a line into one number: both lie far below 2^53 / 2^32. */
const LINE_BASE = 2 ** 32

interface Located {
  readonly document: Document
  readonly line: number
}

async function* readDocuments(source: FileSource, path: string, signal?: AbortSignal): AsyncGenerator<Located[]> {
  const label = fileLabel(source, path)
  const stream = await source.open(path)
  if (/\.tsv(\.gz)?$/.test(path)) {
    for await (const { lines, first } of readLineBlocks(stream, label, signal))
      yield lines.flatMap((line, index) => (line === "" ? [] : [tsvDocument(line, label, first + index)]))
    return
  }
  for await (const block of readJsonl(stream, label, signal))
    yield block.records.map((record, index) => {
      const line = block.line(index)
      return { document: toDocument(record, label, line), line }
    })
}

/** `id<TAB>text`, as in MS MARCO's collection.tsv, or `id<TAB>title<TAB>text`. */
function tsvDocument(line: string, label: string, number: number): Located {
  const [id, ...columns] = line.split("\t")
  if (!id) throw lineError(label, number, "a document without id; each line is id<TAB>text")
  if (columns.length === 0) throw lineError(label, number, `document ${id} has no text; each line is id<TAB>text`)
  if (columns.length > 2) throw lineError(label, number, `${columns.length + 1} columns; each line is id<TAB>text`)
  const text = columns[columns.length - 1]!
  return { document: columns.length === 2 && columns[0] ? { id, title: columns[0], text } : { id, text }, line: number }
}
