/** Cross-encoders: one score for a query and a document that are read together. @module */

import { basename } from "node:path"
import type { RunOptions } from "../core/contracts.js"
import { RankineError } from "../core/errors.js"
import { queueShare } from "../core/queue-share.js"
import type { ScoreKind } from "../core/ranking.js"
import { type EncoderModel, type EncoderSettings, loadEncoder } from "./encoder/load.js"
import { digestOfFiles, fingerprintOf } from "./fingerprint.js"
import { finiteScores } from "./finite-scores.js"
import { type LocateOptions, locateModel, splitLocateOptions } from "./locate.js"
import { readModelJson } from "./model-files.js"
import { type PairHead, type PairHeadOptions, pairScore, readPairHead } from "./pair-head.js"
import type { PairScorer, PairScores, TextPair } from "./pair-scorer.js"
import type { PassageOptions, Span } from "./passages.js"
import { refuseConstantScores } from "./probe.js"
import { knownLanguages } from "./registry/registry.js"
import type { QueueStats } from "./scheduler.js"
import { tokenizePairs } from "./tokenize-pairs.js"
import { loadTokenizer, type Tokenizer } from "./tokenizer.js"

export interface CrossEncoderOptions extends EncoderSettings, LocateOptions, PairHeadOptions {
  /** Most tokens of a pair, special ones included. Default: the model's own limit. */
  readonly maxLength?: number
  /** Reads long documents in windows and takes the best window's score (MaxP). Default: the document's end is cut. */
  readonly passages?: PassageOptions
}

/** Pairs that are tokenized at once: many batches, sorted among themselves, in a few megabytes. */
const BLOCK = 2048

/** Scores of pairs with what each one cost. */
export interface DetailedPairScores extends PairScores {
  /** Tokens read for each pair. */
  readonly lengths: readonly number[]
  /** For each pair the window of the document that gave the score, as UTF-16 offsets; `undefined` where it was not cut into windows. */
  readonly spans: readonly (Span | undefined)[]
}

/** A cross-encoder; it holds native memory until it is disposed of. */
export interface CrossEncoder extends PairScorer, AsyncDisposable {
  /** Of the weights: the same for the same model. */
  readonly checksum: string
  readonly activation: PairHead["activation"]
  /** The label whose score is given. */
  readonly label: PairHead["label"]
  readonly passages: PassageOptions | undefined
  /** Where it runs, and why there. */
  readonly device: EncoderModel["device"]
  readonly deviceReason: string
  /** Where the queue of this model stands, and what it has done so far. */
  readonly stats: QueueStats
  score(pairs: readonly TextPair[], options?: RunOptions): Promise<DetailedPairScores>
}

/**
 * Loads a sequence classification model (BERT, RoBERTa, XLM-R, DistilBERT, MPNet, ModernBERT) as a cross-encoder.
 *
 * Activation, label and length come from the model's own files, see `readPairHead`. A few pairs are scored at once, and a model that
 * gives them all the same score, or no number, is refused. Only documents are cut to fit; a query is cut where it is too long alone.
 *
 * @param nameOrPath a folder, or a name that `locateModel` finds
 * @throws RankineError `not-found` where model or files are missing, `model` for what is not supported or cannot rank, `argument` for
 *   options that do not fit the model
 * @see Nogueira and Cho, Passage re-ranking with BERT, 2019; windows: Dai and Callan, Deeper text understanding for IR, SIGIR 2019
 */
export async function loadCrossEncoder(nameOrPath: string, options: CrossEncoderOptions = {}): Promise<CrossEncoder> {
  const [where, rest] = splitLocateOptions(options)
  const { activation, label, maxLength: wanted, passages, ...settings } = rest
  checkPassages(passages)
  const folder = await locateModel(nameOrPath, where)
  const tokenizer = await loadTokenizer(folder)
  const encoder = await loadEncoder(folder, { ...settings, output: { kind: "logits" } })
  try {
    const head = await readPairHead(folder, encoder.config.raw, encoder.width, {
      ...(activation === undefined ? {} : { activation }),
      ...(label === undefined ? {} : { label }),
    })
    if (wanted !== undefined && wanted > encoder.maxLength)
      throw new RankineError(
        "argument",
        `maxLength ${wanted} is more than the ${encoder.maxLength} tokens that this model reads`,
      )
    const maxLength = wanted ?? Math.min(await ownLimit(folder, tokenizer), encoder.maxLength)
    const fingerprint = fingerprintOf("cross-encoder", {
      checksum: encoder.checksum,
      files: await digestOfFiles(folder),
      activation: head.activation,
      label: head.label.index,
      maxLength,
      precision: encoder.precision,
      passages,
    })
    const model = new LoadedCrossEncoder(basename(folder), tokenizer, encoder, head, maxLength, fingerprint, passages)
    const advice = "look whether another activation (identity, sigmoid) or label is meant"
    await refuseConstantScores(model.name, async (pairs) => (await model.scoreUnchecked(pairs)).scores, advice)
    model.languages = await knownLanguages(nameOrPath, folder)
    return model
  } catch (thrown) {
    await encoder[Symbol.asyncDispose]()
    throw thrown
  }
}

function checkPassages(passages: PassageOptions | undefined): void {
  const { maxTokens, overlap } = passages ?? {}
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens >= 8))
    throw new RankineError("argument", `passages.maxTokens must be a whole number of at least 8, got ${maxTokens}`)
  if (overlap !== undefined && !(Number.isInteger(overlap) && overlap >= 0 && overlap < (maxTokens ?? Infinity)))
    throw new RankineError("argument", `passages.overlap must be a whole number below maxTokens, got ${overlap}`)
}

/** The longest pair by the files that sentence-transformers writes, else by the tokenizer's. */
async function ownLimit(folder: string, tokenizer: Tokenizer): Promise<number> {
  const longest = (await readModelJson(folder, "sentence_bert_config.json"))?.max_seq_length
  return typeof longest === "number" && longest > 0 ? longest : (tokenizer.maxLength ?? Number.POSITIVE_INFINITY)
}

class LoadedCrossEncoder implements CrossEncoder {
  readonly scoreKind: ScoreKind
  readonly checksum: string
  readonly activation: PairHead["activation"]
  readonly label: PairHead["label"]
  readonly device: EncoderModel["device"]
  readonly deviceReason: string
  languages: readonly string[] | undefined

  constructor(
    readonly name: string,
    private readonly tokenizer: Tokenizer,
    private readonly encoder: EncoderModel,
    private readonly head: PairHead,
    readonly maxLength: number,
    readonly fingerprint: string,
    readonly passages: PassageOptions | undefined,
  ) {
    this.scoreKind = head.scoreKind
    this.checksum = encoder.checksum
    this.activation = head.activation
    this.label = head.label
    this.device = encoder.device
    this.deviceReason = encoder.deviceReason
  }

  countTokens(text: string): number {
    return this.tokenizer.encode(text, { special: false }).ids.length
  }

  async score(pairs: readonly TextPair[], options: RunOptions = {}): Promise<DetailedPairScores> {
    return finiteScores(this.name, await this.scoreUnchecked(pairs, options))
  }

  async scoreUnchecked(pairs: readonly TextPair[], options: RunOptions = {}): Promise<DetailedPairScores> {
    const { signal, onProgress } = options
    const share = queueShare(options)
    const total = pairs.length
    const scores = new Array<number>(total).fill(Number.NEGATIVE_INFINITY)
    const spans = new Array<Span | undefined>(total).fill(undefined)
    const lengths: number[] = []
    const truncated: number[] = []
    // Block by block, so that the tokens of a large request never exist all at once.
    for (let from = 0; from < total; from += BLOCK) {
      const block = pairs.slice(from, from + BLOCK)
      const tokenized = await tokenizePairs(this.tokenizer, block, from, this.maxLength, this.passages, signal)
      const { rows } = tokenized
      const report = (done: number) =>
        onProgress?.({
          stage: "score",
          done: from + Math.floor((block.length * done) / rows.length),
          total,
          unit: "pairs",
        })
      const each = await this.encoder.run(rows, { ...share, onRows: report, admitted: from > 0 }, (logits) =>
        pairScore(this.head, logits),
      )
      for (const [row, score] of each.entries()) {
        const pair = from + tokenized.owners[row]
        // NaN stays: a window that has a score must not hide it.
        if (scores[pair] >= score || Number.isNaN(scores[pair])) continue
        scores[pair] = score
        spans[pair] = tokenized.spans[row]
      }
      for (const length of tokenized.lengths) lengths.push(length)
      for (const index of tokenized.truncated) truncated.push(from + index)
    }
    return { scores, spans, lengths, truncated, tokens: lengths.reduce((sum, length) => sum + length, 0) }
  }

  get stats(): QueueStats {
    return this.encoder.stats
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.encoder[Symbol.asyncDispose]()
  }
}
