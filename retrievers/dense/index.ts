/** Dense retrieval: an encoder's vectors, exact and approximate search. @module */
export * from "./dense-index.js"
export type { Metric } from "./engine.js"
export type { HnswOptions } from "./hnsw.js"
export { type IndexKind, indexKinds, type KindOptions } from "./kinds.js"
export type { ModelIdentity } from "./model-identity.js"
export { RowBits } from "./row-bits.js"
export type { UsearchOptions } from "./usearch.js"
export { type VectorHit, VectorIndex, type VectorIndexOptions, type VectorSearchOptions } from "./vector-index.js"
