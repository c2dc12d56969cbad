/** Static embeddings in the model2vec format: a table of token vectors, and the mean of those that a text holds. @module */

import { basename } from "node:path"
import type { RunOptions } from "../core/contracts.js"
import { RankineError, throwIfAborted } from "../core/errors.js"
import { type Checkpoint, openSafetensors } from "./checkpoint/safetensors.js"
import type { EmbeddingModel, Embeddings } from "./embedding-model.js"
import { digestOfFiles, fingerprintOf } from "./fingerprint.js"
import { type LocateOptions, locateModel } from "./locate.js"
import { readModelJson } from "./model-files.js"
import { knownLanguages } from "./registry/registry.js"
import { loadTokenizer } from "./tokenizer.js"
import { nextTurn, turnIsOver } from "./turns.js"
import { type ReadTokens, tokenReader } from "./word-tokens.js"

export interface StaticEmbedderOptions extends LocateOptions {
  /** Most tokens of a text, counted after unknown ones were dropped; the rest is cut and counted. Default: no limit. */
  readonly maxLength?: number
  /** Bring vectors to length 1. Default: as config.json says, and false where it is silent. */
  readonly normalize?: boolean
}

/** Texts between two looks at the clock. */
const LOOK_EVERY = 32

/**
 * A model whose vectors are the mean of the vectors of the text's tokens. Special tokens are not added and the unknown token is dropped, as
 * model2vec does; a text without known tokens has a vector of zeros. Sums are float64, vectors float32. The same for queries and documents.
 *
 * ```ts
 * const model = await loadStaticEmbedder("potion-base-4M")
 * const [vector] = await model.encode(["steam engines"], "document")
 * ```
 */
export class StaticEmbedder implements EmbeddingModel {
  readonly pooling = "mean"
  readonly prompts = { query: "", document: "" }
  readonly precision: string
  readonly fingerprint: string
  languages: readonly string[] | undefined

  /** Use `loadStaticEmbedder`. */
  constructor(
    readonly name: string,
    readonly dimension: number,
    readonly normalized: boolean,
    readonly checksum: string,
    readonly maxLength: number | undefined,
    readonly table: TokenTable,
    readonly read: ReadTokens,
    files = "",
  ) {
    this.precision = table.rows instanceof Int8Array ? "int8" : "fp32"
    const { pooling, precision } = this
    this.fingerprint = fingerprintOf("static-embedder", {
      checksum,
      files,
      dimension,
      pooling,
      normalized,
      maxLength,
      precision,
    })
  }

  /** @internal The number of tokens that have a vector. */
  get vocabularySize(): number {
    return this.table.size
  }

  async encode(
    texts: readonly string[],
    side: "query" | "document",
    options: RunOptions = {},
  ): Promise<Float32Array[]> {
    return (await this.embed(texts, side, options)).vectors
  }

  /** Throws `argument` for something that is no text, `data` for a token that the table does not hold. */
  async embed(texts: readonly string[], _side: "query" | "document", options: RunOptions = {}): Promise<Embeddings> {
    const vectors: Float32Array[] = []
    const truncated: number[] = []
    const lengths: number[] = []
    const most = this.maxLength ?? Number.POSITIVE_INFINITY
    const ids: number[] = []
    let tokens = 0
    throwIfAborted(options.signal)
    for (const [position, text] of texts.entries()) {
      if (typeof text !== "string")
        throw new RankineError("argument", `text ${position + 1} of ${texts.length} is no string: give a string`)
      ids.length = 0
      this.read(text, ids)
      if (ids.length > most) {
        ids.length = most
        truncated.push(position)
      }
      tokens += ids.length
      lengths.push(ids.length)
      vectors.push(this.table.mean(ids, this.normalized))
      if (position % LOOK_EVERY !== 0 || !turnIsOver()) continue
      options.onProgress?.({ stage: "embed", done: position + 1, total: texts.length, unit: "texts" })
      await nextTurn(options.signal)
    }
    return { vectors, tokens, lengths, truncated }
  }
}

/** Vectors of tokens: of each, or of few groups of tokens with a weight for each token. */
export class TokenTable {
  readonly #sum: Float64Array

  constructor(
    readonly rows: Int8Array | Float32Array,
    readonly dimension: number,
    readonly size: number,
    /** The row of each token; undefined where they are the same number. */
    readonly mapping: Int32Array | undefined,
    readonly weights: Float32Array | undefined,
  ) {
    this.#sum = new Float64Array(dimension)
  }

  mean(ids: readonly number[], normalize: boolean): Float32Array {
    const { rows, dimension, size, mapping, weights } = this
    const sum = this.#sum.fill(0)
    for (const id of ids) {
      if (!(id < size))
        throw new RankineError(
          "data",
          `token ${id} has no vector: model.safetensors and tokenizer.json do not belong together`,
        )
      const first = (mapping ? mapping[id] : id) * dimension
      if (weights) {
        const weight = weights[id]
        for (let i = 0; i < dimension; i++) sum[i] += weight * rows[first + i]
      } else for (let i = 0; i < dimension; i++) sum[i] += rows[first + i]
    }
    let scale = 1 / Math.max(1, ids.length)
    if (normalize) {
      let squares = 0
      for (let i = 0; i < dimension; i++) squares += sum[i] * sum[i]
      scale = squares > 0 ? 1 / Math.sqrt(squares) : 0
    }
    const vector = new Float32Array(dimension)
    for (let i = 0; i < dimension; i++) vector[i] = sum[i] * scale
    return vector
  }
}

/**
 * Loads a model2vec folder: `model.safetensors` with `embeddings` [tokens or groups, dimension] (int8, float16, bfloat16, float32, float64),
 * optionally `mapping` [tokens] and `weights` [tokens]; `tokenizer.json`; optionally `config.json`.
 *
 * @throws RankineError `not-found` where the model or a file is not there, `data` where files do not fit together, `argument` for options out of range
 * @see https://github.com/MinishLab/model2vec
 */
export async function loadStaticEmbedder(
  nameOrPath: string,
  options: StaticEmbedderOptions = {},
): Promise<StaticEmbedder> {
  const { maxLength, normalize } = options
  if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength > 0))
    throw new RankineError("argument", `maxLength must be a whole number above 0, got ${maxLength}`)
  const folder = await locateModel(nameOrPath, options)
  const checkpoint = await openSafetensors(folder)
  const tokenizer = await loadTokenizer(folder)
  const config = (await readModelJson(folder, "config.json")) ?? {}
  const table = await readTable(checkpoint, folder)
  if (tokenizer.size > table.size)
    throw new RankineError(
      "data",
      `${folder}: the tokenizer knows ${tokenizer.size} tokens and the model ${table.size} vectors: the files belong to different models`,
    )
  const json = (await readModelJson(folder, "tokenizer.json")) ?? {}
  const model = new StaticEmbedder(
    basename(folder) || nameOrPath,
    table.dimension,
    normalize ?? config.normalize === true,
    await checkpoint.checksum(),
    maxLength,
    table,
    tokenReader(tokenizer, json),
    await digestOfFiles(folder),
  )
  model.languages = await knownLanguages(nameOrPath, folder)
  return model
}

async function readTable(checkpoint: Checkpoint, folder: string): Promise<TokenTable> {
  const names = [...checkpoint.tensors.keys()]
  // sentence-transformers saves its StaticEmbedding under another name.
  const name = ["embeddings", "embedding.weight"].find((one) => checkpoint.tensors.has(one))
  const info = name === undefined ? undefined : checkpoint.tensors.get(name)
  if (name === undefined || !info || info.shape.length !== 2)
    throw new RankineError(
      "data",
      `${folder} is no static embedding model: its model.safetensors has no matrix "embeddings" but ${names.join(", ") || "nothing"}`,
    )
  const [groups, dimension] = info.shape as [number, number]
  const raw = info.dtype === "I8" ? await checkpoint.readRaw(name) : undefined
  const rows = raw ? new Int8Array(raw.buffer, raw.byteOffset, raw.length) : await checkpoint.read(name)
  const mapping = checkpoint.tensors.has("mapping") ? Int32Array.from(await checkpoint.read("mapping")) : undefined
  const weights = checkpoint.tensors.has("weights") ? await checkpoint.read("weights") : undefined
  const size = mapping?.length ?? groups
  if (weights && weights.length !== size)
    throw new RankineError("data", `${folder}: ${weights.length} weights for ${size} tokens: the file is damaged`)
  if (mapping?.some((row) => row < 0 || row >= groups))
    throw new RankineError(
      "data",
      `${folder}: "mapping" names rows beyond the ${groups} of "embeddings": the file is damaged`,
    )
  return new TokenTable(rows, dimension, size, mapping, weights)
}
