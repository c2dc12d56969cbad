/** A language model that chooses one of a few documents, by what it writes or by how likely it finds their labels. @module */
import { RankineError } from "../../src/core/index.js"
import { type LanguageModel, requireCapability, type TokenScores } from "../../src/models/index.js"
import type { Oracle } from "../program/oracle.js"
import { labelOf } from "../prompts/permutation.js"
import { Prompt } from "../prompts/prompt.js"
import { GenerationOracle, type PromptSettings, TokenOracle } from "../prompts/prompt-oracle.js"
import { type Choice, readChoice } from "./read-choice.js"

/** `generation` reads what the model writes; `likelihood` how likely each label is as the next token: one step of the model. */
export type ChoiceBy = "generation" | "likelihood"

export interface Chosen extends Choice {
  /** The softmax over the labels of the documents shown, where these were read. */
  readonly likelihoods?: readonly number[]
}

export interface ChoiceForm<Question, Answer> {
  readonly by: ChoiceBy
  /** Most documents that a question shows. */
  readonly most: number
  readonly show: (question: Question) => readonly number[]
  readonly answer: (chosen: Chosen) => Answer
  readonly settings: PromptSettings
}

/**
 * The oracle of a prompt whose answer is one label. What the prompt's answer begins with is left out for a model that cannot be given it.
 *
 * @throws RankineError `model` where likelihoods are asked of an endpoint that gives none, `configuration` for a prompt without a pattern of
 *   labels where the model writes; asking throws `argument` for labels that are not one token of the model
 */
export function choiceOracle<Question, Answer>(
  model: LanguageModel,
  given: Prompt,
  { by, most, show, answer, settings }: ChoiceForm<Question, Answer>,
): Oracle<Question, Answer> {
  const { prompt, space } = spelled(model, given, by, most)
  const shown = (question: Question) => ({ documents: show(question) })
  const read = (chosen: Chosen) => ({
    answer: answer(chosen),
    ...(chosen.malformed ? { malformed: true } : {}),
  })
  if (by === "generation" && prompt.file.answer.label === undefined)
    throw new RankineError(
      "configuration",
      `the prompt ${prompt.name} does not say how a label is found in what a model writes: add answer.label to its file`,
    )
  if (by === "generation")
    return new GenerationOracle<Question, Answer>(
      model,
      prompt,
      shown,
      (completion, question) => read(readChoice(prompt, completion, show(question).length)),
      settings,
    )
  requireCapability(model, "scoreTokens", "let it write its answer (by: generation)")
  const candidates = labelsOf(prompt, most).map((label) => space + label)
  return new TokenOracle<Question, Answer>(
    model,
    prompt,
    shown,
    candidates,
    (scores, question) => read(likeliest(model, candidates, scores, show(question).length)),
    settings,
  )
}

/** The likeliest of the first `count` labels, of equals the one shown first. */
function likeliest(
  { name }: LanguageModel,
  candidates: readonly string[],
  { logprobs }: TokenScores,
  count: number,
): Chosen {
  const logs = logprobs.subarray(0, count)
  const broken = logs.findIndex((log) => Number.isNaN(log))
  if (broken !== -1)
    throw new RankineError(
      "model",
      `${name} gives no number for ${JSON.stringify(candidates[broken])}: load it with a higher precision`,
    )
  const most = Math.max(...logs)
  // An endpoint that names none of them says nothing.
  if (most === Number.NEGATIVE_INFINITY) return { best: undefined, malformed: true }
  const weights = [...logs].map((log) => Math.exp(log - most))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return {
    best: logs.indexOf(most),
    malformed: logs.includes(Number.NEGATIVE_INFINITY),
    likelihoods: weights.map((weight) => weight / sum),
  }
}

const labelsOf = ({ file }: Prompt, count: number) =>
  Array.from({ length: count }, (_, position) => labelOf(position, file.labels))

/** The prompt as this model can be given it, and what stands between it and a label. */
function spelled(model: LanguageModel, prompt: Prompt, by: ChoiceBy, most: number): { prompt: Prompt; space: string } {
  const { prefill, ...rest } = prompt.file
  if (prefill === undefined) return { prompt, space: "" }
  if (!model.capabilities.has("prefill")) return { prompt: new Prompt(rest), space: "" }
  // Behind a word a label begins with a space.
  if (by === "generation" || /[\s([{<"']$/u.test(prefill)) return { prompt, space: "" }
  const before = model.capabilities.has("tokenizer") ? model.countTokens(prefill) : undefined
  const single = labelsOf(prompt, most).every(
    (label) => before === undefined || model.countTokens(`${prefill} ${label}`) === before + 1,
  )
  // Tokenizers that have no token for a letter with its space: the space belongs to what the answer begins with.
  return single ? { prompt, space: " " } : { prompt: new Prompt({ ...rest, prefill: `${prefill} ` }), space: "" }
}
