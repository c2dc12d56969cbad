/** What expansions of attention share. @module */
import { RankineError } from "../../../core/errors.js"
import type { GraphBuilder } from "../../graph.js"
import type { Node, Value } from "../../ir.js"

/** [batch, length, heads · size] as [batch, heads, length, size]. */
export function splitHeads(graph: GraphBuilder, x: Value, heads: number): Value {
  const width = x.shape?.at(-1)
  const size = typeof width === "number" ? width / heads : -1
  return graph.transpose(graph.reshape(x, [0, 0, heads, size]), [0, 2, 1, 3])
}

/** Throws `model` for a form of a fused operator that is not expanded. */
export function refuse(node: Node, what: string): never {
  throw new RankineError(
    "model",
    `${node.op} (node ${node.name}) with ${what} cannot be differentiated: export the model with unfused attention`,
  )
}
