/** monoT5: a T5 that is asked whether a document is relevant, and answers true or false. @module */
import { RankineError } from "../../core/errors.js"
import { loadT5Scorer, type T5Scorer, type T5ScorerOptions } from "./pair-model.js"

export const MONOT5_TEMPLATE = "Query: {query} Document: {document} Relevant:"

export interface MonoT5Options extends T5ScorerOptions {
  /** The words for relevant and not relevant, one token each. Default `true` and `false`; some multilingual models answer `yes` and `no`. */
  readonly answers?: readonly [relevant: string, other: string]
}

/**
 * Loads an encoder-decoder as a pointwise reranker. The score is the probability of the first answer among the
 * two, the softmax of their logits at the decoder's first step (score kind `probability`); no other logits are computed.
 *
 * Only documents are cut to fit, never the prompt's last words; pairs that were cut are named in `truncated`. A few pairs are scored at
 * once, and a model that gives them all the same score, or no number, is refused.
 *
 * @param nameOrPath a folder, or a name that `locateModel` finds
 * @throws RankineError `not-found` where model or files are missing, `model` for what is not supported or cannot rank, `argument` for
 *   answers that are not one token each, for a template or a length that does not fit
 * @see Nogueira et al., Document ranking with a pretrained sequence-to-sequence model, 2020
 */
export async function loadMonoT5(nameOrPath: string, options: MonoT5Options = {}): Promise<T5Scorer> {
  const { answers = ["true", "false"], ...rest } = options
  if (answers.length !== 2)
    throw new RankineError("argument", `two answers are compared, the one for relevant first; got ${answers.length}`)
  const advice = "look whether the model was trained as monoT5, and to answer other words (answers)"
  return loadT5Scorer(
    nameOrPath,
    { method: "monot5", scoreKind: "probability", template: MONOT5_TEMPLATE, answers, score: firstOfTwo, advice },
    rest,
  )
}

/** exp(a) / (exp(a) + exp(b)) in float64, in which it does not become 1 before the difference is above 36. */
function firstOfTwo([relevant, other]: Float32Array): number {
  return 1 / (1 + Math.exp(other - relevant))
}
