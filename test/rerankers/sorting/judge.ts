/** A language model that says what it is told to say, and remembers what it was asked. */
import { noUsage } from "../../../src/core/index.js"
import type { Capability, GenerationRequest, LanguageModel, PromptInput } from "../../../src/models/index.js"

export interface JudgeOptions {
  readonly write?: (prompt: string, request: GenerationRequest) => string
  /** Log-probability of a candidate. */
  readonly score?: (prompt: string, candidate: string) => number
  readonly without?: readonly Capability[]
  readonly maxLength?: number
}

export interface Judge extends LanguageModel {
  readonly asked: { prompt: string; input: PromptInput; candidates?: readonly (string | number)[] }[]
}

export function judge({ write = () => "", score = () => 0, without = [], maxLength }: JudgeOptions): Judge {
  const all: Capability[] = [
    "tokenizer",
    "tokenIds",
    "chat",
    "completion",
    "prefill",
    "logprobs",
    "scoreTokens",
    "seed",
  ]
  const asked: Judge["asked"] = []
  const textOf = (input: PromptInput) =>
    "messages" in input ? `${input.messages.map(({ content }) => content).join("\n")}\n${input.prefill ?? ""}` : ""
  const words = (text: string) => text.split(/\s+/).filter((word) => word !== "")
  return {
    name: "judge",
    fingerprint: "judge-1",
    maxLength,
    capabilities: new Set(all.filter((each) => !without.includes(each))),
    asked,
    generate: async (requests) =>
      requests.map((request) => {
        const prompt = textOf(request)
        asked.push({ prompt, input: request })
        return {
          text: write(prompt, request),
          finishReason: "stop" as const,
          cutTokens: 0,
          usage: { ...noUsage, calls: 1, promptTokens: words(prompt).length, completionTokens: 2 },
        }
      }),
    scoreTokens: async (prompts, candidates) => {
      if (!Array.isArray(prompts)) throw new Error("prompts are expected one by one")
      return (prompts as readonly PromptInput[]).map((input) => {
        const prompt = textOf(input)
        asked.push({ prompt, input, candidates })
        return {
          logprobs: Float64Array.from(candidates, (candidate) => score(prompt, String(candidate))),
          missing: 0,
          cutTokens: 0,
          usage: { ...noUsage, calls: 1, promptTokens: words(prompt).length },
        }
      })
    },
    stream: () => {
      throw new Error("not asked for")
    },
    logLikelihood: () => {
      throw new Error("not asked for")
    },
    countTokens: (text) => words(text).length,
    truncateText: (text, maxTokens) => words(text).slice(0, maxTokens).join(" "),
    renderChat: textOf,
    [Symbol.asyncDispose]: async () => {},
  }
}
