import type { LanguageModel, PromptInput, PromptPart } from "../../src/models/index.js"

/** A prompt as one text, as far as it is known here: where the chat template is not, a conversation ends with a line break. */
export function promptText(model: LanguageModel, input: PromptInput): string {
  if ("messages" in input) {
    if (model.capabilities.has("chatTemplate")) return model.renderChat(input)
    const { messages, prefill = "" } = input
    return `${messages.map(({ content }) => content).join("\n")}\n${prefill}`
  }
  const { prompt } = input
  if (typeof prompt === "string") return prompt
  return prompt.map((part) => (typeof part === "object" ? part.text : typeof part === "string" ? part : "")).join("")
}

/** Tokens of a text; its bytes, which are no fewer, where the tokenizer is not at hand. */
export function tokensOf(model: LanguageModel, text: string): number {
  return model.capabilities.has("tokenizer") ? model.countTokens(text) : Buffer.byteLength(text)
}

/** The prompt with more behind it that the model takes for what it wrote itself. */
export function continuedInput(input: PromptInput, ...more: readonly PromptPart[]): PromptInput {
  if ("messages" in input) {
    const text = more.map((part) => (typeof part === "string" ? part : part.text)).join("")
    return { ...input, prefill: (input.prefill ?? "") + text }
  }
  const { prompt } = input
  // Prompts of rerankers are never ids.
  const parts = typeof prompt === "string" ? [prompt] : (prompt as readonly PromptPart[])
  return { ...input, prompt: [...parts, ...more] }
}
