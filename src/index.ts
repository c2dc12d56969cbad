/**
 * Rankine: documents in, evaluated rankings out.
 *
 * The rest lies behind sub-paths: `rankine/core`, `rankine/text`, `rankine/datasets`, `rankine/evaluation`, `rankine/pipelines`,
 * `rankine/retrievers/bm25`, `rankine/retrievers/elasticlunr`, `rankine/retrievers/fusion`.
 *
 * The files below are named one by one, because what a program imports on start-up it waits for.
 * @module
 */
export { openDataset, openFolder } from "../datasets/index.js"
export { Bm25Index, type Bm25Options } from "../retrievers/bm25/index.js"
export { type FuseOptions, fuse } from "../retrievers/fusion/fuse.js"
export * from "./core/index.js"
export { type Embedded, type EmbedOptions, embed } from "./embed.js"
export { evaluate, evaluateRankings } from "./evaluation/evaluate.js"
export { type Reranked, type RerankedText, type RerankOptions, rerank } from "./rerank.js"
export { type SearchOptions, search } from "./search.js"
export { createAnalyzer } from "./text/create-analyzer.js"
