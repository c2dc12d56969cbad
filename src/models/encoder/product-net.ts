import type { GraphBuilder } from "../../onnx/graph.js"
import type { Value } from "../../onnx/ir.js"
import type { AttentionForm } from "./attention-form.js"
import type { FilePrecision } from "./precision.js"

/** Rows `from` to `to` of a matrix of the checkpoint. */
export interface Matrix {
  readonly stored: string
  readonly columns: number
  readonly from: number
  readonly to: number
}

/** The part of a net that products are made with. */
export interface ProductNet {
  readonly graph: GraphBuilder
  readonly form: AttentionForm
  readonly precision: FilePrecision
  op(type: string, inputs: readonly Value[], attributes?: Record<string, number | string>, domain?: string): Value
  scalar(value: number): Value
  integers(values: readonly number[]): Value
  reshape(value: Value, shape: readonly number[] | Value): Value
  later(
    name: string,
    type: "int8" | "uint8" | "float32",
    dims: readonly number[],
    fill: () => Promise<ArrayBufferView>,
  ): Value
}
