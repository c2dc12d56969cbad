/** Late-interaction encoders: texts to one vector for each token (ColBERT). @module */

import { basename } from "node:path"
import type { Encoder, RunOptions } from "../core/contracts.js"
import { RankineError } from "../core/errors.js"
import { queueShare } from "../core/queue-share.js"
import { type EncoderModel, type EncoderRow, type EncoderSettings, loadEncoder } from "./encoder/load.js"
import { digestOfFiles, fingerprintOf } from "./fingerprint.js"
import { type LocateOptions, locateModel, splitLocateOptions } from "./locate.js"
import { type MultiVectorConfig, readMultiVectorConfig, type SideConfig } from "./multi-vector-config.js"
import type { QueueStats } from "./scheduler.js"
import { runInSlices } from "./scheduler-slices.js"
import { loadTokenizer, type Tokenizer } from "./tokenizer.js"

/** The vectors of a text's tokens, one behind the other. */
export interface MultiVector {
  /** [tokens, dimension] */
  readonly rows: Float32Array
}

export interface MultiVectorEmbeddings {
  /** One for each text, in their order. */
  readonly vectors: MultiVector[]
  /** Tokens read by the model, special ones and those of the query augmentation included, padding not. */
  readonly tokens: number
  /** Those of each text. */
  readonly lengths?: readonly number[]
  /** Positions of the texts that were longer than the model reads. */
  readonly truncated: readonly number[]
}

/** An encoder into a vector for each token. Its identity is what an index stores to refuse another model's vectors. */
export interface MultiVectorModel extends Encoder<MultiVector> {
  readonly name: string
  readonly dimension: number
  /** `tokens`: nothing is pooled. */
  readonly pooling: string
  /** Vectors have length 1. */
  readonly normalized: boolean
  /** Most tokens of a document; `undefined` without limit. */
  readonly maxLength: number | undefined
  /** What is put before a text: its marker and prompt. */
  readonly prompts: { readonly query: string; readonly document: string }
  /** In which numbers it computes: `fp32`, `int8`, ... */
  readonly precision: string
  /** Of the weights, the augmentation of queries, and the tokens that are skipped. */
  readonly checksum: string
  /** The same for the same weights, words and settings: vectors of equal fingerprints may be kept and compared. Where it runs does not count. */
  readonly fingerprint: string
  embed(texts: readonly string[], side: "query" | "document", options?: RunOptions): Promise<MultiVectorEmbeddings>
}

export interface MultiVectorEncoderOptions extends EncoderSettings, LocateOptions {
  /** Most tokens of a query, all special ones included; what queries are padded to where the model augments them. Default: the model's own. */
  readonly queryLength?: number
  /** Most tokens of a document, all special ones included. Default: the model's own. */
  readonly documentLength?: number
  /** `none` takes the last layer's vectors of any encoder, which was not trained for late interaction. Default: the model's own projection. */
  readonly projection?: "none"
}

/** A late-interaction encoder; it holds native memory until it is disposed of. */
export interface MultiVectorEncoder extends MultiVectorModel, AsyncDisposable {
  /** Most tokens of a document, special ones included. */
  readonly maxLength: number
  /** Where the queue of this model stands, and what it has done so far. */
  readonly stats: QueueStats
  readonly queryLength: number
  readonly device: EncoderModel["device"]
  readonly deviceReason: string
}

/**
 * Loads a ColBERT checkpoint, in the layout of Stanford's code, of PyLate, or of sentence-transformers' MultiVectorEncoder.
 *
 * A query is its marker and tokens, padded with the mask token to its full length where the model augments queries; each of those has a vector.
 * A document is its marker and tokens; punctuation is read, yet has no vector. Vectors have length 1.
 * @param nameOrPath a folder, or a name that `locateModel` finds
 * @throws RankineError `not-found` where model or files are missing, `configuration` where the model has no projection, `model` for what is
 *   not supported, `argument` for lengths that the model cannot read
 * @see Khattab and Zaharia, ColBERT, SIGIR 2020; Santhanam et al., ColBERTv2, NAACL 2022
 */
export async function loadMultiVectorEncoder(
  nameOrPath: string,
  options: MultiVectorEncoderOptions = {},
): Promise<MultiVectorEncoder> {
  const [where, rest] = splitLocateOptions(options)
  const { queryLength, documentLength, projection, ...settings } = rest
  const folder = await locateModel(nameOrPath, where)
  const config = await readMultiVectorConfig(folder, projection === "none")
  const tokenizer = await loadTokenizer(config.transformer)
  const sides = {
    query: sideOf(config.query, tokenizer, "query"),
    document: sideOf(config.document, tokenizer, "document"),
  }
  const maskId = tokenizer.special.mask ?? tokenizer.special.eos
  if (config.expansion !== "none" && maskId === undefined)
    throw new RankineError("model", `the tokenizer of ${folder} has no mask token, which queries are padded with`)
  const output = { kind: "tokens", projections: config.projections, normalize: true } as const
  const encoder = await loadEncoder(config.transformer, { ...settings, output })
  try {
    const longest = Math.min(encoder.maxLength, tokenizer.maxLength ?? Number.POSITIVE_INFINITY)
    const lengths = {
      query: lengthOf("queryLength", queryLength, config.query.length, encoder.maxLength, longest),
      document: lengthOf("documentLength", documentLength, config.document.length, encoder.maxLength, longest),
    }
    const files = await digestOfFiles(config.transformer)
    return new TokenEncoder(basename(folder), tokenizer, encoder, { config, sides, maskId, lengths, files })
  } catch (thrown) {
    await encoder[Symbol.asyncDispose]()
    throw thrown
  }
}

interface Side {
  readonly markerId: number | undefined
  readonly prompt: string
}

interface Settings {
  readonly config: MultiVectorConfig
  readonly sides: { readonly query: Side; readonly document: Side }
  readonly maskId: number | undefined
  readonly lengths: { readonly query: number; readonly document: number }
  /** Of the files beside the weights. */
  readonly files: string
}

class TokenEncoder implements MultiVectorEncoder {
  readonly dimension: number
  readonly pooling = "tokens"
  readonly normalized = true
  readonly maxLength: number
  readonly prompts: { readonly query: string; readonly document: string }
  readonly precision: string
  readonly checksum: string
  readonly fingerprint: string
  readonly queryLength: number
  readonly device: EncoderModel["device"]
  readonly deviceReason: string
  readonly #skipped: ReadonlySet<number>

  constructor(
    readonly name: string,
    private readonly tokenizer: Tokenizer,
    private readonly encoder: EncoderModel,
    private readonly settings: Settings,
  ) {
    const { config, sides, lengths, maskId, files } = settings
    this.dimension = encoder.width
    this.maxLength = lengths.document
    this.queryLength = lengths.query
    this.device = encoder.device
    this.deviceReason = encoder.deviceReason
    this.precision = encoder.precision
    const { query, document } = config
    this.prompts = { query: query.marker + query.prompt, document: document.marker + document.prompt }
    // A word that is no token of the vocabulary cannot stand in a text.
    const ids = config.skipWords.flatMap((word) => tokenizer.idOf(word) ?? [])
    this.#skipped = new Set(ids.filter((id) => id !== tokenizer.special.unk))
    const { digest, expansion } = config
    const shaping = { weights: encoder.checksum, digest, expansion, maskId, skipped: [...this.#skipped], sides }
    this.checksum = fingerprintOf("tokens", shaping)
    this.fingerprint = fingerprintOf("multi-vector-encoder", {
      ...shaping,
      lengths,
      files,
      precision: encoder.precision,
    })
  }

  async encode(texts: readonly string[], side: "query" | "document", options?: RunOptions): Promise<MultiVector[]> {
    return (await this.embed(texts, side, options)).vectors
  }

  async embed(
    texts: readonly string[],
    side: "query" | "document",
    options: RunOptions = {},
  ): Promise<MultiVectorEmbeddings> {
    const truncated: number[] = []
    const read = (index: number): EncoderRow => {
      const text = texts[index]
      if (typeof text !== "string")
        throw new RankineError("argument", `text ${index + 1} of ${texts.length} is no string: give a string`)
      const { row, cut } = this.#row(text, side)
      if (cut) truncated.push(index)
      return row
    }
    const { results, counts } = await runInSlices(
      texts.length,
      read,
      async (rows, each) => {
        const all = await this.encoder.run(rows, each)
        return all.map((values, row) => ({ rows: side === "query" ? values : this.#kept(values, rows[row].ids) }))
      },
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

  #row(text: string, side: "query" | "document"): { row: EncoderRow; cut: boolean } {
    const { config, sides, lengths, maskId } = this.settings
    const { markerId, prompt } = sides[side]
    const maxLength = markerId === undefined ? lengths[side] : lengths[side] - 1
    const { ids, truncated: cut } = this.tokenizer.encode(prompt + text, { maxLength })
    if (markerId !== undefined) ids.splice(1, 0, markerId)
    const real = ids.length
    if (side === "query" && config.expansion !== "none" && maskId !== undefined)
      while (ids.length < lengths.query) ids.push(maskId)
    const unattended = config.expansion === "unattended" && real < ids.length
    return { row: unattended ? { ids, attended: real } : { ids }, cut }
  }

  /** The vectors of the tokens that are not skipped. */
  #kept(values: Float32Array, ids: readonly number[]): Float32Array {
    const { dimension } = this
    let kept = 0
    for (const [token, id] of ids.entries()) {
      if (this.#skipped.has(id)) continue
      if (kept < token) values.copyWithin(kept * dimension, token * dimension, (token + 1) * dimension)
      kept++
    }
    return kept === ids.length ? values : values.slice(0, kept * dimension)
  }
}

function sideOf({ marker, prompt }: SideConfig, tokenizer: Tokenizer, side: string): Side {
  if (marker === "") return { markerId: undefined, prompt }
  const markerId = tokenizer.idOf(marker) ?? tokenizer.idOf(marker.trim())
  if (markerId === undefined)
    throw new RankineError(
      "model",
      `the ${side} marker ${JSON.stringify(marker)} is no token of the tokenizer: tokenizer.json and settings are not of one model`,
    )
  return { markerId, prompt }
}

function lengthOf(
  name: string,
  asked: number | undefined,
  own: number | undefined,
  most: number,
  longest: number,
): number {
  if (asked === undefined) return Math.min(own ?? longest, most)
  if (!Number.isInteger(asked) || asked < 4 || asked > most)
    throw new RankineError(
      "argument",
      `${name} must be a whole number from 4 to ${most}, which this model reads; got ${asked}`,
    )
  return asked
}
