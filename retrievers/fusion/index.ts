/** Fusion of several retrievers or lists into one ranking, and weights fitted on judged queries. @module */
export * from "./fit.js"
export * from "./fuse.js"
export { fuseHits } from "./kernel.js"
export type { FusionParameters } from "./method.js"
export { type FusionMethodName, fusionMethodNames } from "./methods/index.js"
export { type Normalisation, normalisationNames } from "./normalise.js"
export type { FusionSpec } from "./spec.js"
