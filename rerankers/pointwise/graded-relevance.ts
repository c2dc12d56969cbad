import { RankineError } from "../../src/core/index.js"
import type { LanguageModel } from "../../src/models/index.js"
import { loadPrompt, type Read, TokenOracle } from "../prompts/index.js"
import { answerLogs, answerTokens, logSum } from "./answer-tokens.js"
import { fitPrompts, type LlmPointwiseOptions, type LlmPointwiseReranker, llmPointwise } from "./llm-options.js"
import type { PointwiseAnswer } from "./score-each.js"

export interface GradedRelevanceOptions extends LlmPointwiseOptions {
  /**
   * The grades, the lowest first: texts that are one token each, worth 0, 1, 2 and so on. A number is the highest of the grades 0 to 9. Default
   * 4. For more than ten grades name letters, since few models have a token for 10: `["A", "B", ..., "K"]`.
   */
  readonly grades?: number | readonly string[]
  /** What each grade means, for the prompt. Default: for five grades from "irrelevant" to "answers it fully"; else only the ends. */
  readonly meanings?: readonly string[]
  /** Add the probabilities of a grade's spellings with and without a space before it. Default false. */
  readonly sum?: boolean
}

const FIVE = ["irrelevant", "on the topic only", "answers it in part", "answers it mostly", "answers it fully"]

/**
 * Asks for a grade of relevance, and scores a document by the grade that is to be expected: the sum of the grades, each by its probability
 * among them at the next token. Scores lie between 0 and the highest grade; their kind is `logit`.
 *
 * Source: Zhuang et al., "Beyond Yes and No: Improving Zero-Shot LLM Rankers via Scoring Fine-Grained Relevance Labels", NAACL 2024
 * (expected relevance values).
 * @throws RankineError `argument` for fewer than two grades, and for one that is no single token of the model
 */
export async function gradedRelevance(
  model: LanguageModel,
  options: GradedRelevanceOptions = {},
): Promise<LlmPointwiseReranker> {
  const { sum = false } = options
  const grades = gradesOf(options.grades ?? 4)
  const meanings = options.meanings ?? (grades.length === 5 ? FIVE : grades.map((_, at) => ends(at, grades.length)))
  if (meanings.length !== grades.length)
    throw new RankineError(
      "argument",
      `there are ${grades.length} grades and ${meanings.length} meanings: give one for each`,
    )
  const scale = grades.map((grade, at) => (meanings[at] ? `${grade} (${meanings[at]})` : grade)).join(", ")
  const values = { scale, lowest: grades[0]!, highest: grades.at(-1)! }
  const prompt = await loadPrompt(options.prompt ?? "graded")
  const fitted = fitPrompts(model, prompt, options, { values })
  const tokens = answerTokens(fitted.model, fitted.text, grades, sum)
  const oracle = new TokenOracle(
    fitted.model,
    prompt,
    ({ document }: { readonly document: number }) => ({ documents: [document], values }),
    tokens.candidates,
    (scores) => expected(answerLogs(model.name, tokens, scores)),
    fitted.settings,
  )
  const describe = { grades, answers: tokens.candidates, sum, meanings }
  return llmPointwise(oracle, { name: "graded", scoreKind: "logit", describe }, options)
}

/** Grades that an endpoint does not name have no part in it; undefined where it names none. */
function expected(logs: readonly number[]): Read<PointwiseAnswer> {
  const total = logSum(logs)
  if (total === Number.NEGATIVE_INFINITY) return { answer: undefined, malformed: true }
  return { answer: logs.reduce((mean, log, grade) => mean + grade * Math.exp(log - total), 0) }
}

function gradesOf(given: number | readonly string[]): readonly string[] {
  if (typeof given !== "number") return given
  if (Number.isInteger(given) && given >= 1 && given <= 9)
    return Array.from({ length: given + 1 }, (_, at) => String(at))
  throw new RankineError(
    "argument",
    `grades must be a whole number from 1 to 9 or a list of texts, got ${given}: for more grades name letters (["A", "B", ...])`,
  )
}

function ends(at: number, count: number): string {
  return at === 0 ? "irrelevant" : at === count - 1 ? "answers it fully" : ""
}
