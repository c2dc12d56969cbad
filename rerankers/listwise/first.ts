import { RankineError } from "../../src/core/index.js"
import { type LanguageModel, requireCapability } from "../../src/models/index.js"
import type { ListwiseAnswer, ListwiseQuestion } from "../program/questions.js"
import { loadPrompt } from "../prompts/load-prompt.js"
import { labelOf } from "../prompts/permutation.js"
import { TokenOracle } from "../prompts/prompt-oracle.js"
import { type ListwiseReranker, splitWindowed, type WindowedOptions, windowed } from "./windowed.js"

/** Letters of the alphabet. */
const MOST = 26

/** `maxTokens` and sampling have no place here: one token is read, none is written. */
export type FirstOptions = Omit<WindowedOptions, "maxTokens" | "temperature" | "topP" | "topK">

/**
 * FIRST: documents are labelled by letters, and how likely each letter is as the first of the answer orders them: one step of the model for a window
 * of up to 26. Where an endpoint names only its likeliest tokens, the labels that it leaves out follow in the order in which they were shown, and
 * the answer counts as repaired. Where an answer cannot be given its beginning `[`, the model is asked for a bare letter instead.
 *
 * Throws `argument` for more than 26 documents at once and for tokenizers in which a letter is not one token, `model` where the model gives no
 * scores of tokens.
 *
 * Source: Reddy et al., "FIRST: faster improved listwise reranking with single token decoding", EMNLP 2024.
 */
export async function first(model: LanguageModel, options: FirstOptions = {}): Promise<ListwiseReranker> {
  requireCapability(model, "scoreTokens", "take rankGpt or rankZephyr, which read what a model writes")
  const { windows, name, prompt: own, concurrency, settings } = splitWindowed(options)
  const { window } = windows
  if (window > MOST)
    throw new RankineError("argument", `window must be at most ${MOST}, the letters that name documents, got ${window}`)
  const prompt = await loadPrompt(own ?? (model.capabilities.has("prefill") ? "first" : "first-letter"))
  const letters = Array.from({ length: window }, (_, position) => labelOf(position, "letter"))
  const oracle = new TokenOracle<ListwiseQuestion, ListwiseAnswer>(
    model,
    prompt,
    ({ documents }) => ({ documents }),
    letters,
    ({ logprobs }, { documents }) => {
      const scores = logprobs.subarray(0, documents.length)
      const broken = scores.findIndex((score) => Number.isNaN(score))
      if (broken !== -1)
        throw new RankineError(
          "model",
          `${model.name} gives no number for the token "${letters[broken]}": load it with a higher precision`,
        )
      const order = documents
        .map((_, place) => place)
        .sort((left, right) => scores[right]! - scores[left]! || left - right)
      return { answer: { order }, ...(scores.includes(Number.NEGATIVE_INFINITY) ? { malformed: true } : {}) }
    },
    settings,
  )
  return windowed("first", oracle, windows, {
    ...(name === undefined ? {} : { name }),
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}
