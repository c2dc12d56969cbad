/** An answer of an endpoint as its parts come in: one for a whole answer, many for a streamed one. @module */
import { noUsage } from "../../../core/ranking.js"
import type { ChosenToken, FinishReason, Generation, GenerationEvent } from "../language-model.js"
import type { CheckedSettings } from "../settings.js"
import { StopMatcher } from "../stop-matcher.js"
import type { Choice, EndpointUsage } from "./answers.js"
import type { EndpointPrompt } from "./request-body.js"
import { logprobsOf, type WantedToken } from "./wanted-tokens.js"

export class EndpointAnswer {
  readonly #stops: StopMatcher
  #text = ""
  #reasoning = ""
  #finish: FinishReason | undefined
  #stopText: string | undefined
  #matched = false
  #usage: EndpointUsage | undefined
  readonly #tokens: ChosenToken[] = []
  #ids: number[] | undefined

  constructor(
    private readonly settings: CheckedSettings,
    private readonly prompt: EndpointPrompt,
    private readonly named: readonly WantedToken[] | undefined,
    private readonly emit: ((event: GenerationEvent) => void) | undefined,
  ) {
    this.#stops = new StopMatcher(settings.stop)
  }

  take({ text, reasoning, finish, stopText, tokens, tokenIds, usage }: Choice): void {
    this.#usage = usage ?? this.#usage
    this.#reasoning += reasoning
    this.#finish = finish ?? this.#finish
    this.#stopText = stopText ?? this.#stopText
    this.#tokens.push(...tokens)
    if (tokenIds) (this.#ids ??= []).push(...tokenIds)
    if (this.#matched || text === "") return
    // Servers leave stop texts out; those that were not sent, or that a server does not know, are found here.
    const step = this.#stops.push(text)
    if (step.stop !== undefined) {
      this.#matched = true
      this.#stopText = step.stop
    }
    const [token] = tokens
    this.#give(step.text, tokens.length === 1 ? token : undefined)
  }

  generation(seconds: number): Generation {
    if (!this.#matched) this.#give(this.#stops.flush(), undefined)
    const { logprobs } = this.settings
    const { cutTokens, escaped } = this.prompt
    return {
      text: this.#text,
      ...(this.#ids ? { tokenIds: this.#ids } : {}),
      finishReason: this.#matched ? "stop" : (this.#finish ?? "stop"),
      ...(this.#stopText === undefined ? {} : { stopText: this.#stopText }),
      ...(logprobs === undefined && !this.named
        ? {}
        : { logprobs: this.#tokens.map((token) => this.#reported(token)) }),
      ...(this.#reasoning === "" ? {} : { reasoning: this.#reasoning }),
      ...(escaped > 0 ? { escaped } : {}),
      cutTokens,
      usage: { ...noUsage, calls: 1, ...this.#usage, truncated: cutTokens > 0 ? 1 : 0, seconds },
    }
  }

  /** More of the likeliest tokens may have been asked for than are reported, to find the named ones among them. */
  #reported(token: ChosenToken): ChosenToken {
    const { logprobs = 0 } = this.settings
    if (!this.named) return token
    return { ...token, top: token.top.slice(0, logprobs), named: logprobsOf(this.named, token) }
  }

  #give(text: string, token: ChosenToken | undefined): void {
    this.#text += text
    if (text === "" || !this.emit) return
    this.emit({
      text,
      ...(token?.id === undefined ? {} : { tokenId: token.id }),
      ...(token ? { logprob: token.logprob } : {}),
    })
  }
}
