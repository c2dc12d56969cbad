/** Training what others exported: graphs opened, adapters attached. @module */

export {
  type AttachedAdapters,
  type AttachLoraOptions,
  attachAdapters,
  attachLora,
} from "./attach-adapters.js"
export { type LoraStart, loraTensors } from "./lora-tensors.js"
export { type EncoderGraph, openEncoderGraph } from "./open-encoder-graph.js"
