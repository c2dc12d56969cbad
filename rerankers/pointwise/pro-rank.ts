import { RankineError } from "../../src/core/index.js"
import type { LanguageModel } from "../../src/models/index.js"
import { loadPrompt, TokenOracle } from "../prompts/index.js"
import { answerLogs, answerTokens } from "./answer-tokens.js"
import { instructed } from "./instructed.js"
import { fitPrompts, type LlmPointwiseOptions, type LlmPointwiseReranker, llmPointwise } from "./llm-options.js"
import { differenceOf } from "./two-answers.js"

export interface ProRankOptions extends LlmPointwiseOptions {
  /** Of queries that have none of their own. Default: no line of instruction. */
  readonly instruction?: string
  /**
   * Turns the score s into the probability 1 / (1 + exp(m / 2 - s)) with this m: 9 for models of 0.5 billion parameters, 12 for 1.5 billion.
   * The order is the same. Default: s itself, of kind `logit`.
   */
  readonly normalise?: number
}

/** Most tokens of the prompt, as the released models have it. */
const MAX_LENGTH = 8192

/**
 * ProRank (mxbai-rerank-v2): the model judges a pair by 1 or 0; the score is logit("1") - logit("0") at the next token. A query takes at most
 * three quarters of `maxLength`; where a pair is too long, only its document is cut.
 *
 * The task is worded in our own words; models that were trained behind other ones are given theirs by `prompt`.
 *
 * Source: Li et al., "ProRank: Prompt Warmup via Reinforcement Learning for Small Language Models Reranking", 2025.
 * @throws RankineError `argument` where "0" or "1" is no single token of the model, and for a `normalise` that is no number
 */
export async function proRank(model: LanguageModel, options: ProRankOptions = {}): Promise<LlmPointwiseReranker> {
  const { instruction, normalise } = options
  if (normalise !== undefined && !Number.isFinite(normalise))
    throw new RankineError("argument", `normalise must be a number, such as 9 or 12, got ${normalise}`)
  const prompt = await loadPrompt(options.prompt ?? "prorank")
  const show = instructed(prompt, instruction, (text) => (text === "" ? "" : `instruction: ${text}\n`))
  const fitted = fitPrompts(model, prompt, options, { maxLength: MAX_LENGTH, values: show.values })
  const tokens = answerTokens(fitted.model, fitted.text, ["1", "0"])
  const oracle = new TokenOracle(
    fitted.model,
    prompt,
    show,
    tokens.candidates,
    (scores) => {
      const { answer, ...rest } = differenceOf(answerLogs(model.name, tokens, scores))
      if (answer === undefined || normalise === undefined) return { answer, ...rest }
      return { answer: 1 / (1 + Math.exp(normalise / 2 - answer)), ...rest }
    },
    fitted.settings,
  )
  const describe = {
    answers: tokens.candidates,
    ...(instruction === undefined ? {} : { instruction }),
    ...(normalise === undefined ? {} : { normalise }),
  }
  const scoreKind = normalise === undefined ? "logit" : "probability"
  return llmPointwise(oracle, { name: "prorank", scoreKind, describe }, { maxLength: MAX_LENGTH, ...options })
}
