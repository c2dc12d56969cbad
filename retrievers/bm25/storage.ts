/** A BM25 index on disk: its settings and its segments. @module */
import { resolve } from "node:path"
import type { Segment } from "../inverted/segment.js"
import { readSegments, type SavedSegment, writeSegments } from "../inverted/segment-storage.js"
import { type Format, readManifest, replaceContent } from "../storage/directory.js"
import type { Bm25Settings } from "./settings.js"

const FORMAT: Format = { name: "rankine-bm25", version: 2 }

interface Body {
  readonly settings: Bm25Settings
  readonly segments: readonly SavedSegment[]
}

/** Writes the segments and makes them the index of the directory. */
export async function saveIndex(
  directory: string,
  settings: Bm25Settings,
  segments: readonly Segment[],
): Promise<void> {
  await replaceContent(directory, FORMAT, async (folder, fileName, keep): Promise<Body> => {
    return { settings, segments: await writeSegments(segments, folder, fileName, keep) }
  })
}

/** Loads what `saveIndex` wrote. */
export async function loadIndex(directory: string): Promise<{ settings: Bm25Settings; segments: Segment[] }> {
  const { settings, segments } = (await readManifest<Body>(directory, FORMAT)).body
  return { settings, segments: await readSegments(resolve(directory), segments) }
}
