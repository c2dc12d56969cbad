/** Sentence encoders: texts to vectors by a transformer, pooled as the model's own files say. @module */

import { basename } from "node:path"
import type { RunOptions } from "../core/contracts.js"
import { RankineError } from "../core/errors.js"
import { queueShare } from "../core/queue-share.js"
import type { EmbeddingModel, Embeddings } from "./embedding-model.js"
import { type EncoderModel, type EncoderSettings, loadEncoder } from "./encoder/load.js"
import type { Pooling } from "./encoder/pooling.js"
import { digestOfFiles, fingerprintOf } from "./fingerprint.js"
import { type LocateOptions, locateModel, splitLocateOptions } from "./locate.js"
import { knownLanguages } from "./registry/registry.js"
import { runInSlices } from "./scheduler-slices.js"
import { readSentenceTransformer } from "./sentence-transformer.js"
import { loadTokenizer, type Tokenizer } from "./tokenizer.js"

export interface EmbedderOptions extends EncoderSettings, LocateOptions {
  /** Overrides the model's files, and is needed where they say nothing. */
  readonly pooling?: Pooling
  /** Vectors of length 1. Default: as the model's files say; true where they say nothing. */
  readonly normalize?: boolean
  /** What is put before queries and documents. Default: the model's own prompts. */
  readonly prompts?: { readonly query?: string; readonly document?: string }
  /** Most tokens of a text, special ones included. Default: the model's own limit. */
  readonly maxLength?: number
}

/** An embedding model that holds native memory until it is disposed of. */
export interface Embedder extends EmbeddingModel, AsyncDisposable {
  readonly maxLength: number
  /** Where it runs, and why there. */
  readonly device: EncoderModel["device"]
  readonly deviceReason: string
  /** Where the queue of this model stands, and what it has done so far. */
  readonly stats: EncoderModel["stats"]
}

/**
 * Loads a sentence-transformers folder, or a plain transformer with `pooling` given.
 *
 * @param nameOrPath a folder, or a name that `locateModel` finds
 * @throws RankineError `not-found` where model or files are missing, `model` for what is not supported, `configuration` where neither
 *   the files nor the options say how to pool
 */
export async function loadEmbedder(nameOrPath: string, options: EmbedderOptions = {}): Promise<Embedder> {
  const [where, rest] = splitLocateOptions(options)
  const { pooling: asked, normalize: unit, prompts = {}, maxLength: wanted, ...settings } = rest
  const folder = await locateModel(nameOrPath, where)
  const files = await readSentenceTransformer(folder)
  const pooling = asked ?? files?.pooling
  if (!pooling)
    throw new RankineError(
      "configuration",
      `${folder} has no modules.json, which says how to pool: give pooling "mean" or "cls", as the model's card says`,
    )
  const normalize = unit ?? files?.normalize ?? true
  const transformer = files?.transformer ?? folder
  const tokenizer = await loadTokenizer(transformer)
  const encoder = await loadEncoder(transformer, { ...settings, output: { kind: "pooled", pooling, normalize } })
  const limit = Math.min(files?.maxLength ?? tokenizer.maxLength ?? Number.POSITIVE_INFINITY, encoder.maxLength)
  if (wanted !== undefined && wanted > encoder.maxLength) {
    await encoder[Symbol.asyncDispose]()
    throw new RankineError(
      "argument",
      `maxLength ${wanted} is more than the ${encoder.maxLength} tokens that this model reads`,
    )
  }
  const { precision } = encoder
  const model = new TransformerEmbedder(basename(folder), tokenizer, encoder, {
    pooling,
    normalize,
    maxLength: wanted ?? limit,
    lowerCase: files?.lowerCase ?? false,
    prompts: {
      query: prompts.query ?? files?.prompts.query ?? "",
      document: prompts.document ?? files?.prompts.document ?? "",
    },
    precision,
    files: await digestOfFiles(transformer),
  })
  model.languages = await knownLanguages(nameOrPath, folder)
  return model
}

interface Settings {
  readonly pooling: Pooling
  readonly normalize: boolean
  readonly maxLength: number
  readonly lowerCase: boolean
  readonly prompts: { readonly query: string; readonly document: string }
  readonly precision: string
  /** Of the files beside the weights. */
  readonly files: string
}

class TransformerEmbedder implements Embedder {
  readonly dimension: number
  readonly pooling: string
  readonly normalized: boolean
  readonly maxLength: number
  readonly prompts: Settings["prompts"]
  readonly precision: string
  readonly checksum: string
  readonly fingerprint: string
  readonly device: EncoderModel["device"]
  readonly deviceReason: string
  languages: readonly string[] | undefined

  constructor(
    readonly name: string,
    private readonly tokenizer: Tokenizer,
    private readonly encoder: EncoderModel,
    private readonly settings: Settings,
  ) {
    this.dimension = encoder.width
    this.pooling = settings.pooling
    this.normalized = settings.normalize
    this.maxLength = settings.maxLength
    this.prompts = settings.prompts
    this.precision = settings.precision
    this.checksum = encoder.checksum
    this.fingerprint = fingerprintOf("embedder", { ...settings, checksum: encoder.checksum, width: encoder.width })
    this.device = encoder.device
    this.deviceReason = encoder.deviceReason
  }

  async encode(texts: readonly string[], side: "query" | "document", options?: RunOptions): Promise<Float32Array[]> {
    return (await this.embed(texts, side, options)).vectors
  }

  countTokens(text: string): number {
    return this.tokenizer.encode(text, { special: false }).ids.length
  }

  async embed(texts: readonly string[], side: "query" | "document", options: RunOptions = {}): Promise<Embeddings> {
    const { prompts, lowerCase, maxLength } = this.settings
    const truncated: number[] = []
    const read = (index: number) => {
      const text = texts[index]
      if (typeof text !== "string")
        throw new RankineError("argument", `text ${index + 1} of ${texts.length} is no string: give a string`)
      const row = this.tokenizer.encode(prompts[side] + (lowerCase ? text.toLowerCase() : text), { maxLength })
      if (row.truncated) truncated.push(index)
      return row
    }
    const { results, counts } = await runInSlices(texts.length, read, (rows, each) => this.encoder.run(rows, each), {
      ...queueShare(options),
      onRows: (done) => options.onProgress?.({ stage: "embed", done, total: texts.length, unit: "texts" }),
    })
    const lengths = Array.from(counts)
    return { vectors: results, tokens: lengths.reduce((sum, length) => sum + length, 0), lengths, truncated }
  }

  get stats(): EncoderModel["stats"] {
    return this.encoder.stats
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.encoder[Symbol.asyncDispose]()
  }
}
