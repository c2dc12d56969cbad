/** An input or output of a model. A size that is a string stands for any size, the same wherever the name appears. */
export interface ValueInfo {
  readonly name: string
  /** An element type of ONNX; `other` for what is no tensor. */
  readonly type: string
  readonly dims: readonly (number | string)[]
}
