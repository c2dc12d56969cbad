import type { GraphBuilder } from "../../graph.js"
import type { Node, Value } from "../../ir.js"

/** A fused node to be written with other operators. */
export interface Fused {
  readonly graph: GraphBuilder
  readonly node: Node
  readonly inputs: readonly (Value | undefined)[]
}

/** Writes what a fused node computes with operators that have gradient rules; undefined for outputs that cannot be had. */
export type Expansion = (fused: Fused) => readonly (Value | undefined)[]
