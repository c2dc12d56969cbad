/** Evaluation: measures, significance, TREC files, reports. @module */
export { type CompareOptions, type Comparison, compare, nameResults, type PairedDifference } from "./compare.js"
export * from "./evaluate.js"
export * from "./measures/index.js"
export { type QrelsFile, readQrels } from "./read-qrels.js"
export { type RunFile, readRun, sortAsTrecEval } from "./read-run.js"
export * from "./report/index.js"
export {
  type BenchmarkResult,
  benchmarkResultSchema,
  parseResult,
  RESULT_SCHEMA,
  readResult,
  writeResult,
} from "./result.js"
export * from "./statistics/index.js"
export type { Qrels, Run, RunHit } from "./types.js"
export { formatRun, separateScores, toRun, writeRun } from "./write-run.js"
