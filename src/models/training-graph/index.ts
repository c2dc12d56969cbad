/** Whole models as graphs to be trained: loss, gradients of adapters, logits. @module */
export { type TrainingBatch, trainingBatch } from "./batch.js"
export {
  buildTrainingGraph,
  gradientName,
  isBodyLayer,
  type TrainingGraph,
  type TrainingGraphOptions,
} from "./build.js"
export {
  type AdapterTensors,
  loadTrainingModel,
  openTrainable,
  type TrainingModel,
  type TrainingModelOptions,
  type TrainingStep,
} from "./load.js"
export type { TrainableKind } from "./written.js"
