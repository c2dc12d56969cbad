/** Rerankers that compare two documents at a time: pairwise ranking prompting, duoT5. @module */

export type { Verdict } from "./duel.js"
export { type DuoT5Model, type DuoT5ModelOptions, type DuoT5Options, duoT5, loadDuoT5 } from "./duo-t5.js"
export { DUOT5_TEMPLATE } from "./duo-t5-prompt.js"
export { type PairwiseOptions, type PairwiseReranker, pairwise } from "./pairwise.js"
export { type PairwiseSettings, pairwiseProgram } from "./pairwise-program.js"
