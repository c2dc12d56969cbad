/** Rerankers that score each document by itself: cross-encoders, encoder-decoders, embedding models. @module */
export * from "./bi-encoder.js"
export type { PairPrompts } from "./pair-prompts.js"
export * from "./pair-reranker.js"
