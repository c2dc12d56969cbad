/** A language model whose words are a function's. */
import { noUsage } from "../../../src/core/index.js"
import {
  allCapabilities,
  type Capability,
  expandPrompts,
  type GenerationRequest,
  type LanguageModel,
  type Message,
  type PromptInput,
} from "../../../src/models/index.js"

export interface Script {
  readonly write?: (messages: readonly Message[], request: GenerationRequest) => string
  /** Log-probabilities of the candidates. */
  readonly score?: (messages: readonly Message[], candidates: readonly (string | number)[]) => readonly number[]
  readonly without?: readonly Capability[]
  readonly maxLength?: number
}

export interface ScriptedModel extends LanguageModel {
  readonly requests: GenerationRequest[]
  readonly scored: { readonly input: PromptInput; readonly candidates: readonly (string | number)[] }[]
}

export const messagesOf = (input: PromptInput): readonly Message[] => ("messages" in input ? input.messages : [])

export function scriptedModel({ write, score, without = [], maxLength }: Script): ScriptedModel {
  const words = (text: string) => text.split(/\s+/u).filter(Boolean)
  const unused = () => {
    throw new Error("not scripted")
  }
  const requests: GenerationRequest[] = []
  const scored: ScriptedModel["scored"] = []
  return {
    name: "scripted",
    fingerprint: "scripted-1",
    maxLength,
    capabilities: new Set([...allCapabilities].filter((each) => !without.includes(each))),
    requests,
    scored,
    async generate(asked) {
      return asked.map((request) => {
        requests.push(request)
        const text = (write ?? unused)(messagesOf(request), request)
        const usage = { ...noUsage, calls: 1, promptTokens: 10, completionTokens: words(text).length }
        return { text, finishReason: "stop" as const, cutTokens: 0, usage }
      })
    },
    stream: unused,
    async scoreTokens(prompts, candidates) {
      return expandPrompts(prompts).map((input) => {
        scored.push({ input, candidates })
        const logprobs = Float64Array.from((score ?? unused)(messagesOf(input), candidates))
        const missing = logprobs.filter((each) => each === Number.NEGATIVE_INFINITY).length
        return { logprobs, missing, cutTokens: 0, usage: { ...noUsage, calls: 1, promptTokens: 10 } }
      })
    },
    logLikelihood: unused,
    countTokens: (text) => words(text).length,
    truncateText: (text, most) => words(text).slice(0, most).join(" "),
    renderChat: ({ messages, prefill = "" }) => messages.map(({ content }) => content).join("\n") + prefill,
    async [Symbol.asyncDispose]() {},
  }
}

/** What a conversation shows as documents `text N`, by label: N of each. */
export function shownIn(messages: readonly Message[]): Map<string, number> {
  const all = messages.map(({ content }) => content).join("\n")
  const pattern = /^(?:\[([A-Z0-9]+)\]|Document ([0-9]+):) text ([0-9]+)$/gmu
  return new Map([...all.matchAll(pattern)].map(([, bracket, word, n]) => [bracket ?? word!, Number(n)]))
}
