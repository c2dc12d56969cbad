/** RankT5: a T5 trained to put its score into the logit of one unused token. @module */
import { loadT5Scorer, type T5Scorer, type T5ScorerOptions } from "./pair-model.js"

export const RANKT5_TEMPLATE = "Query: {query} Document: {document}"

export interface RankT5Options extends T5ScorerOptions {
  /** The token whose logit is the score. Default `<extra_id_10>`. */
  readonly answer?: string
}

/**
 * Loads an encoder-decoder as a pointwise reranker. The score is the logit of one token at the decoder's first step
 * (score kind `logit`); no other logits are computed. Prompts, cuts and checks are those of `loadMonoT5`.
 *
 * @param nameOrPath a folder, or a name that `locateModel` finds
 * @throws RankineError as `loadMonoT5`
 * @see Zhuang et al., RankT5: fine-tuning T5 for text ranking with ranking losses, SIGIR 2023
 */
export async function loadRankT5(nameOrPath: string, options: RankT5Options = {}): Promise<T5Scorer> {
  const { answer = "<extra_id_10>", ...rest } = options
  const advice = "look whether the model was trained as RankT5, and with another token (answer)"
  return loadT5Scorer(
    nameOrPath,
    {
      method: "rankt5",
      scoreKind: "logit",
      template: RANKT5_TEMPLATE,
      answers: [answer],
      score: ([logit]) => logit,
      advice,
    },
    rest,
  )
}
