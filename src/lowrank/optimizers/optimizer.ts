/** What every optimizer is. @module */
import type { Floats, GradientsByName, Parameter } from "../parameter.js"

/** Changes parameters by their gradients; keeps what it remembers of each by the parameter's name. */
export interface Optimizer {
  /** As `adamw`. */
  readonly method: string
  /** Steps done so far. */
  readonly steps: number
  /**
   * One step: the parameters' data are changed in place. Parameters without a gradient stay as they are.
   * @param learningRate this step's; default: the optimizer's own
   * @throws RankineError `argument` for a gradient that is not as long as its parameter
   */
  step(parameters: readonly Parameter<Floats>[], gradients: GradientsByName, learningRate?: number): void
  /** Bytes of what is remembered. */
  stateBytes(): number
  /** What is remembered, to be kept with the model and given back to a new optimizer of the same method. */
  state(): OptimizerState
}

export interface OptimizerState {
  readonly steps: number
  /** Of each parameter its tensors by name, as `first` and `second`, and numbers. */
  readonly tensors: Readonly<Record<string, Readonly<Record<string, Floats>>>>
  readonly counts: Readonly<Record<string, number>>
}
