import { RankineError } from "../../src/core/index.js"
import type { LanguageModel } from "../../src/models/index.js"
import { loadPrompt, toInput } from "../prompts/index.js"
import { answerTokens } from "./answer-tokens.js"
import { fitPrompts, type LlmPointwiseOptions, type LlmPointwiseReranker, llmPointwise } from "./llm-options.js"
import { continuedInput, promptText } from "./prompt-end.js"
import { FORCED, Rank1Oracle } from "./rank1-oracle.js"

export interface Rank1Options extends LlmPointwiseOptions {
  /** Most tokens of the thoughts. Default 8192, and never more than half of what the model reads. */
  readonly maxTokens?: number
  /** 0 (the default) takes the likeliest tokens. */
  readonly temperature?: number
  /**
   * How the prompt is put: as plain text (`completion`, the default, as the released models read it) or by the model's chat template. Endpoints
   * that take conversations only get one.
   */
  readonly frame?: "completion" | "chat"
}

/**
 * Rank1: the model thinks about one document, then says true or false; the score is the probability of true among the two. Thoughts that do
 * not come to an end within the budget are cut back to their last whole sentence and closed, and the answer is read from there; such
 * documents are counted as repaired.
 *
 * Source: Weller et al., "Rank1: Test-Time Compute for Reranking in Information Retrieval", 2025.
 * @throws RankineError `argument` where "true" or "false" is no single token after the thoughts, and for limits out of range
 */
export async function rank1(model: LanguageModel, options: Rank1Options = {}): Promise<LlmPointwiseReranker> {
  const { frame = "completion", temperature, maxTokens } = options
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens >= 1))
    throw new RankineError("argument", `maxTokens must be a whole number of at least 1, got ${maxTokens}`)
  const prompt = await loadPrompt(options.prompt ?? "rank1")
  const answer = (maxTokens ?? prompt.file.maxTokens) + FORCED
  const fitted = fitPrompts(model, prompt, options, { completion: frame === "completion", answer })
  const empty = toInput(fitted.model, prompt.render({ query: "", documents: [{ text: "" }] }))
  const end = promptText(fitted.model, continuedInput(empty, "</think>"))
  const tokens = answerTokens(fitted.model, end, ["true", "false"])
  const settings = { ...fitted.settings, ...(temperature === undefined ? {} : { temperature }) }
  const oracle = new Rank1Oracle(fitted.model, prompt, tokens, settings)
  const describe = { answers: tokens.candidates, frame }
  return llmPointwise(oracle, { name: "rank1", scoreKind: "probability", describe }, options)
}
