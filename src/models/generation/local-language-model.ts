/** A language model on this machine: a decoder's session and a tokenizer. @module */
import { RankineError, toRankineError } from "../../core/errors.js"
import { noUsage } from "../../core/ranking.js"
import { fingerprintOf } from "../fingerprint.js"
import type { BatchLimits } from "../batching.js"
import { type QueueOptions, type QueueStats, Scheduler } from "../scheduler.js"
import { Answer } from "./answer.js"
import { allCapabilities, type Capability } from "./capabilities.js"
import { logProbabilities } from "./choose-token.js"
import { eventsOf } from "./events.js"
import type { GenerationDecoder } from "./generation-decoder.js"
import {
  type ChatPrompt,
  expandPrompts,
  type GenerateOptions,
  type Generation,
  type GenerationEvent,
  type GenerationRequest,
  type LanguageModel,
  type Likelihood,
  type ModelRunOptions,
  type PromptInput,
  type ScoreOptions,
  type SharedPrompts,
  type TokenScores,
} from "./language-model.js"
import { type AnswerJob, type ReadJob, runAnswers, runReads } from "./local-jobs.js"
import { planPrefixes, SharedPrefix } from "./prefixes.js"
import { checkSettings } from "./settings.js"
import type { TextCodec } from "./text-codec.js"
import { truncateText } from "./truncate-text.js"

export interface LocalModelOptions {
  readonly name?: string
  /** Tokens that end an answer, beside those that the decoder's configuration and the tokenizer name. */
  readonly endIds?: readonly number[]
  /** Most tokens of prompt and answer together. Default: the model's own limit. */
  readonly maxLength?: number
  /** Compute beginnings that the prompts of a call share only once. Default true. */
  readonly sharePrefixes?: boolean
  /** Of prompts that are read for their scores. Default: 1024 tokens, 64 rows. */
  readonly batch?: BatchLimits
  /** Of answers that are written together, tokens to be written included. Default: 8192 tokens, 32 rows. */
  readonly generationBatch?: BatchLimits
  readonly queue?: QueueOptions
}

/** Where the two queues of a local model stand. They share the model's session, which runs their steps by turns. */
export interface LocalModelStats {
  readonly answers: QueueStats
  readonly reads: QueueStats
}

const GENERATION_BATCH: BatchLimits = { maxTokens: 8192, maxRows: 32 }

interface Prepared {
  readonly ids: readonly number[]
  readonly cutTokens: number
}

export class LocalLanguageModel implements LanguageModel {
  readonly name: string
  readonly fingerprint: string
  readonly maxLength: number
  readonly capabilities: ReadonlySet<Capability>
  readonly codec: TextCodec
  readonly #decoder: GenerationDecoder
  readonly #endIds: ReadonlySet<number>
  readonly #share: boolean
  readonly #answers: Scheduler<AnswerJob, Answer>
  readonly #reads: Scheduler<ReadJob, ReadJob>

  /** Takes the decoder over: it is disposed of with the model. Throws `argument` for options out of range. */
  constructor(decoder: GenerationDecoder, codec: TextCodec, options: LocalModelOptions = {}) {
    const { name = "local", endIds = [], maxLength = decoder.contextLength, sharePrefixes = true, queue = {} } = options
    if (!Number.isInteger(maxLength) || maxLength < 2 || maxLength > decoder.contextLength)
      throw new RankineError(
        "argument",
        `maxLength must be a whole number from 2 to ${decoder.contextLength}, the most tokens that the model reads; got ${maxLength}`,
      )
    this.name = name
    this.maxLength = maxLength
    this.codec = codec
    this.#decoder = decoder
    this.#endIds = new Set([...decoder.config.endIds, ...endIds, ...(codec.endId === undefined ? [] : [codec.endId])])
    this.#share = sharePrefixes
    this.fingerprint = fingerprintOf({ checksum: decoder.checksum, maxLength })
    this.capabilities = new Set([...allCapabilities].filter((each) => codec.chatTemplate || !CHAT.has(each)))
    this.#answers = new Scheduler((jobs, signal) => runAnswers(decoder, jobs, signal), {
      ...queue,
      limits: { ...GENERATION_BATCH, ...options.generationBatch },
    })
    this.#reads = new Scheduler((jobs, signal) => runReads(decoder, jobs, signal), { ...queue, limits: options.batch ?? {} })
  }

  get stats(): LocalModelStats {
    return { answers: this.#answers.stats, reads: this.#reads.stats }
  }

  async generate(requests: readonly GenerationRequest[], options: GenerateOptions = {}): Promise<Generation[]> {
    const { onToken } = options
    const make = (request: GenerationRequest, index: number) => {
      const settings = checkSettings(request)
      const { ids, cutTokens } = this.#prepare(request, settings.tooLong)
      const answer = new Answer({
        prompt: ids,
        cutTokens,
        settings,
        allowed: this.#allowed(request.allowedTokens),
        endIds: this.#endIds,
        contextLength: this.maxLength,
        codec: this.codec,
        onEvent: onToken && ((event) => onToken(index, event)),
      })
      return { ids, answer }
    }
    const run = await this.#run(requests, make, this.#answers, options, {
      job: ({ answer }, prefix, first) => {
        if (prefix && !first) answer.cachedTokens = prefix.ids.length
        return { answer, prefix }
      },
      length: ({ ids, answer }, prefix) => ids.length - (prefix?.ids.length ?? 0) + answer.room,
      result: (_, answer) => answer.generation(),
      failed: (error): Generation => ({ text: "", finishReason: "failed", cutTokens: 0, usage: noUsage, error }),
    })
    if (onToken) run.forEach((generation, index) => onToken(index, { text: "", generation }))
    return run
  }

  stream(request: GenerationRequest, options: ModelRunOptions = {}): AsyncIterable<GenerationEvent> {
    return eventsOf((signal, emit) => this.generate([request], { ...options, signal, onToken: (_, event) => emit(event) }), options.signal)
  }

  async scoreTokens(
    prompts: readonly PromptInput[] | SharedPrompts,
    candidates: readonly (string | number)[],
    options: ScoreOptions = {},
  ): Promise<TokenScores[]> {
    const ids = candidates.map((candidate) => this.#tokenId(candidate))
    const make = (prompt: PromptInput) => {
      const prepared = this.#prepare(prompt, options.tooLong ?? "throw")
      const scores = { logprobs: new Float64Array(), logits: new Float64Array() }
      const take = (logits: Float32Array) => {
        scores.logprobs = logProbabilities(logits, ids)
        scores.logits = Float64Array.from(ids, (id) => logits[id]!)
      }
      return { ...prepared, places: [prepared.ids.length - 1], take, scores, cachedTokens: 0 }
    }
    return this.#read(expandPrompts(prompts), make, options, ({ scores, ...rest }, seconds): TokenScores => ({
      ...scores,
      missing: 0,
      cutTokens: rest.cutTokens,
      usage: usageOf(rest, seconds),
    }), (error) => ({ logprobs: new Float64Array(ids.length).fill(Number.NaN), missing: 0, cutTokens: 0, usage: noUsage, error }))
  }

  async logLikelihood(
    items: readonly (PromptInput & { readonly continuation: string })[],
    options: ModelRunOptions = {},
  ): Promise<Likelihood[]> {
    const make = (item: PromptInput & { readonly continuation: string }) => {
      const whole = this.codec.encode(item, item.continuation)
      const prompt = this.codec.encode(item)
      let border = 0
      while (border < prompt.length && prompt[border] === whole[border]) border++
      if (border === 0)
        throw new RankineError(
          "argument",
          "there is nothing before the text whose likelihood is asked: give a prompt of one token at least",
        )
      if (border === whole.length) throw new RankineError("argument", "the continuation is empty: give a text")
      this.#checkLength(whole.length, 0)
      const own = whole.slice(border)
      const logprobs: number[] = []
      const take = (logits: Float32Array) => {
        const width = logits.length / own.length
        own.forEach((id, at) => {
          logprobs.push(logProbabilities(logits.subarray(at * width, (at + 1) * width), [id])[0]!)
        })
      }
      const places = own.map((_, at) => border - 1 + at)
      // The last token is not read: nothing comes after it.
      return { ids: whole.slice(0, -1), cutTokens: 0, places, take, own, logprobs, cachedTokens: 0 }
    }
    return this.#read(items, make, options, ({ own, logprobs, ...rest }, seconds): Likelihood => ({
      logprob: logprobs.reduce((sum, each) => sum + each, 0),
      tokens: own.map((id, at) => ({ id, text: this.codec.textOf(id), logprob: logprobs[at]! })),
      usage: usageOf(rest, seconds),
    }), (error) => ({ logprob: Number.NaN, tokens: [], usage: noUsage, error }))
  }

  countTokens(text: string): number {
    return this.codec.encodePlain(text).length
  }

  truncateText(text: string, maxTokens: number): string {
    return truncateText(text, maxTokens, (part) => this.countTokens(part))
  }

  renderChat(prompt: ChatPrompt): string {
    return this.codec.render(prompt)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#answers.close()
    this.#reads.close()
    await this.#decoder[Symbol.asyncDispose]()
  }
}
