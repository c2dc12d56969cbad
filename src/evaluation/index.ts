/** Evaluation: measures, significance, TREC files, reports. @module */
export * from "./evaluate.js"
export * from "./measures/index.js"
export { type Qrels, type QrelsFile, readQrels } from "./qrels.js"
export { type RunFile, readRun, sortAsTrecEval } from "./read-run.js"
export type { Run, RunHit } from "./run.js"
export { formatRun, separateScores, toRun, writeRun } from "./write-run.js"
