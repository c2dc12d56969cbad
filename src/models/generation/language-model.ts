/** One interface to every language model: local weights, or an endpoint elsewhere. Lists in, lists out. @module */

import type { RankineError } from "../../core/errors.js"
import type { OnProgress } from "../../core/progress.js"
import type { Usage } from "../../core/ranking.js"
import type { Capability } from "./capabilities.js"

/** One turn of a conversation. Special tokens in its content stay plain text. */
export interface Message {
  readonly role: string
  readonly content: string
}

/** A piece of a prompt: a string is taken as it is, special tokens included; `{ text }` is foreign text, in which they stay plain. */
export type PromptPart = string | { readonly text: string }

/** A prompt without a chat template: text, pieces of text, or token ids as they are. */
export interface PlainPrompt {
  readonly prompt: string | readonly PromptPart[] | readonly number[]
  /** Add the tokens that the model wants at the beginning of a text. Default true; ids are never added to. */
  readonly special?: boolean
}

/** A conversation, to be put into the model's chat template. */
export interface ChatPrompt {
  readonly messages: readonly Message[]
  /** What the answer begins with, taken as it is: `<think>` or `[`. It is part of the prompt, not of the generated text. */
  readonly prefill?: string
  /** More variables of the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>
}

export type PromptInput = PlainPrompt | ChatPrompt

/** Many prompts with one beginning. */
export interface SharedPrompts {
  readonly prefix: string | readonly PromptPart[]
  readonly suffixes: readonly (string | readonly PromptPart[])[]
  readonly special?: boolean
}

/** How a token is chosen. Applied in this order: repetition penalty, allowed tokens, temperature, top-k, top-p, min-p. */
export interface SamplingSettings {
  /** 0 (the default) takes the likeliest token, of equal ones that with the lowest id. */
  readonly temperature?: number
  /** Only so many of the likeliest tokens; 0 (the default) is all. */
  readonly topK?: number
  /** Only the likeliest tokens that together have this probability. Default 1. */
  readonly topP?: number
  /** Only tokens of at least this share of the likeliest one's probability. Default 0. */
  readonly minP?: number
  /** Divides (where negative: multiplies) the logits of tokens that prompt or answer have already. Default 1. */
  readonly repetitionPenalty?: number
  /** The only tokens that may be written: ids, or texts that are one token each. The end token is among them only if named. */
  readonly allowedTokens?: readonly (string | number)[]
}

export interface GenerationSettings extends SamplingSettings {
  /** Most tokens of the answer. Default 256. */
  readonly maxTokens?: number
  /** The answer ends before the first of these texts. */
  readonly stop?: readonly string[]
  /** Same prompt, same settings, same seed: same answer, whatever is generated beside it. Default 0. */
  readonly seed?: number
  /** Log-probabilities of the chosen tokens (`true` or 0), and of so many of the likeliest at each place. */
  readonly logprobs?: boolean | number
  /**
   * Tokens whose log-probabilities are reported at every place: ids, or texts that are one token each. An endpoint knows only those among its
   * likeliest; the others are -Infinity.
   */
  readonly namedTokens?: readonly (string | number)[]
  /** What to do with a prompt that leaves no room: refuse it (the default), or cut its beginning or its end. */
  readonly tooLong?: "throw" | "cut-start" | "cut-end"
}

export type GenerationRequest = PromptInput & GenerationSettings

/** A token with its natural log-probability under the model itself: before temperature, penalties and filters. */
export interface TokenLogprob {
  /** Missing where an endpoint does not give it. */
  readonly id?: number
  readonly text: string
  readonly logprob: number
}

export interface ChosenToken extends TokenLogprob {
  /** The likeliest tokens at this place, the likeliest first. */
  readonly top: readonly TokenLogprob[]
  /** Log-probabilities of the named tokens, in their order; missing where none were named. */
  readonly named?: readonly number[]
}

/**
 * Why an answer ended: `stop` at the end token or a stop text, `length` at `maxTokens`, `context` where the model can read no further,
 * `filter` where an endpoint refused, `failed` where the request failed and errors are marked.
 */
export type FinishReason = "stop" | "length" | "context" | "filter" | "failed"

export interface Generation {
  /** Without the stop text and without special tokens. */
  readonly text: string
  /** Every token that was chosen, the end token and those of the stop text included. Missing where an endpoint does not give them. */
  readonly tokenIds?: readonly number[]
  readonly finishReason: FinishReason
  /** The stop text that ended it; missing where the end token did. */
  readonly stopText?: string
  readonly logprobs?: readonly ChosenToken[]
  /** Thoughts that an endpoint gives apart from the text. */
  readonly reasoning?: string
  /** Special tokens in foreign text that were broken by a space, where an endpoint could not be told to read them as plain. */
  readonly escaped?: number
  /** Tokens of the prompt that were cut off. */
  readonly cutTokens: number
  readonly usage: Usage
  readonly error?: RankineError
}

/** A piece of an answer as it is written. Joined, the texts are the answer's. The last event carries the whole. */
export interface GenerationEvent {
  readonly text: string
  readonly tokenId?: number
  readonly logprob?: number
  readonly generation?: Generation
}

export interface ModelRunOptions {
  readonly signal?: AbortSignal | undefined
  /** `throw` (the default) fails the call with the first request that fails; `mark` marks that one `failed` and goes on. */
  readonly onError?: "throw" | "mark"
  readonly onProgress?: OnProgress
  /** Calls of the same client share one turn of the model's queue. */
  readonly client?: string
}

export interface GenerateOptions extends ModelRunOptions {
  /** Told of every piece of every answer, in the order in which they are written. */
  readonly onToken?: (index: number, event: GenerationEvent) => void
}

/** Scores of the candidates as the next token after a prompt. */
export interface TokenScores {
  /** Natural log-probabilities over the whole vocabulary, one per candidate; -Infinity where an endpoint did not name the token. */
  readonly logprobs: Float64Array
  /** Raw scores, where the model is local. */
  readonly logits?: Float64Array
  /** Candidates that an endpoint did not name. */
  readonly missing: number
  /** As for a generation. */
  readonly escaped?: number
  readonly cutTokens: number
  readonly usage: Usage
  readonly error?: RankineError
}

export interface ScoreOptions extends ModelRunOptions {
  /** What to do with a prompt that is too long. Default `throw`. */
  readonly tooLong?: "throw" | "cut-start" | "cut-end"
}

/** How likely a text is after a prompt. */
export interface Likelihood {
  /** Sum of the natural log-probabilities of the continuation's tokens. */
  readonly logprob: number
  /** Of each token; a token that spans the border counts for the continuation. */
  readonly tokens: readonly TokenLogprob[]
  readonly usage: Usage
  readonly error?: RankineError
}

/** A language model. What it cannot do throws `model` and is not among its `capabilities`. */
export interface LanguageModel extends AsyncDisposable {
  readonly name: string
  /** Changes when answers may: weights, or address and name of an endpoint's model. */
  readonly fingerprint: string
  /** Most tokens of prompt and answer together, where it is known. */
  readonly maxLength: number | undefined
  readonly capabilities: ReadonlySet<Capability>
  /** Answers in the order of the requests. Throws `argument` for settings out of range and prompts that are too long. */
  generate(requests: readonly GenerationRequest[], options?: GenerateOptions): Promise<Generation[]>
  /** One answer piece by piece; the last event has the whole. Leaving the loop stops the model. */
  stream(request: GenerationRequest, options?: ModelRunOptions): AsyncIterable<GenerationEvent>
  /**
   * How likely each candidate is as the next token. Candidates are texts that are one token each, or token ids.
   * Throws `argument` for a candidate that is not one token.
   */
  scoreTokens(
    prompts: readonly PromptInput[] | SharedPrompts,
    candidates: readonly (string | number)[],
    options?: ScoreOptions,
  ): Promise<TokenScores[]>
  /** How likely each continuation is after its prompt, token by token. */
  logLikelihood(
    items: readonly (PromptInput & { readonly continuation: string })[],
    options?: ModelRunOptions,
  ): Promise<Likelihood[]>
  /** Tokens of a text, without special ones. */
  countTokens(text: string): number
  /** The longest beginning of a text, in whole characters, that has at most so many tokens; the text itself where it fits. */
  truncateText(text: string, maxTokens: number): string
  /** A conversation as the model reads it, ready for an answer. */
  renderChat(prompt: ChatPrompt): string
}

/** The prompts of a shared form, one by one. */
export function expandPrompts(prompts: readonly PromptInput[] | SharedPrompts): readonly PromptInput[] {
  if (!("suffixes" in prompts)) return prompts
  const { prefix, suffixes, special } = prompts
  const parts = (text: string | readonly PromptPart[]) => (typeof text === "string" ? [text] : text)
  return suffixes.map((suffix) => ({
    prompt: [...parts(prefix), ...parts(suffix)],
    ...(special === undefined ? {} : { special }),
  }))
}
