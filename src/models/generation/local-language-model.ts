/** A language model on this machine: a decoder's session and a tokenizer. @module */
import { RankineError } from "../../core/errors.js"
import { noUsage, type Usage } from "../../core/ranking.js"
import type { BatchLimits } from "../batching.js"
import { fingerprintOf } from "../fingerprint.js"
import { type QueueOptions, type QueueStats, Scheduler } from "../scheduler.js"
import { Answer } from "./answer.js"
import { allCapabilities, type Capability } from "./capabilities.js"
import { logProbabilities } from "./choose-token.js"
import { continued } from "./continued.js"
import { eventsOf } from "./events.js"
import { fitPrompt, tooLong } from "./fit-prompt.js"
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
import { type Prepared, scheduleJobs } from "./schedule-jobs.js"
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
  /**
   * Of answers that are written together, tokens to be written included. Default: as many tokens as keys and values of 1 GiB have, 32 rows.
   */
  readonly generationBatch?: BatchLimits
  /** Batches of answers that are written by turns: a call need not wait for a long one to end. Each takes its own memory. Default 2. */
  readonly generationBatches?: number
  readonly queue?: QueueOptions
}

/** Where the two queues of a local model stand. They share the model's session, which runs their steps by turns. */
export interface LocalModelStats {
  readonly answers: QueueStats
  readonly reads: QueueStats
}

/** Of keys and values of a batch of answers. */
const CACHE_BYTES = 2 ** 30

/** Rows of a batch of answers: more share the reading of the weights, and make each other wait. */
const ROWS = 32

export class LocalLanguageModel implements LanguageModel {
  readonly name: string
  readonly fingerprint: string
  readonly maxLength: number
  readonly capabilities: ReadonlySet<Capability>
  readonly codec: TextCodec
  readonly #decoder: GenerationDecoder
  readonly #endIds: ReadonlySet<number>
  readonly #share: boolean
  readonly #answers: Scheduler<AnswerJob, AnswerJob>
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
    this.fingerprint = fingerprintOf("language-model", { checksum: decoder.checksum, maxLength })
    this.capabilities = new Set([...allCapabilities].filter((each) => codec.chatTemplate || !CHAT.has(each)))
    this.#answers = new Scheduler((jobs, signal) => runAnswers(decoder, jobs, signal), {
      ...queue,
      limits: {
        maxTokens: Math.max(2048, Math.floor(CACHE_BYTES / Math.max(1, decoder.cacheBytesPerToken))),
        maxRows: ROWS,
        ...options.generationBatch,
      },
      workers: options.generationBatches ?? 2,
    })
    this.#reads = new Scheduler((jobs, signal) => runReads(decoder, jobs, signal), {
      ...queue,
      limits: options.batch ?? {},
    })
  }

  /** Where it computes; `deviceReason` says why there. */
  get device(): GenerationDecoder["device"] {
    return this.#decoder.device
  }

  get deviceReason(): string {
    return this.#decoder.deviceReason
  }

  get precision(): GenerationDecoder["precision"] {
    return this.#decoder.precision
  }

  get stats(): LocalModelStats {
    return { answers: this.#answers.stats, reads: this.#reads.stats }
  }

  async generate(requests: readonly GenerationRequest[], options: GenerateOptions = {}): Promise<Generation[]> {
    const { onToken } = options
    const finish = (generation: Generation, index: number): Generation => {
      onToken?.(index, { text: "", generation })
      return generation
    }
    return scheduleJobs(
      requests,
      {
        ...this.#parts(),
        scheduler: this.#answers,
        stage: "generate",
        make: (request, index) => {
          const settings = checkSettings(request)
          const { ids, cutTokens } = this.#prepare(request, settings.tooLong, settings.maxTokens)
          const onEvent = onToken && ((event: GenerationEvent) => onToken(index, event))
          const answer = new Answer({
            prompt: ids,
            cutTokens,
            settings,
            allowed: this.#allowed(request.allowedTokens),
            named: request.namedTokens?.map((token) => this.#tokenId(token)),
            endIds: this.#endIds,
            contextLength: this.maxLength,
            codec: this.codec,
            onEvent,
          })
          return { ids, shareable: ids.length - 1, cachedTokens: 0, answer }
        },
        job: ({ answer }, prefix) => ({ answer, prefix }),
        // Its share of the memory: a prefix is copied to every row.
        length: ({ ids, answer }) => ids.length + answer.room,
        result: ({ cachedTokens }, { answer }, index) => finish(answer.generation(cachedTokens), index),
        failed: (error, index) =>
          finish({ text: "", finishReason: "failed", cutTokens: 0, usage: noUsage, error }, index),
      },
      options,
    )
  }

  stream(request: GenerationRequest, options: ModelRunOptions = {}): AsyncIterable<GenerationEvent> {
    return eventsOf(
      (signal, emit: (event: GenerationEvent) => void) =>
        this.generate([request], { ...options, signal, onToken: (_, event) => emit(event) }),
      options.signal,
    )
  }

  async scoreTokens(
    prompts: readonly PromptInput[] | SharedPrompts,
    candidates: readonly (string | number)[],
    options: ScoreOptions = {},
  ): Promise<TokenScores[]> {
    const ids = candidates.map((candidate) => this.#tokenId(candidate))
    return this.#read(
      expandPrompts(prompts),
      (prompt) => {
        const prepared = this.#prepare(prompt, options.tooLong ?? "throw", 0)
        const last = prepared.ids.length - 1
        return {
          ...prepared,
          places: [last],
          scores: (logits) => ({
            logprobs: logProbabilities(logits, ids),
            logits: Float64Array.from(ids, (id) => logits[id]!),
          }),
        }
      },
      (scores, { cutTokens }, usage): TokenScores => ({ ...scores, missing: 0, cutTokens, usage }),
      (error) => ({
        logprobs: new Float64Array(ids.length).fill(Number.NaN),
        missing: 0,
        cutTokens: 0,
        usage: noUsage,
        error,
      }),
      options,
    )
  }

  async logLikelihood(
    items: readonly (PromptInput & { readonly continuation: string })[],
    options: ModelRunOptions = {},
  ): Promise<Likelihood[]> {
    return this.#read(
      items,
      (item) => {
        const { whole, border } = continued(this.codec, item, item.continuation)
        if (whole.length > this.maxLength) throw tooLong(whole.length, this.maxLength, "a prompt with its continuation")
        const own = whole.slice(border)
        return {
          // The last token is not read: nothing comes after it.
          ids: whole.slice(0, -1),
          cutTokens: 0,
          places: own.map((_, at) => border - 1 + at),
          scores: (logits) => {
            const width = logits.length / own.length
            return own.map((id, at) => ({
              id,
              text: this.codec.textOf(id),
              logprob: logProbabilities(logits.subarray(at * width, (at + 1) * width), [id])[0]!,
            }))
          },
        }
      },
      (tokens, _, usage): Likelihood => ({
        logprob: tokens.reduce((sum, { logprob }) => sum + logprob, 0),
        tokens,
        usage,
      }),
      (error) => ({ logprob: Number.NaN, tokens: [], usage: noUsage, error }),
      options,
    )
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

  /** Reads prompts once and makes something of the logits after some of their tokens. */
  #read<Item, Scores, Result>(
    items: readonly Item[],
    make: (item: Item) => Reading<Scores>,
    result: (scores: Scores, reading: Reading<Scores>, usage: Usage) => Result,
    failed: (error: RankineError) => Result,
    options: ModelRunOptions,
  ): Promise<Result[]> {
    return scheduleJobs(
      items,
      {
        ...this.#parts(),
        scheduler: this.#reads,
        stage: "score",
        make: (item) => {
          const reading = make(item)
          const made: MadeReading<Scores> = {
            ids: reading.ids,
            shareable: reading.places[0]!,
            cachedTokens: 0,
            reading,
            scores: undefined,
          }
          return made
        },
        job: (made, prefix): ReadJob => ({
          ids: made.ids,
          prefix,
          places: made.reading.places,
          take: (logits) => {
            made.scores = made.reading.scores(logits)
          },
          seconds: 0,
        }),
        length: ({ ids }, from) => ids.length - from,
        result: ({ scores, reading, cachedTokens }, { seconds }) =>
          result(scores as Scores, reading, {
            ...noUsage,
            calls: 1,
            promptTokens: reading.ids.length,
            cachedTokens,
            truncated: reading.cutTokens > 0 ? 1 : 0,
            seconds,
          }),
        failed,
      },
      options,
    )
  }

  #parts() {
    return { decoder: this.#decoder, share: this.#share }
  }

  /** The ids of a prompt, with room for an answer of so many tokens. */
  #prepare(input: PromptInput, long: "throw" | "cut-start" | "cut-end", answer: number) {
    const ids = this.codec.encode(input)
    const { vocabulary } = this.#decoder.config
    const unknown = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary)
    if (unknown !== undefined)
      throw new RankineError(
        "argument",
        `${unknown} is no token of this model: ids are whole numbers below ${vocabulary}`,
      )
    const isSpecial = (id: number) => this.codec.specialIds.has(id)
    return fitPrompt(ids, { maxLength: this.maxLength, answer, tooLong: long, isSpecial })
  }

  #tokenId(candidate: string | number): number {
    const id = this.codec.idOf(candidate)
    if (id < this.#decoder.config.vocabulary) return id
    throw new RankineError(
      "argument",
      `${id} is no token of this model: ids are below ${this.#decoder.config.vocabulary}`,
    )
  }

  #allowed(tokens: readonly (string | number)[] | undefined): number[] | undefined {
    if (!tokens) return undefined
    if (tokens.length === 0) throw new RankineError("argument", "allowedTokens is empty: name one token at least")
    return [...new Set(tokens.map((token) => this.#tokenId(token)))].sort((left, right) => left - right)
  }
}

/** Turns of a conversation need a template. */
const CHAT: ReadonlySet<Capability> = new Set(["chat", "chatTemplate"])

interface Reading<Scores> {
  readonly ids: readonly number[]
  readonly cutTokens: number
  /** After these tokens logits are wanted; ascending. */
  readonly places: readonly number[]
  readonly scores: (logits: Float32Array) => Scores
}

interface MadeReading<Scores> extends Prepared {
  readonly reading: Reading<Scores>
  scores: Scores | undefined
}
