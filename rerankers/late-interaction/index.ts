/** Reranking by the vectors of tokens (ColBERT). @module */
export * from "./late-interaction-reranker.js"
