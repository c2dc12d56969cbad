/** How a model spells an answer as its next token. @module */
import { RankineError } from "../../src/core/index.js"
import type { LanguageModel, TokenScores } from "../../src/models/index.js"

/** Tokens to score, and which of them stand for each answer. */
export interface AnswerTokens {
  /** Texts that are one token each. */
  readonly candidates: readonly string[]
  /** Of each answer, positions among the candidates. */
  readonly groups: readonly (readonly number[])[]
}

/**
 * Chooses the spelling of each answer that continues a prompt as one token: as it is written, else in lower case, capitalised, in capitals;
 * after white space without a space before it, else with one. Answers are spelled alike where they can be.
 *
 * @param prompt the prompt's text, of which the end counts
 * @param sum take every spelling that is one token, whose probabilities are added
 * @throws RankineError `argument` where an answer has no spelling that is one token
 */
export function answerTokens(
  model: LanguageModel,
  prompt: string,
  answers: readonly string[],
  sum = false,
): AnswerTokens {
  if (new Set(answers).size < answers.length || answers.length < 2)
    throw new RankineError("argument", `answers must be two different texts at least, got ${JSON.stringify(answers)}`)
  const isToken = singleTokens(model, prompt)
  const spaces = /\s$|^$/u.test(prompt) ? ["", " "] : [" ", ""]
  const styles = spaces.flatMap((space) => cases.map((style) => (answer: string) => space + style(answer)))
  const chosen = sum
    ? answers.map((answer) => [...new Set(styles.map((style) => style(answer)).filter(isToken))])
    : alike(answers, styles, isToken)
  const without = answers.filter((_, at) => chosen[at]!.length === 0)
  if (without.length > 0)
    throw new RankineError(
      "argument",
      `${model.name} has no single token for ${without.map((each) => JSON.stringify(each)).join(", ")}: name answers that are one ` +
        "token each, and a prompt that asks for them",
    )
  const candidates = [...new Set(chosen.flat())]
  const groups = chosen.map((spellings) => spellings.map((each) => candidates.indexOf(each)))
  const shared = groups.flat().length > candidates.length
  if (shared)
    throw new RankineError(
      "argument",
      `${answers.join(", ")} have a spelling in common, and cannot be told apart: name others`,
    )
  return { candidates, groups }
}

/**
 * The natural logarithm of each answer's probability, but for a constant that all share: logits where the model is local.
 * -Infinity for an answer that an endpoint does not name.
 *
 * @throws RankineError `model` where a local model gives no number
 */
export function answerLogs(name: string, { candidates, groups }: AnswerTokens, scores: TokenScores): number[] {
  const values = scores.logits ?? scores.logprobs
  const broken = values.findIndex((value) => Number.isNaN(value) || value === Number.POSITIVE_INFINITY)
  if (broken !== -1)
    throw new RankineError(
      "model",
      `${name} gives ${values[broken]} for ${JSON.stringify(candidates[broken])}: load it with a higher precision`,
    )
  return groups.map((group) => logSum(group.map((at) => values[at]!)))
}

/** ln(exp(a) + exp(b) + ...). */
export function logSum(values: readonly number[]): number {
  const most = Math.max(...values)
  if (!Number.isFinite(most) || values.length === 1) return most
  return most + Math.log(values.reduce((total, value) => total + Math.exp(value - most), 0))
}

const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1).toLowerCase()
const cases: readonly ((answer: string) => string)[] = [
  (answer) => answer,
  (answer) => answer.toLowerCase(),
  capitalised,
  (answer) => answer.toUpperCase(),
]

type Style = (answer: string) => string

function alike(answers: readonly string[], styles: readonly Style[], isToken: (text: string) => boolean): string[][] {
  const common = styles.find((style) => answers.every((answer) => isToken(style(answer))))
  return answers.map((answer) => {
    const own = common ?? styles.find((style) => isToken(style(answer)))
    return own ? [own(answer)] : []
  })
}

/**
 * Whether a text is the prompt's next token: it adds one to it, or would to a line of its own, since tokenizers that take line breaks
 * together read the end of a prompt otherwise once a word follows. Endpoints whose tokenizer is not at hand are believed.
 */
function singleTokens(model: LanguageModel, prompt: string): (text: string) => boolean {
  if (!model.capabilities.has("tokenizer")) return () => true
  const beginnings = [prompt, "a\n"].map((text) => ({ text, tokens: model.countTokens(text) }))
  return (text) => beginnings.some((before) => model.countTokens(before.text + text) === before.tokens + 1)
}
