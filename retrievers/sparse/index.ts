/** Learned sparse retrieval with an inverted index. @module */
export type { Strategy } from "../inverted/search.js"
export type { SparseModelIdentity } from "./model-identity.js"
export type { GivenSparseVectors, SparseOptions, SparseQueryOptions, SparseSettings } from "./options.js"
export * from "./sparse-index.js"
