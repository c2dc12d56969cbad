/** Learned sparse encoders: texts to weights of vocabulary terms (SPLADE). @module */
import { basename } from "node:path"
import type { Encoder, RunOptions } from "../core/contracts.js"
import { RankineError } from "../core/errors.js"
import { type EncoderModel, type EncoderSettings, loadEncoder } from "./encoder/load.js"
import { type LocateOptions, locateModel } from "./locate.js"
import { tokenizeAll } from "./tokenize-all.js"
import { loadTokenizer, type Tokenizer } from "./tokenizer.js"

/** Terms with a weight above zero, by id ascending. */
export interface SparseVector {
  readonly ids: Uint32Array
  readonly weights: Float32Array
}

export interface SparseEmbeddings {
  /** One vector for each text, in their order. */
  readonly vectors: SparseVector[]
  /** Tokens read by the model, special ones included, padding not. */
  readonly tokens: number
  /** Positions of the texts that were longer than the model reads. */
  readonly truncated: readonly number[]
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
  /** Size of the vocabulary. */
  readonly vocabulary: number
  readonly maxLength: number
  /** The term of an id, `undefined` for an id that is none. */
  termOf(id: number): string | undefined
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
  const { modelsDir, maxLength: wanted, threshold = 0, ...settings } = options
  if (!(threshold >= 0))
    throw new RankineError("argument", `threshold must be a number of at least 0, got ${threshold}`)
  const folder = await locateModel(nameOrPath, modelsDir === undefined ? {} : { modelsDir })
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
  return new Splade(basename(folder), tokenizer, encoder, maxLength, threshold)
}

class Splade implements SparseEncoder {
  readonly checksum: string
  readonly vocabulary: number

  constructor(
    readonly name: string,
    private readonly tokenizer: Tokenizer,
    private readonly encoder: EncoderModel,
    readonly maxLength: number,
    private readonly threshold: number,
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

  async embed(
    texts: readonly string[],
    _side: "query" | "document",
    options: RunOptions = {},
  ): Promise<SparseEmbeddings> {
    const { rows, tokens, truncated } = await tokenizeAll(this.tokenizer, texts, this.maxLength, options.signal)
    const vectors = await this.encoder.run(
      rows,
      {
        signal: options.signal,
        onRows: (done) => options.onProgress?.({ stage: "embed", done, total: texts.length, unit: "texts" }),
      },
      // Row by row: the dense forms of many texts together would be large.
      (weights) => sparse(weights, this.threshold),
    )
    return { vectors, tokens, truncated }
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
