/** Pipelines as data: one schema, a registry of parts, building, describing, explaining. @module */
export { type Benchmark, type BenchmarkContext, type BenchmarkOptions, runBenchmark } from "./benchmark.js"
export { buildPipeline, buildStage } from "./build.js"
export { pipelineNames, registerPipeline } from "./built-in.js"
export { type Choice, type CrossValidationOptions, crossValidate, type Fold, type Trial } from "./cross-validate.js"
export * from "./describe.js"
export * from "./explain.js"
export { loadPipeline, parsePipeline } from "./parse.js"
export { pipelineJsonSchema, pipelineSchema } from "./public-schema.js"
export {
  type BuildContext,
  collectionOf,
  type InnerSchemas,
  type OptionsSchema,
  type PartDefinition,
  type PartSpec,
  type PipelineContext,
  type RetrieverSpec,
  registerRetriever,
  registerStage,
  type StageSpec,
} from "./registry.js"
export { isSavedPipeline, openSavedPipeline, savePipeline } from "./saved.js"
export type { PipelineSpec } from "./schema.js"
export { closest, didYouMean } from "./suggest.js"
export { type Setting, type Tuned, type TuneOptions, tunePipeline } from "./tune.js"
