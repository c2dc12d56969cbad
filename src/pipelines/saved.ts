/** Pipelines with their indexes in one directory: built once, loaded by whoever searches. @module */
import { randomBytes } from "node:crypto"
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Pipeline, RankineError, type Retriever } from "../core/index.js"
import { buildPipeline } from "./build.js"
import { parsePipeline } from "./parse.js"
import { type PartSpec, type PipelineContext, partDefinition } from "./registry.js"
import type { PipelineSpec } from "./schema.js"

const FILE = "pipeline.json"
const FORMAT = 1
const FOLDER = /^indexes-[0-9a-f]{8}$/

interface PipelineFile {
  readonly format: number
  readonly pipeline: PipelineSpec
}

/** A retriever that can be written into a directory. */
interface Savable {
  save(directory: string): Promise<void>
}

/**
 * Builds a pipeline over documents and writes its indexes and itself into a directory, from where `openSavedPipeline` loads it. A pipeline that lies
 * there is replaced in one step when everything is written.
 *
 * @returns the pipeline, ready to search
 * @throws RankineError `configuration` for a part that cannot be saved, `storage` where the directory cannot be written
 */
export async function savePipeline(input: unknown, directory: string, context: PipelineContext): Promise<Pipeline> {
  const spec = parsePipeline(input)
  const built = new Map<string, Retriever>()
  requireSavable(spec.retriever)
  const made = await buildPipeline(spec, context, (part, retriever) => built.set(JSON.stringify(part), retriever))
  await mkdir(directory, { recursive: true })
  const old = (await readdir(directory)).filter((name) => FOLDER.test(name))
  const folder = `indexes-${randomBytes(4).toString("hex")}`
  let number = 0
  const places = new Map<string, PartSpec>()
  try {
    for (const [key, retriever] of built) {
      const [name, options] = only(JSON.parse(key) as PartSpec)
      const saved = partDefinition("retriever", name)!.saved
      if (!saved) continue
      const place = `${folder}/${++number}-${name}`
      await mkdir(join(directory, folder), { recursive: true })
      await (retriever as unknown as Savable).save(join(directory, place))
      places.set(key, { [name]: saved(options as never, place) })
    }
    const file: PipelineFile = { format: FORMAT, pipeline: { ...spec, retriever: placed(spec.retriever, places) } }
    await writeFile(join(directory, `${FILE}.new`), `${JSON.stringify(file, null, 2)}\n`)
    await rename(join(directory, `${FILE}.new`), join(directory, FILE))
  } catch (cause) {
    await rm(join(directory, folder), { recursive: true, force: true })
    throw cause
  }
  for (const name of old) await rm(join(directory, name), { recursive: true, force: true })
  return made
}

/** Whether `savePipeline` wrote this directory. */
export async function isSavedPipeline(directory: string): Promise<boolean> {
  return (await readPipelineFile(directory)) !== undefined
}

/** Loads what `savePipeline` wrote. Throws `not-found`, `index-version` for a newer format, and what loading its indexes throws. */
export async function openSavedPipeline(
  directory: string,
  context: Omit<PipelineContext, "documents" | "indexDirectory"> = {},
): Promise<Pipeline> {
  const file = await readPipelineFile(directory)
  if (!file)
    throw new RankineError("not-found", `${directory} holds no pipeline (no ${FILE}): check the path, or index first`)
  if (file.format !== FORMAT)
    throw new RankineError(
      "index-version",
      `${directory} was written by another version of Rankine (format ${file.format}, this one reads ${FORMAT}): index anew`,
    )
  return buildPipeline(file.pipeline, { ...context, indexDirectory: directory })
}

async function readPipelineFile(directory: string): Promise<PipelineFile | undefined> {
  const path = join(directory, FILE)
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes((cause as NodeJS.ErrnoException).code ?? "")) return undefined
    throw new RankineError("storage", `${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
  try {
    return JSON.parse(text) as PipelineFile
  } catch (cause) {
    throw new RankineError("index-corrupt", `${path} is damaged: index anew`, { cause })
  }
}

function only(part: PartSpec): [name: string, options: unknown] {
  return typeof part === "string" ? [part, {}] : Object.entries(part)[0]!
}

/** Before hours are spent on building. */
function requireSavable(part: PartSpec): void {
  const [name, options] = only(part)
  const inner = (options as { retrievers?: readonly PartSpec[] }).retrievers
  if (inner) {
    for (const one of inner) requireSavable(one)
    return
  }
  if (!partDefinition("retriever", name)?.saved)
    throw new RankineError("configuration", `${name} cannot be saved with a pipeline: leave it out, or search without`)
}

/** The same part with every index replaced by the place that it was saved to. */
function placed(part: PartSpec, places: ReadonlyMap<string, PartSpec>): PartSpec {
  const known = places.get(JSON.stringify(part))
  if (known) return known
  const [name, options] = only(part)
  const { retrievers, ...rest } = options as { retrievers?: readonly PartSpec[] }
  return retrievers ? { [name]: { ...rest, retrievers: retrievers.map((one) => placed(one, places)) } } : part
}
