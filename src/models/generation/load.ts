/** Opens a language model that lies on this machine: a folder of a checkpoint, or a GGUF file. @module */
import { existsSync } from "node:fs"
import { readdir, stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { RankineError } from "../../core/errors.js"
import { openGguf } from "../checkpoint/gguf.js"
import { type DecoderOptions, loadDecoder } from "../decoder/load.js"
import type { DecoderSource } from "../decoder/open.js"
import { defaultModelsDir, type LocateOptions, locateModel } from "../locate.js"
import { readModelJson } from "../model-files.js"
import { ggufTokenizerFiles } from "../tokenizer-gguf.js"
import { loadTextCodec } from "./load-text-codec.js"
import { LocalLanguageModel, type LocalModelOptions } from "./local-language-model.js"
import { createTextCodec, type TextCodec } from "./text-codec.js"
import { turnEnd } from "./turn-end.js"

export interface LoadLanguageModelOptions extends DecoderOptions, LocalModelOptions, LocateOptions {
  /** Jinja; instead of the model's own. */
  readonly chatTemplate?: string
}

interface Files {
  readonly name: string
  readonly source: DecoderSource | string
  readonly codec: TextCodec
  /** What the files name beside config.json. */
  readonly endIds: readonly number[]
}

/**
 * Loads a language model from a folder (config.json, safetensors, tokenizer.json), a GGUF file, a folder that holds one, a graph exported
 * by others (`.onnx`), or a name among the local models or on the hub.
 *
 * ```ts
 * await using model = await loadLanguageModel("SmolLM2-135M-Instruct")
 * const [answer] = await model.generate([{ messages: [{ role: "user", content: "What do owls eat?" }], maxTokens: 40 }])
 * ```
 * @throws RankineError `not-found` where there is no such model; what reading the files and loading the decoder throw
 */
export async function loadLanguageModel(
  nameOrPath: string,
  options: LoadLanguageModelOptions = {},
): Promise<LocalLanguageModel> {
  const { chatTemplate, modelsDir, download, hub, name, endIds = [], maxLength, sharePrefixes, ...rest } = options
  const { batch, generationBatch, generationBatches, queue, ...decoderOptions } = rest
  const place = await placeOf(nameOrPath, {
    ...(modelsDir === undefined ? {} : { modelsDir }),
    ...(download === undefined ? {} : { download }),
    ...(hub === undefined ? {} : { hub }),
  })
  const files = await filesAt(place, chatTemplate)
  const turn = turnEnd(files.codec)
  const decoder = await loadDecoder(files.source, {
    ...(maxLength === undefined ? {} : { contextLength: maxLength }),
    ...decoderOptions,
  })
  return new LocalLanguageModel(decoder, files.codec, {
    name: name ?? files.name,
    endIds: [...endIds, ...files.endIds, ...(turn === undefined ? [] : [turn])],
    ...(sharePrefixes === undefined ? {} : { sharePrefixes }),
    ...(batch === undefined ? {} : { batch }),
    ...(generationBatch === undefined ? {} : { generationBatch }),
    ...(generationBatches === undefined ? {} : { generationBatches }),
    ...(queue === undefined ? {} : { queue }),
  })
}

async function filesAt(place: string, chatTemplate: string | undefined): Promise<Files> {
  if (place.endsWith(".gguf")) return fromGguf(place, chatTemplate)
  if (!place.endsWith(".onnx")) return fromFolder(place, chatTemplate)
  // Exported graphs lie beside the tokenizer, or in a folder of their own next to it.
  const beside = dirname(place)
  const folder = existsSync(join(beside, "tokenizer.json")) ? beside : dirname(beside)
  return { ...(await fromFolder(folder, chatTemplate)), source: place }
}

async function fromFolder(folder: string, chatTemplate: string | undefined): Promise<Files> {
  const [codec, generation] = await Promise.all([
    loadTextCodec(folder, chatTemplate),
    readModelJson(folder, "generation_config.json"),
  ])
  return { name: basename(folder), source: folder, codec, endIds: idsIn(generation?.eos_token_id) }
}

async function fromGguf(file: string, chatTemplate: string | undefined): Promise<Files> {
  const model = await openGguf(file)
  const codec = createTextCodec({
    ...ggufTokenizerFiles(model.file),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
  })
  const named = ["eos", "eot", "eom"].flatMap((kind) => idsIn(model.file.values.get(`tokenizer.ggml.${kind}_token_id`)))
  const name = basename(file) === "model.gguf" ? basename(dirname(file)) : basename(file, ".gguf")
  return { name, source: { checkpoint: model, config: model.config, place: file }, codec, endIds: named }
}

function idsIn(value: unknown): number[] {
  return (Array.isArray(value) ? value : [value]).filter((id): id is number => Number.isInteger(id))
}

/** The folder of a checkpoint, or the path of a GGUF file. */
async function placeOf(nameOrPath: string, options: LocateOptions): Promise<string> {
  const asPath = resolve(nameOrPath)
  const kind = await stat(asPath).catch(() => undefined)
  if (kind?.isFile()) {
    if (/\.(gguf|onnx)$/.test(asPath)) return asPath
    throw new RankineError(
      "argument",
      `${nameOrPath} is neither a GGUF nor an ONNX file: name a folder, or a file that ends in .gguf or .onnx`,
    )
  }
  for (const folder of [asPath, join(resolve(options.modelsDir ?? defaultModelsDir()), basename(nameOrPath))]) {
    const found = await onlyGguf(folder)
    if (found !== undefined) return found
  }
  return locateModel(nameOrPath, options)
}

/** The GGUF file of a folder that has no other weights. */
async function onlyGguf(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch((): string[] => [])
  if (names.includes("config.json")) return undefined
  // A model in several files is opened by the first.
  const models = names.filter((name) => /(?<!-\d{5}-of-\d{5})\.gguf$|-00001-of-\d{5}\.gguf$/.test(name))
  if (models.length > 1)
    throw new RankineError(
      "argument",
      `${folder} holds ${models.length} GGUF files (${models.join(", ")}): name one of them`,
    )
  return models[0] === undefined ? undefined : join(folder, models[0])
}
