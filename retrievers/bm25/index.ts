/** BM25 with an inverted index. @module */
export * from "./bm25-index.js"
export * from "./options.js"
export type { Strategy } from "./search.js"
export type { Bm25Settings } from "./settings.js"
