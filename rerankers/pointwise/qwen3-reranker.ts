import type { LanguageModel } from "../../src/models/index.js"
import { loadPrompt, TokenOracle } from "../prompts/index.js"
import { answerLogs, answerTokens } from "./answer-tokens.js"
import { instructed } from "./instructed.js"
import { fitPrompts, type LlmPointwiseOptions, type LlmPointwiseReranker, llmPointwise } from "./llm-options.js"
import { probabilityOf } from "./two-answers.js"

export interface Qwen3RerankerOptions extends LlmPointwiseOptions {
  /** Of queries that have none of their own: what the search is for, in one English sentence. Default: retrieval for web search. */
  readonly instruction?: string
}

/** The instruction that the models were trained with where a task has none. */
export const QWEN3_INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"

/** Most tokens of the prompt, as the released models have it. */
const MAX_LENGTH = 8192

/**
 * Qwen3-Reranker: instruction, query and document in the models' own frame, with an empty block of thoughts; the score is the probability of
 * "yes" among "yes" and "no" at the next token. Only texts are cut, never the frame.
 *
 * Source: Zhang et al., "Qwen3 Embedding: Advancing Text Embedding and Reranking Through Foundation Models", 2025.
 * @throws RankineError `argument` where "yes" or "no" is no single token of the model
 */
export async function qwen3Reranker(
  model: LanguageModel,
  options: Qwen3RerankerOptions = {},
): Promise<LlmPointwiseReranker> {
  const { instruction = QWEN3_INSTRUCTION } = options
  const prompt = await loadPrompt(options.prompt ?? "qwen3-reranker")
  const show = instructed(prompt, instruction)
  const fitted = fitPrompts(model, prompt, options, { maxLength: MAX_LENGTH, values: show.values })
  const tokens = answerTokens(fitted.model, fitted.text, ["yes", "no"])
  const oracle = new TokenOracle(
    fitted.model,
    prompt,
    show,
    tokens.candidates,
    (scores) => probabilityOf(answerLogs(model.name, tokens, scores)),
    fitted.settings,
  )
  const describe = { answers: tokens.candidates, instruction }
  return llmPointwise(
    oracle,
    { name: "qwen3-reranker", scoreKind: "probability", describe },
    { maxLength: MAX_LENGTH, ...options },
  )
}
