import type { LanguageModel } from "../../src/models/index.js"
import { ProgramReranker } from "../program/program-reranker.js"
import type { PairwiseAnswer, PairwiseQuestion } from "../program/questions.js"
import { loadPrompt } from "../prompts/load-prompt.js"
import type { PromptSettings } from "../prompts/prompt-oracle.js"
import { type ChoiceBy, type Chosen, choiceOracle } from "../setwise/choice-oracle.js"
import { checkOneOf } from "../sorting/settings.js"
import { checkedPairwise, type PairwiseSettings, pairwiseProgram } from "./pairwise-program.js"

export interface PairwiseOptions extends PairwiseSettings, PromptSettings {
  /** `generation` (the default) reads what the model writes; `likelihood` how likely A and B are as the next token: one step of the model. */
  readonly by?: ChoiceBy
  /** Default: `pairwise`. */
  readonly name?: string
  /** A prompt's name, or the path of a YAML file of one's own. Default `pairwise`. */
  readonly prompt?: string
  /** Queries that are worked on side by side. */
  readonly concurrency?: number
}

export type PairwiseReranker = ProgramReranker<PairwiseQuestion, PairwiseAnswer>

/**
 * Pairwise ranking prompting (PRP): a language model is asked which of two passages is more relevant, always in both orders at once; answers
 * that contradict each other are a tie. By heapsort or sliding the best `top` are found, and the others keep their incoming order below; all
 * pairs order everything by points. Scores are ordinal. An answer that names neither passage is a tie, and is counted in `repaired`.
 *
 * Throws `argument` for options out of range, `model` where likelihoods are asked of an endpoint that gives none; when reranking, as
 * `ProgramReranker`, and `argument` where A or B is not one token of the model.
 *
 * Source: Qin et al., "Large language models are effective text rankers with pairwise ranking prompting", NAACL 2024.
 */
export async function pairwise(model: LanguageModel, options: PairwiseOptions = {}): Promise<PairwiseReranker> {
  const { algorithm, top, by = "generation", name = "pairwise", prompt: own, concurrency, ...settings } = options
  checkOneOf("by", by, ["generation", "likelihood"])
  const checked = checkedPairwise({
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(top === undefined ? {} : { top }),
  })
  const prompt = await loadPrompt(own ?? "pairwise")
  const oracle = choiceOracle<PairwiseQuestion, PairwiseAnswer>(model, prompt, {
    by,
    most: 2,
    show: ({ first, second }) => [first, second],
    answer: (chosen) => ({ preference: preferenceOf(chosen) }),
    settings,
  })
  return new ProgramReranker(pairwiseProgram(checked), oracle, {
    name,
    scoreKind: "ordinal",
    describe: { method: "pairwise", by, ...checked },
    ...(concurrency === undefined ? {} : { concurrency }),
  })
}

function preferenceOf({ best, likelihoods }: Chosen): number | undefined {
  if (likelihoods) return likelihoods[0]
  return best === undefined ? undefined : 1 - best
}
