/** What is trained. @module */

/** Float64 is for checks; graphs take float32. */
export type Floats = Float32Array | Float64Array

/** A tensor that optimizers change in place. */
export interface Parameter<Data extends Floats = Float32Array> {
  /** The name of the graph's input that it is fed to. */
  readonly name: string
  readonly dims: readonly number[]
  /** Row by row. */
  readonly data: Data
}

/** Gradients by the names of parameters, each as long as its parameter. */
export type GradientsByName = Readonly<Record<string, Floats>>
