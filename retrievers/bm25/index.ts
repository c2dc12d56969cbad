/** BM25 with an inverted index. @module */

export type { Strategy } from "../inverted/search.js"
export * from "./bm25-index.js"
export * from "./options.js"
export type { Bm25Settings } from "./settings.js"
