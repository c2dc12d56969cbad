import type { LanguageModel } from "../../src/models/index.js"

export interface ModelViewOptions {
  /** Most tokens that prompts are fitted into, where the model reads more. */
  readonly maxLength?: number | undefined
  /** Prompts without a chat template, where the model takes such. */
  readonly completion?: boolean
}

/** The same model, of which less is asked: prompts that are made for the view are shorter, or are no conversations. */
export function modelView(model: LanguageModel, { maxLength, completion = false }: ModelViewOptions): LanguageModel {
  const { maxLength: most = Number.POSITIVE_INFINITY } = model
  const length = Math.min(most, maxLength ?? Number.POSITIVE_INFINITY)
  const plain = completion && model.capabilities.has("completion")
  const hidden = new Set(plain ? ["chat", "chatTemplate"] : [])
  return {
    name: model.name,
    fingerprint: model.fingerprint,
    maxLength: Number.isFinite(length) ? length : undefined,
    capabilities: new Set([...model.capabilities].filter((capability) => !hidden.has(capability))),
    generate: (requests, options) => model.generate(requests, options),
    stream: (request, options) => model.stream(request, options),
    scoreTokens: (prompts, candidates, options) => model.scoreTokens(prompts, candidates, options),
    logLikelihood: (items, options) => model.logLikelihood(items, options),
    countTokens: (text) => model.countTokens(text),
    truncateText: (text, maxTokens) => model.truncateText(text, maxTokens),
    renderChat: (prompt) => model.renderChat(prompt),
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  }
}
