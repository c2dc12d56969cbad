/** What the arguments of `index` name: a judged collection, or the user's own files. @module */
import { existsSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { type Collection, type FolderOptions, openDataset, openFolder } from "../../datasets/index.js"
import { RankineError } from "../core/index.js"

export interface CollectionFlags {
  readonly chunk?: number | true
  readonly overlap?: number
  readonly extensions?: readonly string[]
  readonly nodeModules?: true
}

/** A directory in BEIR's form is read as such: its queries are no documents. */
export async function openCollection(
  paths: readonly string[],
  flags: CollectionFlags,
  signal: AbortSignal,
): Promise<Collection> {
  const corpus = ["corpus.jsonl", "corpus.jsonl.gz"].some((name) => existsSync(join(paths[0]!, name)))
  if (paths.length === 1 && corpus && flags.chunk === undefined) return openDataset(paths[0]!, { signal })
  if (flags.overlap !== undefined && flags.chunk === undefined)
    throw new RankineError("argument", "--overlap belongs to --chunk: give both")
  return openFolder(paths, folderOptions(flags, signal))
}

export function folderOptions(flags: CollectionFlags, signal: AbortSignal): FolderOptions {
  const { chunk, overlap, extensions, nodeModules } = flags
  const chunking = {
    ...(typeof chunk === "number" ? { maxTokens: chunk } : {}),
    ...(overlap === undefined ? {} : { overlap }),
  }
  return {
    signal,
    ...(chunk === undefined ? {} : { chunk: chunking }),
    ...(extensions === undefined
      ? {}
      : { extensions: extensions.map((one) => (one.startsWith(".") ? one : `.${one}`)) }),
    ...(nodeModules === undefined ? {} : { nodeModules }),
  }
}

/** An index is not strewn among other files. Throws `argument` for a directory that holds something else. */
export async function checkOutput(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return []
    throw error
  })
  if (names.length > 0 && !names.includes("index.json") && !names.includes("pipeline.json"))
    throw new RankineError("argument", `${directory} holds other files than an index: name a new directory`)
}
