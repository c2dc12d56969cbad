/** One door to every data set: a folder, an archive, a file, or a name. @module */
import { stat } from "node:fs/promises"
import { basename, dirname, join, sep } from "node:path"
import { RankineError } from "../src/core/errors.js"
import { type FormOptions, isBeir, openBeir } from "./beir.js"
import { isBright, openBright } from "./bright.js"
import { openBundled } from "./bundled.js"
import { openCandidateFile } from "./candidate-file.js"
import { compositeDataset } from "./composite.js"
import type { Dataset } from "./dataset.js"
import { type FetchOptions, fetchDataset, unknownName } from "./fetch.js"
import { findEntry, listDatasets } from "./registry.js"
import { directorySource, type FileSource, subSource, zipSource } from "./source.js"

export interface OpenOptions extends FormOptions, FetchOptions {
  /** Where collections lie that were put on disk by hand: `dataDir/scifact` is taken before any download. */
  readonly dataDir?: string
}

/**
 * Opens a data set. A path may be a folder or a zip archive in the form of BEIR, BRIGHT, R2MED or TREC tracks, a folder of the parts of
 * a composite (CQADupStack, BRIGHT, R2MED), or a file of candidates; what lies there decides. A name is looked up in
 * `dataDir`, in the cache, among the bundled collections, and then fetched.
 * Throws `not-found` for unknown names, missing files and splits, `data` with file and line for malformed files, and
 * what `fetchDataset` throws.
 */
export async function openDataset(pathOrName: string, options: OpenOptions = {}): Promise<Dataset> {
  const info = await stat(pathOrName).catch(() => undefined)
  if (info?.isDirectory()) return openSource(await directorySource(pathOrName), options)
  if (info && /\.zip$/i.test(pathOrName)) return openSource(await zipSource(pathOrName), options)
  if (info && /\.jsonl(\.gz)?$/.test(pathOrName)) {
    if (basename(pathOrName).startsWith("corpus."))
      throw new RankineError(
        "argument",
        `${pathOrName} is a file of documents: open its folder ${dirname(pathOrName)}, or index it with openFolder`,
      )
    return openCandidateFile(pathOrName, options)
  }
  if (info)
    throw new RankineError(
      "argument",
      `${pathOrName} is not a data set; give a folder, a .zip archive or a .jsonl file of candidates`,
    )
  if (/[\\/]/.test(pathOrName) || pathOrName.startsWith("."))
    throw new RankineError("not-found", `there is no file or folder ${pathOrName}`)
  const { dataDir } = options
  if (dataDir !== undefined) {
    const local = join(dataDir, pathOrName)
    if (await stat(local).catch(() => undefined)) return openDataset(local, options)
  }
  if (pathOrName.toLowerCase() === "mbpp") return openBundled("mbpp", options)
  const entry = findEntry(pathOrName)
  if (!entry) throw unknownName(pathOrName)
  // A forum of CQADupStack comes with the archive of all twelve.
  const whole =
    entry.url === undefined && listDatasets().find((each) => each.url && isPartOf(entry.name, each.parts, each.name))
  if (whole) {
    const folder = join(await fetchDataset(whole.name, options), entry.name.slice(whole.name.length + 1))
    return openSource(await directorySource(folder), { ...options, name: options.name ?? entry.name })
  }
  const folder = await fetchDataset(pathOrName, options)
  return openSource(await directorySource(folder), { ...options, name: options.name ?? entry.name })
}

function isPartOf(name: string, parts: readonly string[] | undefined, whole: string): boolean {
  return parts?.some((part) => `${whole}-${part}` === name) ?? false
}

async function openSource(source: FileSource, options: OpenOptions): Promise<Dataset> {
  if (isBright(source)) return openBright(source, options)
  if (isBeir(source)) return openBeir(source, options)
  const folders = [
    ...new Set(source.files.flatMap((path) => (path.includes("/") ? [path.slice(0, path.indexOf("/"))] : []))),
  ]
  const known = folders.filter((folder) => {
    const part = subSource(source, folder)
    return isBright(part) || isBeir(part)
  })
  const composite = listDatasets().find((entry) => entry.parts?.every((part) => findFolder(known, part) !== undefined))
  if (composite) {
    const parts: Dataset[] = []
    for (const part of composite.parts!) {
      const { name: _, ...rest } = options
      const folder = subSource(source, findFolder(known, part)!)
      parts.push(await openSource(folder, { ...rest, name: `${composite.name}-${part.toLowerCase()}` }))
    }
    return compositeDataset(composite, parts)
  }
  if (known.length > 0)
    throw new RankineError(
      "not-found",
      `${source.label} holds several data sets; open one of them: ${known.map((name) => `${source.label}${sep}${name}`).join(", ")}`,
    )
  throw new RankineError(
    "not-found",
    `${source.label} holds no data set: expected corpus.jsonl, queries.jsonl and qrels/test.tsv (BEIR), or examples.jsonl (BRIGHT); ` +
      "to index a folder of your own files use openFolder",
  )
}

function findFolder(folders: readonly string[], part: string): string | undefined {
  return folders.find((folder) => folder.toLowerCase() === part.toLowerCase())
}
