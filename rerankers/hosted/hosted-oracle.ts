import { setMaxListeners } from "node:events"
import { noUsage, RankineError, type RerankTask } from "../../src/core/index.js"
import { fingerprintOf } from "../../src/models/fingerprint.js"
import type { BackOff } from "../../src/models/generation/endpoint/back-off.js"
import { type PromptRenderer, promptRenderer } from "../pointwise/pair-prompts.js"
import type { Answered, AskOptions, Oracle } from "../program/oracle.js"
import type { GroupwiseAnswer, GroupwiseQuestion } from "../program/questions.js"
import { estimateTokens, HostedClient } from "./hosted-client.js"
import type { HostedOptions } from "./hosted-options.js"
import type { HostedProvider, HostedScore } from "./providers.js"

export interface HostedOracleSettings extends Omit<HostedOptions, "retry" | "name" | "maxDocuments"> {
  readonly concurrency: number
  readonly timeout: number
  readonly backOff: BackOff
}

/** A service that scores the documents of a request. */
export class HostedOracle implements Oracle<GroupwiseQuestion, GroupwiseAnswer> {
  readonly name: string
  readonly model: string
  readonly fingerprint: string
  readonly #client: HostedClient
  readonly #texts: PromptRenderer
  readonly #host: string

  constructor(
    private readonly provider: HostedProvider,
    private readonly settings: HostedOracleSettings,
    env: Readonly<Record<string, string | undefined>> = process.env,
  ) {
    const { title, keys } = provider
    const key = settings.apiKey ?? keys.map((name) => env[name]).find((value) => value)
    if (!key)
      throw new RankineError("argument", `${title} needs an API key: set apiKey or the environment variable ${keys[0]}`)
    if (!/^[\x21-\x7e]+$/.test(key))
      throw new RankineError(
        "argument",
        `the API key of ${title} is empty, or has spaces or line ends in it: copy it again`,
      )
    const url = addressOf(settings.baseUrl ?? provider.baseUrl, provider.path)
    this.#host = url.host
    this.model = settings.model ?? provider.model
    if (this.model.trim() === "") throw new RankineError("argument", `model is empty: name one of ${title}'s models`)
    this.name = `${title}(${this.model})`
    this.#texts = promptRenderer(settings.prompts ?? {})
    this.fingerprint = fingerprintOf("hosted", {
      url: url.href,
      model: this.model,
      prompts: { ...settings.prompts },
      extraBody: { ...settings.extraBody },
    })
    const { requestsPerMinute, tokensPerMinute, timeout, backOff, concurrency } = settings
    this.#client = new HostedClient({
      service: { title, host: url.host, key, keys },
      url: url.href,
      headers: { authorization: `Bearer ${key}` },
      timeout,
      backOff,
      concurrency,
      limits: {
        ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
        ...(tokensPerMinute === undefined ? {} : { tokensPerMinute }),
      },
    })
  }

  async ask(
    task: RerankTask,
    questions: readonly GroupwiseQuestion[],
    { signal }: AskOptions,
  ): Promise<Answered<GroupwiseAnswer>[]> {
    // Every request of every query listens; more than ten are no leak.
    if (signal) setMaxListeners(0, signal)
    return Promise.all(questions.map((question) => this.#request(task, question, signal)))
  }

  /** By bytes: services count with tokenizers of their own, and read the query once for every document. */
  mostTokens(task: RerankTask, question: GroupwiseQuestion): number {
    const { query, texts } = this.#shown(task, question)
    return tokensOf(query, texts)
  }

  describe(): Readonly<Record<string, unknown>> {
    const { model, fingerprint, provider, settings } = this
    const { prompts, extraBody } = settings
    return {
      model,
      fingerprint,
      provider: provider.title,
      host: this.#host,
      ...(prompts ? { prompts: { ...prompts } } : {}),
      ...(extraBody ? { extraBody: { ...extraBody } } : {}),
    }
  }

  #shown({ query, hits }: RerankTask, { documents }: GroupwiseQuestion) {
    const texts = documents.map((position) => this.#texts.document(hits[position]!.document!).text)
    return { query: this.#texts.query(query), texts }
  }

  async #request(
    task: RerankTask,
    question: GroupwiseQuestion,
    signal: AbortSignal | undefined,
  ): Promise<Answered<GroupwiseAnswer>> {
    const { provider, model, settings } = this
    const { query, texts } = this.#shown(task, question)
    const estimate = tokensOf(query, texts)
    const begun = performance.now()
    const body = { ...provider.body({ model, query, texts }), ...settings.extraBody }
    return this.#client.post(
      body,
      estimate,
      (answer) => {
        const found = provider.scores(answer)
        if (!found)
          throw new RankineError(
            "model",
            `${provider.title} answered without scores: check baseUrl (${this.#host}) and model`,
          )
        const { scores, amiss } = matched(found, texts.length)
        const tokens = provider.tokens(answer)
        const usage = { ...noUsage, calls: 1, promptTokens: tokens ?? 0, seconds: (performance.now() - begun) / 1000 }
        const result: Answered<GroupwiseAnswer> = {
          answer: { scores },
          usage,
          ...(amiss > 0 ? { malformed: true } : {}),
        }
        return { result, tokens }
      },
      signal,
    )
  }
}

/** Scores by index. Indices that are none or come again, and scores that are no numbers, are dropped; they and what is missing is amiss. */
export function matched(
  found: readonly HostedScore[],
  count: number,
): { readonly scores: readonly (number | undefined)[]; readonly amiss: number } {
  const scores = new Array<number | undefined>(count).fill(undefined)
  let amiss = 0
  for (const { index, score } of found) {
    const fits = typeof index === "number" && Number.isInteger(index) && index >= 0 && index < count
    if (!fits || scores[index] !== undefined || typeof score !== "number" || !Number.isFinite(score)) amiss++
    else scores[index] = score
  }
  return { scores, amiss: amiss + scores.filter((score) => score === undefined).length }
}

function tokensOf(query: string, texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + estimateTokens(text), estimateTokens(query) * texts.length)
}

function addressOf(baseUrl: string, path: string): URL {
  let url: URL
  try {
    url = new URL(baseUrl)
  } catch (cause) {
    throw new RankineError("argument", `baseUrl is no address: ${baseUrl}; write it like https://api.example.com`, {
      cause,
    })
  }
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw new RankineError("argument", `baseUrl must begin with https:// or http://, got ${url.protocol}`)
  // An address that holds the whole path, or its beginning /v1, is taken as it is meant.
  const given = url.pathname.replace(/\/+$/u, "")
  const version = path.slice(0, path.indexOf("/", 1))
  url.pathname = given.endsWith(path)
    ? given
    : given.endsWith(version)
      ? given + path.slice(version.length)
      : given + path
  return url
}
