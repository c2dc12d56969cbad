/** DQ-LoRe: a second query and low-rank scores, for documents and for exemplars of in-context learning. @module */
export { type DqLoreOptions, type DqLoreRetrieverOptions, dqLore, dqLoreRetriever } from "./dq-lore.js"
export { type Exemplar, ExemplarPool, type PoolOptions } from "./exemplar-pool.js"
export { chainOfThought, exemplarPrompt } from "./exemplar-prompt.js"
export { type LowRankKernel, type LowRankOptions, lowRankScores } from "./low-rank-scores.js"
export type { MakeSecondQuery, SecondQuery } from "./second-query.js"
export {
  type ExemplarQuestion,
  type ExemplarSelection,
  mostSteps,
  type SelectExemplarsOptions,
  selectExemplars,
} from "./select-exemplars.js"
