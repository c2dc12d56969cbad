/** Rerankers that ask for the best of a few documents: setwise, Rank-R1. @module */
export type { ChoiceBy } from "./choice-oracle.js"
export * from "./rank-r1.js"
export * from "./read-choice.js"
export { type SetwiseMethodOptions, type SetwiseOptions, type SetwiseReranker, setwise } from "./setwise.js"
export { type SetwiseSettings, setwiseProgram } from "./setwise-program.js"
