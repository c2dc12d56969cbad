/** A language model behind an OpenAI-compatible address: vLLM, llama.cpp's server, hosted ones. @module */
import { setMaxListeners } from "node:events"
import { RankineError, throwIfAborted, toRankineError } from "../../../core/errors.js"
import { noUsage, type Usage } from "../../../core/ranking.js"
import { fingerprintOf } from "../../fingerprint.js"
import { type Capability, requireCapability } from "../capabilities.js"
import { continued } from "../continued.js"
import { eventsOf } from "../events.js"
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
  type PlainPrompt,
  type PromptInput,
  type ScoreOptions,
  type SharedPrompts,
  type TokenLogprob,
  type TokenScores,
} from "../language-model.js"
import { checkSettings } from "../settings.js"
import type { TextCodec } from "../text-codec.js"
import { truncateText } from "../truncate-text.js"
import { EndpointAnswer } from "./answer-parts.js"
import { type Choice, readChoice, readEvent, tokensOf } from "./answers.js"
import { checkEndpoint, type EndpointOptions, type EndpointSettings } from "./endpoint-options.js"
import { HttpClient, senseless } from "./http-client.js"
import { logprobsBody, mostLogprobs, promptBody, settingsBody } from "./request-body.js"
import { logprobsOf, wantedTokens } from "./wanted-tokens.js"

type Item = PromptInput & { readonly continuation: string }

/** Answers come from elsewhere: the same request may give another answer, and what is asked is read by whoever runs the endpoint. */
export class EndpointLanguageModel implements LanguageModel {
  readonly name: string
  readonly fingerprint: string
  readonly maxLength: number | undefined
  readonly capabilities: ReadonlySet<Capability>
  readonly #settings: EndpointSettings
  readonly #http: HttpClient

  /** Nothing is sent yet. Throws `argument` for options that make no sense. */
  constructor(options: EndpointOptions) {
    const settings = checkEndpoint(options)
    this.#settings = settings
    this.#http = new HttpClient(settings.http)
    this.name = settings.model
    this.maxLength = settings.maxLength
    this.capabilities = settings.capabilities
    const { baseUrl } = settings.http
    const address = `${baseUrl.protocol}//${baseUrl.host}${baseUrl.pathname}`
    this.fingerprint = fingerprintOf("endpoint", { address, model: settings.model, extra: settings.extraBody })
  }

  /** Requests that had to be sent again, so far. */
  get retries(): number {
    return this.#http.retries
  }

  async generate(requests: readonly GenerationRequest[], options: GenerateOptions = {}): Promise<Generation[]> {
    const { onToken } = options
    return this.#all(requests, options, "generate", {
      prepare: (request) => {
        const settings = checkSettings(request)
        const prompt = promptBody(request, this.#settings, this, {
          answer: settings.maxTokens,
          tooLong: settings.tooLong,
        })
        const named = request.namedTokens && wantedTokens(request.namedTokens, this.#settings.codec)
        const body = { ...prompt.body, ...settingsBody(request, settings, prompt.path, this.#settings, this) }
        return { settings, prompt, body, named }
      },
      run: async ({ settings, prompt, body, named }, index, signal) => {
        const begun = performance.now()
        const emit = onToken && ((event: GenerationEvent) => onToken(index, event))
        const answer = new EndpointAnswer(settings, prompt, named, emit)
        if (onToken) {
          const stream = { stream: true, stream_options: { include_usage: true } }
          const take = (event: Record<string, unknown>) => {
            const part = readEvent(event, this.#textOf)
            answer.take(part)
            return part.finish !== undefined
          }
          await this.#http.stream(prompt.path, this.#body({ ...body, ...stream }), take, signal)
        } else answer.take(await this.#ask(prompt.path, body, (json) => readChoice(json, this.#textOf), signal))
        const generation = answer.generation((performance.now() - begun) / 1000)
        emit?.({ text: "", generation })
        return generation
      },
      failed: (error, index) => {
        const generation: Generation = { text: "", finishReason: "failed", cutTokens: 0, usage: noUsage, error }
        onToken?.(index, { text: "", generation })
        return generation
      },
    })
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
    requireCapability(this, "scoreTokens", "use a local model, or an endpoint that gives log-probabilities")
    const { codec, traits } = this.#settings
    const wanted = wantedTokens(candidates, codec)
    return this.#all(expandPrompts(prompts), options, "score", {
      prepare: (input) => promptBody(input, this.#settings, this, { answer: 1, tooLong: options.tooLong ?? "throw" }),
      run: async ({ path, body, cutTokens, escaped }, _, signal) => {
        const begun = performance.now()
        const field = path === "/completions" ? "max_tokens" : traits.fields.maxTokens
        const asked = {
          ...body,
          [field]: 1,
          temperature: 0,
          ...logprobsBody(mostLogprobs(path, this.#settings), path, this.#settings, this),
        }
        const choice = await this.#ask(path, asked, (json) => withTokens(readChoice(json, this.#textOf)), signal)
        const [first] = choice.tokens
        const logprobs = Float64Array.from(logprobsOf(wanted, first!))
        return {
          logprobs,
          missing: logprobs.filter((each) => each === Number.NEGATIVE_INFINITY).length,
          cutTokens,
          ...(escaped > 0 ? { escaped } : {}),
          usage: usageIn(choice, cutTokens, begun),
        }
      },
      failed: (error) => ({
        logprobs: new Float64Array(candidates.length).fill(Number.NaN),
        missing: 0,
        cutTokens: 0,
        usage: noUsage,
        error,
      }),
    })
  }

  async logLikelihood(items: readonly Item[], options: ModelRunOptions = {}): Promise<Likelihood[]> {
    requireCapability(
      this,
      "logLikelihood",
      "use a local model, or vLLM, which repeats prompts with their log-probabilities",
    )
    requireCapability(this, "completion", "use a local model")
    return this.#all(items, options, "score", {
      prepare: (item) => this.#echoed(item),
      run: async ({ prompt, isOwn }, _, signal) => {
        const begun = performance.now()
        const logprobs = logprobsBody(0, "/completions", this.#settings, this)
        const body = { prompt, echo: true, max_tokens: 1, temperature: 0, ...logprobs }
        const { tokens, choice } = await this.#ask(
          "/completions",
          body,
          (json) => {
            const found = readChoice(json, this.#textOf)
            const own = isOwn(found, offsetsIn(json))
            if (own.length === 0 || own.some(({ logprob }) => Number.isNaN(logprob)))
              throw senseless(
                `${this.name} did not repeat the prompt with log-probabilities: it does not offer this`,
                false,
              )
            return {
              choice: found,
              tokens: own.map(
                ({ id, text, logprob }): TokenLogprob => ({ ...(id === undefined ? {} : { id }), text, logprob }),
              ),
            }
          },
          signal,
        )
        const logprob = tokens.reduce((sum, token) => sum + token.logprob, 0)
        return { logprob, tokens, usage: usageIn(choice, 0, begun) }
      },
      failed: (error) => ({ logprob: Number.NaN, tokens: [], usage: noUsage, error }),
    })
  }

  countTokens(text: string): number {
    return this.#codec().encodePlain(text).length
  }

  truncateText(text: string, maxTokens: number): string {
    return truncateText(text, maxTokens, (part) => this.countTokens(part))
  }

  renderChat(prompt: ChatPrompt): string {
    requireCapability(this, "chatTemplate", "give a codec with a chat template (loadTextCodec)")
    return this.#codec().render(prompt)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.close()
  }

  #codec(): TextCodec {
    requireCapability(this, "tokenizer", "give the model's tokenizer as a codec (loadTextCodec)")
    return this.#settings.codec!
  }

  get #textOf(): ((id: number) => string) | undefined {
    const { codec } = this.#settings
    return codec && ((id) => codec.textOf(id))
  }

  #body(body: Record<string, unknown>): Record<string, unknown> {
    return { model: this.#settings.model, ...body, ...this.#settings.extraBody }
  }

  #ask<Result>(
    path: string,
    body: Record<string, unknown>,
    read: (answer: Record<string, unknown>) => Result,
    signal: AbortSignal,
  ): Promise<Result> {
    return this.#http.post(path, this.#body(body), read, signal)
  }

  /** A prompt to be repeated, and how to find the continuation's tokens in what comes back. */
  #echoed(item: Item): {
    readonly prompt: string | readonly number[]
    readonly isOwn: (choice: Choice, offsets: readonly number[]) => readonly TokenLogprob[]
  } {
    const { codec } = this.#settings
    if (item.continuation === "") throw new RankineError("argument", "the continuation is empty: give a text")
    if (codec) {
      const { whole, border } = continued(codec, item, item.continuation)
      return { prompt: whole, isOwn: ({ tokens }) => tokens.slice(border, whole.length) }
    }
    if ("messages" in item)
      throw new RankineError(
        "model",
        `${this.name} cannot score a continuation of a conversation: give a codec with its chat template`,
      )
    const { prompt } = item as PlainPrompt & Item
    const before = promptBody({ prompt }, this.#settings, this, { answer: 0, tooLong: "throw" }).body.prompt as string
    if (typeof before !== "string")
      throw new RankineError("argument", "a prompt of ids needs a codec: give the prompt as text")
    const after = promptBody({ prompt: [{ text: item.continuation }] }, this.#settings, this, {
      answer: 0,
      tooLong: "throw",
    }).body.prompt as string
    const end = before.length + after.length
    return {
      prompt: before + after,
      isOwn: ({ tokens }, offsets) =>
        // By the end of each token: one that spans the border is the continuation's. The token written behind it begins at the end.
        tokens.filter(({ text }, at) => offsets[at]! + text.length > before.length && offsets[at]! < end),
    }
  }

  /** Runs all side by side, as many at once as allowed. */
  async #all<Input, Prepared, Result>(
    items: readonly Input[],
    { signal, onError = "throw", onProgress }: ModelRunOptions,
    stage: string,
    form: {
      readonly prepare: (item: Input) => Prepared
      readonly run: (prepared: Prepared, index: number, signal: AbortSignal) => Promise<Result>
      readonly failed: (error: RankineError, index: number) => Result
    },
  ): Promise<Result[]> {
    // The first error ends the others: nobody will read their answers.
    const controller = new AbortController()
    // Every request listens; more than ten are no leak.
    setMaxListeners(0, controller.signal)
    const stop = () => controller.abort(signal?.reason)
    if (signal?.aborted) stop()
    signal?.addEventListener("abort", stop, { once: true })
    let done = 0
    const one = async (prepared: () => Prepared, index: number) => {
      try {
        return await form.run(prepared(), index, controller.signal)
      } catch (thrown) {
        const error = toRankineError(thrown)
        if (onError === "throw" || error.code === "aborted") throw error
        return form.failed(error, index)
      } finally {
        onProgress?.({ stage, done: ++done, total: items.length, unit: "prompts" })
      }
    }
    try {
      throwIfAborted(signal)
      // Nothing is sent before all of it is known to make sense.
      const prepared = items.map((item) => settled(() => form.prepare(item)))
      if (onError === "throw") for (const each of prepared) each()
      return await Promise.all(prepared.map(one))
    } finally {
      signal?.removeEventListener("abort", stop)
      controller.abort()
    }
  }
}

/** Does the work now, and gives or throws what came of it later. */
function settled<Result>(work: () => Result): () => Result {
  try {
    const result = work()
    return () => result
  } catch (thrown) {
    return () => {
      throw thrown
    }
  }
}

function withTokens(choice: Choice): Choice {
  if (choice.tokens.length === 0)
    throw senseless("the endpoint gave no log-probabilities: it does not offer them, or not for this model", false)
  return choice
}

function usageIn({ usage }: Choice, cutTokens: number, begun: number): Usage {
  return {
    ...noUsage,
    calls: 1,
    ...usage,
    truncated: cutTokens > 0 ? 1 : 0,
    seconds: (performance.now() - begun) / 1000,
  }
}

/** Where each token begins in the repeated text; counted where the server does not say. */
function offsetsIn(answer: Record<string, unknown>): readonly number[] {
  const choice = (answer.choices as { readonly logprobs?: Record<string, unknown> }[] | undefined)?.[0]
  const given = choice?.logprobs?.text_offset
  if (Array.isArray(given)) return given as number[]
  let at = 0
  return tokensOf(choice?.logprobs).map(({ text }) => {
    const begin = at
    at += text.length
    return begin
  })
}
