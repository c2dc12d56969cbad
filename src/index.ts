/**
 * Rankine: documents in, evaluated rankings out.
 *
 * The rest lies behind sub-paths: `rankine/core`, `rankine/text`, `rankine/datasets`, `rankine/evaluation`, `rankine/pipelines`,
 * `rankine/retrievers/bm25`, `rankine/retrievers/elasticlunr`, `rankine/retrievers/fusion`.
 * @module
 */
export { openDataset, openFolder } from "../datasets/index.js"
export { Bm25Index, type Bm25Options } from "../retrievers/bm25/index.js"
export { type FuseOptions, fuse } from "../retrievers/fusion/index.js"
export * from "./core/index.js"
export { evaluate, evaluateRankings } from "./evaluation/index.js"
export { type SearchOptions, search } from "./search.js"
export { createAnalyzer } from "./text/index.js"
