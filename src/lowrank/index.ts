/** Low-rank methods: adapters, and the optimizers that train them. @module */
export type { Adapter, TrainingMoment } from "./adapters/adapter.js"
export { createLora, type LoraAdapter, type LoraLayer, type LoraOptions, loraOf } from "./adapters/lora.js"
export { loraInputs, loraSlot } from "./adapters/lora-slot.js"
export { type LowRankFactors, lowRankDelta } from "./adapters/low-rank-delta.js"
export type { AdapterSlot, LinearLayer } from "./layer.js"
export { type AdamWOptions, createAdamW } from "./optimizers/adamw.js"
export type { Optimizer, OptimizerState } from "./optimizers/optimizer.js"
export type { Floats, GradientsByName, Parameter } from "./parameter.js"
