/** Reads answers of endpoints: conversations and plain prompts, whole and streamed, in the forms that servers give them. @module */
import type { ChosenToken, FinishReason, TokenLogprob } from "../language-model.js"
import { senseless } from "./http-client.js"

type Json = Readonly<Record<string, unknown>>

export interface EndpointUsage {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
}

/** One choice of an answer, or one event of a streamed one. */
export interface Choice {
  readonly text: string
  readonly reasoning: string
  readonly finish: FinishReason | undefined
  /** The stop text, where a server names it. */
  readonly stopText: string | undefined
  readonly tokens: readonly ChosenToken[]
  readonly tokenIds: readonly number[] | undefined
  readonly usage: EndpointUsage | undefined
}

/** How a text that stands for a token by its id is read. */
export type TextOf = ((id: number) => string) | undefined

/** Throws for an answer without a choice. */
export function readChoice(answer: Json, textOf?: TextOf): Choice {
  const choices = Array.isArray(answer.choices) ? (answer.choices as Json[]) : undefined
  const choice = choices?.find(({ index }) => index === undefined || index === 0)
  if (!choice) throw senseless("the endpoint's answer holds no choice: is it an OpenAI-compatible address?", true)
  const message = object(choice.message)
  const text = message ? message.content : choice.text
  // A refusal, or an answer of thoughts only, has null as its content.
  if (text !== undefined && text !== null && typeof text !== "string")
    throw senseless("the endpoint's answer holds a choice without text", true)
  return { ...choiceOf(choice, message, textOf), usage: usageOf(answer) }
}

/** An event that may hold a piece of text, the end, the usage, or nothing of interest. */
export function readEvent(event: Json, textOf?: TextOf): Choice {
  const choices = Array.isArray(event.choices) ? (event.choices as Json[]) : []
  const choice = choices.find(({ index }) => index === undefined || index === 0) ?? {}
  return { ...choiceOf(choice, object(choice.delta) ?? object(choice.message), textOf), usage: usageOf(event) }
}

function choiceOf(choice: Json, message: Json | undefined, textOf: TextOf): Omit<Choice, "usage"> {
  const text = message ? message.content : choice.text
  const reasoning = message?.reasoning_content ?? message?.reasoning
  const stop = choice.stop_reason ?? choice.stopping_word
  return {
    text: typeof text === "string" ? text : "",
    reasoning: typeof reasoning === "string" ? reasoning : "",
    finish: finishOf(choice.finish_reason),
    stopText: typeof stop === "string" && stop !== "" ? stop : undefined,
    tokens: tokensOf(object(choice.logprobs), textOf),
    tokenIds: idsOf(choice.token_ids),
  }
}

function finishOf(reason: unknown): FinishReason | undefined {
  if (typeof reason !== "string") return undefined
  if (reason === "length" || reason === "max_tokens") return "length"
  if (reason === "content_filter") return "filter"
  return "stop"
}

/** Both forms: a list of tokens with their alternatives, and four lists side by side. */
export function tokensOf(logprobs: Json | undefined, textOf?: TextOf): ChosenToken[] {
  if (!logprobs) return []
  if (Array.isArray(logprobs.content))
    return (logprobs.content as Json[]).map((token) => ({
      ...named(token, textOf),
      top: (Array.isArray(token.top_logprobs) ? (token.top_logprobs as Json[]) : []).map((each) => named(each, textOf)),
    }))
  if (!Array.isArray(logprobs.tokens)) return []
  const values = Array.isArray(logprobs.token_logprobs) ? logprobs.token_logprobs : []
  const tops = Array.isArray(logprobs.top_logprobs) ? (logprobs.top_logprobs as (Json | null)[]) : []
  return (logprobs.tokens as unknown[]).map((token, at) => ({
    ...named({ token, logprob: values[at] }, textOf),
    top: Object.entries(tops[at] ?? {})
      .map(([text, logprob]) => named({ token: text, logprob }, textOf))
      .sort((left, right) => right.logprob - left.logprob),
  }))
}

/** The first token of a prompt has no probability: null there, NaN here. */
function named({ token, logprob, id }: Json, textOf: TextOf): TokenLogprob {
  const text = String(token ?? "")
  const value = typeof logprob === "number" ? logprob : Number.NaN
  const byName = /^token_id:(\d+)$/.exec(text)?.[1]
  if (byName === undefined) return { ...(typeof id === "number" ? { id } : {}), text, logprob: value }
  return { id: Number(byName), text: textOf?.(Number(byName)) ?? text, logprob: value }
}

function usageOf({ usage }: Json): EndpointUsage | undefined {
  const found = object(usage)
  if (!found) return undefined
  const details = object(found.prompt_tokens_details)
  const count = (value: unknown) => (typeof value === "number" && value > 0 ? value : 0)
  return {
    promptTokens: count(found.prompt_tokens),
    completionTokens: count(found.completion_tokens),
    cachedTokens: count(details?.cached_tokens),
  }
}

function idsOf(value: unknown): number[] | undefined {
  return Array.isArray(value) && value.every(Number.isInteger) ? (value as number[]) : undefined
}

function object(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}
