import { noUsage } from "../../../src/core/index.js"
import type { GenerationRequest, LanguageModel, TokenScores } from "../../../src/models/index.js"

/** A model that says what a function says, for tests: its tokens are words. */
export function scriptedModel(
  write: (text: string, request: GenerationRequest) => string,
  score: (text: string) => readonly number[] = () => [],
): LanguageModel & { readonly asked: GenerationRequest[]; readonly texts: string[] } {
  const asked: GenerationRequest[] = []
  const texts: string[] = []
  const wordsOf = (text: string) => text.match(/\S+/g) ?? []
  const textOf = (input: object): string => {
    if ("messages" in input) return (input.messages as { content: string }[]).map(({ content }) => content).join("\n")
    const { prompt } = input as { prompt: string | readonly (string | { text: string })[] }
    return typeof prompt === "string"
      ? prompt
      : prompt.map((part) => (typeof part === "string" ? part : part.text)).join("")
  }
  const unused = () => {
    throw new Error("not used in this test")
  }
  return {
    asked,
    texts,
    name: "scripted",
    fingerprint: "scripted-1",
    maxLength: undefined,
    capabilities: new Set(["tokenizer", "chat", "completion", "seed", "scoreTokens", "topK"] as const),
    async generate(requests) {
      asked.push(...requests)
      return requests.map((request) => {
        const text = textOf(request)
        texts.push(text)
        const answer = write(text, request)
        const usage = {
          ...noUsage,
          calls: 1,
          promptTokens: wordsOf(text).length,
          completionTokens: wordsOf(answer).length,
        }
        return { text: answer, finishReason: "stop" as const, cutTokens: 0, usage }
      })
    },
    async scoreTokens(prompts): Promise<TokenScores[]> {
      return (prompts as readonly object[]).map((input) => {
        const text = textOf(input)
        texts.push(text)
        const usage = { ...noUsage, calls: 1, promptTokens: wordsOf(text).length }
        return { logprobs: Float64Array.from(score(text)), missing: 0, cutTokens: 0, usage }
      })
    },
    stream: unused,
    logLikelihood: unused,
    countTokens: (text) => wordsOf(text).length,
    truncateText: (text, most) => text.match(new RegExp(`^(?:\\s*\\S+){0,${most}}`))?.[0] ?? "",
    renderChat: unused,
    async [Symbol.asyncDispose]() {},
  }
}
