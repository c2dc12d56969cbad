/** Reranking algorithms that ask questions: the driver, and who answers. @module */
export * from "./answer-all.js"
export * from "./oracle.js"
export * from "./program-reranker.js"
export * from "./questions.js"
