import { RankineError } from "../../src/core/index.js"
import type { LanguageModel } from "../../src/models/index.js"
import { ProgramReranker } from "../program/program-reranker.js"
import type { SetwiseAnswer, SetwiseQuestion } from "../program/questions.js"
import { loadPrompt } from "../prompts/load-prompt.js"
import type { Prompt } from "../prompts/prompt.js"
import type { PromptSettings } from "../prompts/prompt-oracle.js"
import { checkOneOf } from "../sorting/settings.js"
import { type ChoiceBy, choiceOracle } from "./choice-oracle.js"
import { checkedSetwise, type SetwiseSettings, setwiseProgram } from "./setwise-program.js"

export interface SetwiseMethodOptions extends SetwiseSettings, PromptSettings {
  /** Default: the method's name. */
  readonly name?: string
  /** A prompt's name, or the path of a YAML file of one's own. Default: the method's. */
  readonly prompt?: string
  /** Queries that are worked on side by side. */
  readonly concurrency?: number
}

export interface SetwiseOptions extends SetwiseMethodOptions {
  /** `generation` (the default) reads what the model writes; `likelihood` how likely each label is as the next token: one step of the model. */
  readonly by?: ChoiceBy
}

export type SetwiseReranker = ProgramReranker<SetwiseQuestion, SetwiseAnswer>

/** Labels are the letters A to W. */
const MOST = 23

/**
 * Setwise: a language model is asked which of a few passages is the most relevant, and a heapsort or bubble sort puts the best `top` in order by
 * its answers; the others keep their incoming order below. Scores are ordinal. An answer that names none of the passages leaves the order
 * as it is, and is counted in the warning `repaired`.
 *
 * Throws `argument` for options out of range, `model` where likelihoods are asked of an endpoint that gives none; when reranking, as
 * `ProgramReranker`, and `argument` where a letter is not one token of the model.
 *
 * Source: Zhuang et al., "A setwise approach for effective and highly efficient zero-shot ranking with large language models", SIGIR 2024.
 */
export async function setwise(model: LanguageModel, options: SetwiseOptions = {}): Promise<SetwiseReranker> {
  const { by = "generation", ...rest } = options
  checkOneOf("by", by, ["generation", "likelihood"])
  const prompt = await loadPrompt(options.prompt ?? "setwise")
  return setwiseReranker(model, prompt, rest, { method: "setwise", by })
}

/** A reranker of any setwise method. Throws `argument` for options out of range, and for more documents at once than there are labels. */
export function setwiseReranker(
  model: LanguageModel,
  prompt: Prompt,
  options: SetwiseMethodOptions,
  { method, by, ...describe }: { readonly method: string; readonly by: ChoiceBy; readonly version?: string },
): SetwiseReranker {
  const { algorithm, children, top, votes, shuffle, name = method, prompt: _, concurrency, ...settings } = options
  const checked = checkedSetwise({
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(children === undefined ? {} : { children }),
    ...(top === undefined ? {} : { top }),
    ...(votes === undefined ? {} : { votes }),
    ...(shuffle === undefined ? {} : { shuffle }),
  })
  const most = checked.children + 1
  if (prompt.file.labels === "letter" && most > MOST)
    throw new RankineError(
      "argument",
      `children must be at most ${MOST - 1}, since the letters A to W name documents, got ${checked.children}`,
    )
  const oracle = choiceOracle<SetwiseQuestion, SetwiseAnswer>(model, prompt, {
    by,
    most,
    show: ({ documents }) => documents,
    answer: ({ best, likelihoods }) => ({ best, ...(likelihoods ? { likelihoods } : {}) }),
    settings,
  })
  return new ProgramReranker(setwiseProgram(checked), oracle, {
    name,
    scoreKind: "ordinal",
    describe: { method, ...describe, by, ...checked },
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}
