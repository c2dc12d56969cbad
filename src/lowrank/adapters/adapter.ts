/** What every adapter method is: a change of linear layers, as data and as a piece of graph. @module */
import type { Tensor } from "../../onnx/tensor.js"
import type { AdapterSlot, LinearLayer } from "../layer.js"
import type { GradientsByName, Parameter } from "../parameter.js"

/** Where training is, for methods that change with it. */
export interface TrainingMoment {
  /** Steps done so far. */
  readonly step: number
  /** Steps in all, where that is known. */
  readonly steps?: number
  readonly learningRate: number
}

/**
 * An adapter on some layers of a model. One graph serves any adapter of a method: `slot` writes it with inputs, `inputs` gives the numbers.
 * A method's own matrices, masks and gates attach at the rank activation (`lowRankDelta`).
 */
export interface Adapter {
  /** As `lora`. */
  readonly method: string
  readonly layers: readonly LinearLayer[]
  /** Writes the adapter beside a layer. */
  readonly slot: AdapterSlot
  /** What is trained; the data are the very arrays that `inputs` gives, so that an optimizer's step is seen by the next run. */
  readonly parameters: readonly Parameter[]
  /** Everything that the graph reads, by the names of its inputs. */
  inputs(): Record<string, Tensor>
  /** Other gradients in place of those of the loss, before the optimizer sees them. */
  gradientTransform?(gradients: GradientsByName, moment: TrainingMoment): GradientsByName
  /** After each step of the optimizer: thresholds, growth, new masks. */
  afterStep?(moment: TrainingMoment): void
  /** What is added to a layer's weight, [outputs, inputs]. Throws `argument` for a layer without an adapter. */
  delta(module: string): Float32Array
  /** The layer's weight [outputs, inputs] with the adapter in it, as a new array. */
  merge(module: string, weight: Float32Array): Float32Array
  /** Numbers that are trained. */
  paramCount(): number
  /** Plain data that the adapter can be made of again. */
  serialise(): unknown
}
