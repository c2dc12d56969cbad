/** T5 and its relatives: graphs, models, and the rerankers made of them. @module */
export { type BuiltT5, buildT5, type T5Form, type T5Output } from "./build.js"
export { parseT5Config, readT5Config, type T5Config } from "./config.js"
export {
  loadT5Generator,
  type T5Answer,
  type T5GenerateOptions,
  type T5Generator,
  type T5GeneratorOptions,
} from "./generate.js"
export { type BuiltGreedyT5, buildGreedyT5 } from "./greedy.js"
export { loadT5, type T5Model, type T5Options, type T5Row, type T5Settings } from "./load.js"
export { loadMonoT5, MONOT5_TEMPLATE, type MonoT5Options } from "./monot5.js"
export type { DetailedT5Scores, T5Scorer, T5ScorerOptions } from "./pair-model.js"
export { loadRankT5, RANKT5_TEMPLATE, type RankT5Options } from "./rankt5.js"
