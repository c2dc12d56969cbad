/** BM25 with an inverted index. @module */
export * from "./bm25-index.js"
export * from "./options.js"
