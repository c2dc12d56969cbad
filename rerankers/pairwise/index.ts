/** Rerankers that compare two documents at a time: pairwise ranking prompting, duoT5. @module */
export type { Verdict } from "./duel.js"
export { type PairwiseOptions, type PairwiseReranker, pairwise } from "./pairwise.js"
export { type PairwiseSettings, pairwiseProgram } from "./pairwise-program.js"
