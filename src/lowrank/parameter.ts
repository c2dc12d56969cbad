/** What is trained. @module */

/** A tensor that optimizers change in place. */
export interface Parameter {
  /** The name of the graph's input that it is fed to. */
  readonly name: string
  readonly dims: readonly number[]
  /** Row by row. */
  readonly data: Float32Array
}

/** Gradients by the names of parameters, each as long as its parameter. */
export type GradientsByName = Readonly<Record<string, Float32Array>>
