/** Learned sparse encoders: texts to weights of vocabulary terms (SPLADE). @module */

import { basename } from "node:path"
import type { Encoder, RunOptions } from "../core/contracts.js"
import { RankineError } from "../core/errors.js"
import { queueShare } from "../core/queue-share.js"
import { type EncoderModel, type EncoderSettings, loadEncoder } from "./encoder/load.js"
import { digestOfFiles, fingerprintOf } from "./fingerprint.js"
import { type LocateOptions, locateModel, splitLocateOptions } from "./locate.js"
import { knownLanguages } from "./registry/registry.js"
import type { QueueStats } from "./scheduler.js"
import { runInSlices } from "./scheduler-slices.js"
import { loadTokenizer, type Tokenizer } from "./tokenizer.js"

/** Terms with a weight above zero, by id ascending. */
export interface SparseVector {
  readonly ids: Uint32Array
  readonly weights: Float32Array
}

export interface SparseEmbeddings {
  /** One vector for each text, in their order. */
  readonly vectors: SparseVector[]
  /** Tokens of the texts as the model reads them, special ones included, padding not. */
  readonly tokens: number
  /** Those of each text. */
  readonly lengths?: readonly number[]
  /** Positions of the texts that were longer than the model reads. */
  readonly truncated: readonly number[]
  /** How many of the tokens were not read now, since their vectors were known. Default 0. */
  readonly cached?: number
}

export interface SparseEncoderOptions extends EncoderSettings, LocateOptions {
  /** Most tokens of a text, special ones included. Default: the model's own limit, at most 512. */
  readonly maxLength?: number
  /** Terms of this weight and less are dropped. Default 0. */
  readonly threshold?: number
}

/** A learned sparse encoder; it holds native memory until it is disposed of. */
export interface SparseEncoder extends Encoder<SparseVector>, AsyncDisposable {
  readonly name: string
  /** Of the weights: the same for the same model. */
  readonly checksum: string
  /** The same for the same weights, words and settings: vectors of equal fingerprints may be kept and compared. Where it runs does not count. */
  readonly fingerprint: string
  /** Size of the vocabulary. */
  readonly vocabulary: number
  readonly maxLength: number
  /** Languages that the model was trained for, where the registry knows them: texts in others are counted. */
  readonly languages?: readonly string[] | undefined
  /** The term of an id, `undefined` for an id that is none. */
  termOf(id: number): string | undefined
  /** Where the queue of this model stands, and what it has done so far; none where the vectors come from elsewhere. */
  readonly stats?: QueueStats | undefined
  /** Tokens of a text alone, without special ones. */
  countTokens?(text: string): number
  embed(texts: readonly string[], side: "query" | "document", options?: RunOptions): Promise<SparseEmbeddings>
}

/**
 * Loads a masked-language model as a SPLADE encoder: the weight of a term is log(1 + relu(its largest logit over all tokens)).
 *
 * @param nameOrPath a folder, or a name that `locateModel` finds
 * @throws RankineError `not-found` where model or files are missing, `model` where it has no masked-language-model head
 * @see Formal et al., SPLADE v2, 2021
 */
export async function loadSparseEncoder(
  nameOrPath: string,
  options: SparseEncoderOptions = {},
): Promise<SparseEncoder> {
  const [where, rest] = splitLocateOptions(options)
  const { maxLength: wanted, threshold = 0, ...settings } = rest
  if (!(threshold >= 0))
    throw new RankineError("argument", `threshold must be a number of at least 0, got ${threshold}`)
  const folder = await locateModel(nameOrPath, where)
  const tokenizer = await loadTokenizer(folder)
  const encoder = await loadEncoder(folder, { ...settings, output: { kind: "terms" } })
  if (wanted !== undefined && wanted > encoder.maxLength) {
    await encoder[Symbol.asyncDispose]()
    throw new RankineError(
      "argument",
      `maxLength ${wanted} is more than the ${encoder.maxLength} tokens that this model reads`,
    )
  }
  const maxLength = wanted ?? Math.min(tokenizer.maxLength ?? 512, encoder.maxLength)
  const { precision } = encoder
  const files = await digestOfFiles(folder)
  const { checksum } = encoder
  const fingerprint = fingerprintOf("sparse-encoder", { checksum, files, maxLength, threshold, precision })
  const model = new Splade(basename(folder), tokenizer, encoder, maxLength, threshold, fingerprint)
  model.languages = await knownLanguages(nameOrPath, folder)
  return model
}

class Splade implements SparseEncoder {
  readonly checksum: string
  readonly vocabulary: number
  languages: readonly string[] | undefined

  constructor(
    readonly name: string,
    private readonly tokenizer: Tokenizer,
    private readonly encoder: EncoderModel,
    readonly maxLength: number,
    private readonly threshold: number,
    readonly fingerprint: string,
  ) {
    this.checksum = encoder.checksum
    this.vocabulary = encoder.width
  }

  termOf(id: number): string | undefined {
    return this.tokenizer.tokenOf(id)
  }

  async encode(texts: readonly string[], side: "query" | "document", options?: RunOptions): Promise<SparseVector[]> {
    return (await this.embed(texts, side, options)).vectors
  }

  countTokens(text: string): number {
    return this.tokenizer.encode(text, { special: false }).ids.length
  }

  async embed(
    texts: readonly string[],
    _side: "query" | "document",
    options: RunOptions = {},
  ): Promise<SparseEmbeddings> {
    const truncated: number[] = []
    const read = (index: number) => {
      const text = texts[index]
      if (typeof text !== "string")
        throw new RankineError("argument", `text ${index + 1} of ${texts.length} is no string: give a string`)
      const row = this.tokenizer.encode(text, { maxLength: this.maxLength })
      if (row.truncated) truncated.push(index)
      return row
    }
    // Row by row: the dense forms of many texts together would be large.
    const convert = (weights: Float32Array) => sparse(weights, this.threshold)
    const { results, counts } = await runInSlices(
      texts.length,
      read,
      (rows, each) => this.encoder.run(rows, each, convert),
      {
        ...queueShare(options),
        onRows: (done) => options.onProgress?.({ stage: "embed", done, total: texts.length, unit: "texts" }),
      },
    )
    const lengths = Array.from(counts)
    return { vectors: results, tokens: lengths.reduce((sum, length) => sum + length, 0), lengths, truncated }
  }

  get stats(): QueueStats {
    return this.encoder.stats
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.encoder[Symbol.asyncDispose]()
  }
}

function sparse(weights: Float32Array, threshold: number): SparseVector {
  let count = 0
  for (const weight of weights) if (weight > threshold) count++
  const ids = new Uint32Array(count)
  const kept = new Float32Array(count)
  let at = 0
  for (let id = 0; id < weights.length; id++) {
    if (weights[id] <= threshold) continue
    ids[at] = id
    kept[at++] = weights[id]
  }
  return { ids, weights: kept }
}
