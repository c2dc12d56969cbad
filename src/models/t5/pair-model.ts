/** What the T5 rerankers share: prompts in, the logits of a few answer words out. @module */

import { basename } from "node:path"
import type { RunOptions } from "../../core/contracts.js"
import { RankineError } from "../../core/errors.js"
import { queueShare } from "../../core/queue-share.js"
import type { ScoreKind } from "../../core/ranking.js"
import { digestOfFiles, fingerprintOf } from "../fingerprint.js"
import { finiteScores } from "../finite-scores.js"
import { type LocateOptions, locateModel, splitLocateOptions } from "../locate.js"
import type { PairScorer, PairScores, TextPair } from "../pair-scorer.js"
import { refuseConstantScores } from "../probe.js"
import { knownLanguages } from "../registry/registry.js"
import type { QueueStats } from "../scheduler.js"
import { loadTokenizer, type Tokenizer } from "../tokenizer.js"
import { loadT5, type T5Model, type T5Settings } from "./load.js"
import { type PromptReader, promptReader } from "./prompt.js"

export interface T5ScorerOptions extends T5Settings, LocateOptions {
  /** Most tokens of a prompt. Default: the tokenizer's own limit, else 512. */
  readonly maxLength?: number
  /** The prompt, with the places `{query}` and `{document}` between spaces. */
  readonly template?: string
}

/** A T5 that scores pairs; it holds native memory until it is disposed of. */
export interface T5Scorer extends PairScorer, AsyncDisposable {
  readonly template: string
  /** Of the weights: the same for the same model. */
  readonly checksum: string
  /** Token ids of the words whose logits make the score. */
  readonly answerIds: readonly number[]
  readonly precision: T5Model["precision"]
  /** Where it runs, and why there. */
  readonly device: T5Model["device"]
  readonly deviceReason: string
  /** Where the model's queue stands, and what it has done so far. */
  readonly stats: QueueStats
  score(pairs: readonly TextPair[], options?: RunOptions): Promise<DetailedT5Scores>
}

/** Scores of pairs with what each one cost. */
export interface DetailedT5Scores extends PairScores {
  /** Tokens read for each pair. */
  readonly lengths: readonly number[]
}

/** What makes a T5 one kind of reranker or another. */
export interface T5ScorerKind {
  /** The method's name, a part of the fingerprint. */
  readonly method: string
  readonly scoreKind: ScoreKind
  readonly template: string
  /** Each must be one token. */
  readonly answers: readonly string[]
  /** The score from the answers' logits, in their order. */
  readonly score: (logits: Float32Array) => number
  /** What to do about scores that are all equal. */
  readonly advice: string
}

const DEFAULT_LENGTH = 512

/** Loads a T5 as a reranker of this kind, and scores a few pairs to see that it ranks at all. Throws as `loadMonoT5` says. */
export async function loadT5Scorer(
  nameOrPath: string,
  kind: T5ScorerKind,
  options: T5ScorerOptions,
): Promise<T5Scorer> {
  const [where, rest] = splitLocateOptions(options)
  const { maxLength: wanted, template = kind.template, ...settings } = rest
  const folder = await locateModel(nameOrPath, where)
  const tokenizer = await loadTokenizer(folder)
  const answerIds = kind.answers.map((answer) => answerId(tokenizer, answer))
  if (new Set(answerIds).size < answerIds.length)
    throw new RankineError("argument", `the answers ${kind.answers.join(" and ")} are the same token: name others`)
  const maxLength = wanted ?? tokenizer.maxLength ?? DEFAULT_LENGTH
  const read = promptReader(tokenizer, template, maxLength)
  const model = await loadT5(folder, { ...settings, output: { kind: "first", tokens: answerIds } })
  try {
    const fingerprint = fingerprintOf(kind.method, {
      checksum: model.checksum,
      files: await digestOfFiles(folder),
      template,
      answerIds,
      maxLength,
      precision: model.precision,
    })
    const scorer = new LoadedT5Scorer(
      basename(folder),
      { kind, template, answerIds, maxLength, fingerprint },
      read,
      model,
    )
    await refuseConstantScores(scorer.name, async (pairs) => (await scorer.scoreUnchecked(pairs)).scores, kind.advice)
    scorer.languages = await knownLanguages(nameOrPath, folder)
    return scorer
  } catch (thrown) {
    await model[Symbol.asyncDispose]()
    throw thrown
  }
}

/** The one token that a word is. Throws `argument` where it is none or several. */
function answerId(tokenizer: Tokenizer, answer: string): number {
  const { ids } = tokenizer.encode(answer, { special: false })
  if (ids.length === 1 && ids[0] !== tokenizer.special.unk) return ids[0]
  const found = ids.map((id) => tokenizer.tokenOf(id) ?? id).join(" ")
  throw new RankineError(
    "argument",
    `the answer ${JSON.stringify(answer)} must be one token of this model's tokenizer, and is ${ids.length} (${found}): ` +
      "name the words that the model was trained to answer",
  )
}

interface Settings {
  readonly kind: T5ScorerKind
  readonly template: string
  readonly answerIds: readonly number[]
  readonly maxLength: number
  readonly fingerprint: string
}

class LoadedT5Scorer implements T5Scorer {
  readonly scoreKind: ScoreKind
  readonly template: string
  readonly answerIds: readonly number[]
  readonly maxLength: number
  readonly fingerprint: string
  readonly checksum: string
  readonly precision: T5Model["precision"]
  readonly device: T5Model["device"]
  readonly deviceReason: string
  languages: readonly string[] | undefined

  constructor(
    readonly name: string,
    private readonly settings: Settings,
    private readonly read: PromptReader,
    private readonly model: T5Model,
  ) {
    this.scoreKind = settings.kind.scoreKind
    this.template = settings.template
    this.answerIds = settings.answerIds
    this.maxLength = settings.maxLength
    this.fingerprint = settings.fingerprint
    this.checksum = model.checksum
    this.precision = model.precision
    this.device = model.device
    this.deviceReason = model.deviceReason
  }

  get stats(): QueueStats {
    return this.model.stats
  }

  async score(pairs: readonly TextPair[], options: RunOptions = {}): Promise<DetailedT5Scores> {
    return finiteScores(this.name, await this.scoreUnchecked(pairs, options))
  }

  async scoreUnchecked(pairs: readonly TextPair[], options: RunOptions = {}): Promise<DetailedT5Scores> {
    const { onProgress } = options
    const truncated: number[] = []
    const { results, counts } = await this.model.runEach(
      pairs.length,
      (index) => {
        const row = this.read(pairs[index], index)
        if (row.truncated) truncated.push(index)
        return row
      },
      {
        ...queueShare(options),
        onRows: (done) => onProgress?.({ stage: "score", done, total: pairs.length, unit: "pairs" }),
      },
    )
    const lengths = [...counts]
    const tokens = lengths.reduce((sum, length) => sum + length, 0)
    return { scores: results.map(this.settings.kind.score), lengths, truncated, tokens }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.model[Symbol.asyncDispose]()
  }
}
