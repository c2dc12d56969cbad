/** Finds and opens the files of a decoder, whatever form they are in. @module */
import { readdir, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { RankineError } from "../../core/errors.js"
import { openGguf } from "../checkpoint/gguf.js"
import { type Checkpoint, openSafetensors } from "../checkpoint/safetensors.js"
import { readModelJson } from "../model-files.js"
import { onnxFileNames } from "../onnx-files.js"

/** A checkpoint that is open already, with what config.json holds. */
export interface DecoderSource {
  readonly checkpoint: Checkpoint
  readonly config: Readonly<Record<string, unknown>>
  /** Where the configuration was found, for messages. */
  readonly place?: string
}

/** A graph that others exported. */
export interface ExportedDecoder {
  /** Its path. */
  readonly graph: string
  readonly config: Readonly<Record<string, unknown>>
  readonly place: string
}

/**
 * Opens a `.gguf` file, an `.onnx` file, or a folder: with safetensors, else with one GGUF file, else with an exported graph.
 * @throws RankineError `not-found` for what is missing, `data` and `model` as `openSafetensors` and `openGguf`
 */
export async function openDecoder(path: string): Promise<DecoderSource | ExportedDecoder> {
  if (path.endsWith(".gguf")) return openGgufDecoder(path)
  if (path.endsWith(".onnx")) return openExported(path)
  const names = await readdir(path).catch(() => {
    throw new RankineError("not-found", `there is no folder ${path}: give a model's folder, or a .gguf or .onnx file`)
  })
  if (names.some((name) => /\.safetensors(\.index\.json)?$/.test(name))) return openFolder(path)
  const files = names.filter((name) => name.endsWith(".gguf"))
  // Of a model in parts the first opens the others.
  const first = files.filter((name) => !/-\d{5}-of-\d{5}\.gguf$/.test(name) || name.includes("-00001-of-"))
  if (first.length === 1) return openGgufDecoder(join(path, first[0]!))
  if (first.length > 1)
    throw new RankineError("argument", `${path} holds ${first.join(" and ")}: give the one to load by its path`)
  for (const name of onnxFileNames()) if (await exists(join(path, name))) return openExported(join(path, name))
  return openFolder(path)
}

async function openGgufDecoder(path: string): Promise<DecoderSource> {
  const checkpoint = await openGguf(path)
  return { checkpoint, config: checkpoint.config, place: path }
}

async function openFolder(folder: string): Promise<DecoderSource> {
  const config = await configOf(folder)
  return { ...config, checkpoint: await openSafetensors(folder) }
}

/** Exports lie in a folder of their own within the model's, or beside its other files. */
async function openExported(path: string): Promise<ExportedDecoder> {
  if (!(await exists(path))) throw new RankineError("not-found", `there is no ${path}: check the path of the model`)
  const folder = dirname(path)
  const above = basename(folder) === "onnx" && !(await exists(join(folder, "config.json")))
  return { graph: path, ...(await configOf(above ? dirname(folder) : folder)) }
}

async function configOf(folder: string): Promise<{ config: Readonly<Record<string, unknown>>; place: string }> {
  const place = join(folder, "config.json")
  const config = await readModelJson(folder, "config.json")
  if (config) return { config, place }
  throw new RankineError("not-found", `${place} is missing: copy it from the model's repository`, {
    details: { folder, lookedFor: ["config.json"] },
  })
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
