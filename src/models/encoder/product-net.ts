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

/** Rows of matrices that stand one below the other. */
export function rowsOf(matrices: readonly Matrix[]): number {
  return matrices.reduce((sum, { from, to }) => sum + to - from, 0)
}

/** What constants made from these rows are called. */
export function nameOf(matrices: readonly Matrix[]): string {
  return matrices.map(({ stored, from, to }) => `${stored}[${from}:${to}]`).join("+")
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
    fill: () => Promise<ArrayBufferView | readonly ArrayBufferView[]>,
  ): Value
}
