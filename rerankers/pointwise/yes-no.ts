import type { LanguageModel } from "../../src/models/index.js"
import { loadPrompt, TokenOracle } from "../prompts/index.js"
import { answerLogs, answerTokens } from "./answer-tokens.js"
import {
  fitPrompts,
  type LlmPointwiseOptions,
  type LlmPointwiseReranker,
  llmPointwise,
  pointwiseShown,
} from "./llm-options.js"
import { differenceOf, probabilityOf } from "./two-answers.js"

export interface YesNoOptions extends LlmPointwiseOptions {
  /**
   * The words for relevant and not relevant; `yes-no` (the default) and `true-false` have prompts of their own. Each is spelled as the model
   * has a token for it where the prompt ends.
   */
  readonly answers?: "yes-no" | "true-false" | readonly [relevant: string, other: string]
  /** Add the probabilities of all spellings that are one token: Yes, yes, YES, with a space before them or not. Default false. */
  readonly sum?: boolean
  /** `probability` (the default): of the first answer among the two. `logit`: the difference of the logits, the same order. */
  readonly score?: "probability" | "logit"
}

const words = { "yes-no": ["Yes", "No"], "true-false": ["true", "false"] } as const

/**
 * Asks whether a document answers the query, and scores it by how likely the model is to say yes: the softmax of the two answers' logits at
 * the next token. Nothing is generated. The query stands before the document, so that all documents of a query share what is read of it.
 *
 * Source: Liang et al., "Holistic Evaluation of Language Models", 2022; Zhuang et al., "A Setwise Approach", SIGIR 2024 (pointwise.yes_no).
 * @throws RankineError `argument` for an answer that is no single token of the model, `model` where an endpoint gives no log-probabilities
 */
export async function yesNo(model: LanguageModel, options: YesNoOptions = {}): Promise<LlmPointwiseReranker> {
  const { answers = "yes-no", sum = false, score = "probability" } = options
  const known = typeof answers === "string" ? answers : undefined
  const prompt = await loadPrompt(options.prompt ?? known ?? "yes-no")
  const fitted = fitPrompts(model, prompt, options)
  const tokens = answerTokens(fitted.model, fitted.text, known ? words[known] : (answers as readonly string[]), sum)
  const compare = score === "logit" ? differenceOf : probabilityOf
  const oracle = new TokenOracle(
    fitted.model,
    prompt,
    pointwiseShown,
    tokens.candidates,
    (scores) => compare(answerLogs(model.name, tokens, scores)),
    fitted.settings,
  )
  const describe = { answers: tokens.candidates, sum }
  return llmPointwise(oracle, { name: known ?? "yes-no", scoreKind: score, describe }, options)
}
