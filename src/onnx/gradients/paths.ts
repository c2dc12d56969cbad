/** Which values of a graph lie between the trainable ones and the loss. @module */
import type { Graph, Node } from "../ir.js"
import { ruleOf, stopsGradients } from "./table.js"

export interface Paths {
  /** Values that change with a trainable one and that the loss changes with. */
  readonly values: ReadonlySet<string>
  /** The nodes that make them. */
  readonly nodes: ReadonlySet<Node>
}

/** Follows the nodes from `wrt` forwards and from `loss` backwards; the paths are where both meet. */
export function pathsBetween({ nodes }: Pick<Graph, "nodes">, loss: string, wrt: readonly string[]): Paths {
  const changing = new Set(wrt)
  for (const node of nodes) {
    if (!readsChanging(node, changing)) continue
    const counted = ruleOf(node)?.outputs
    node.outputs.forEach((output, index) => {
      if (output !== "" && (!counted || counted(index))) changing.add(output)
    })
  }
  const values = new Set<string>()
  const found = new Set<Node>()
  const needed = new Set([loss])
  for (const node of [...nodes].reverse()) {
    const outputs = node.outputs.filter((output) => needed.has(output) && changing.has(output))
    if (outputs.length === 0) continue
    const inputs = node.inputs.filter((name, index) => flows(node, index) && changing.has(name))
    if (inputs.length === 0) continue
    found.add(node)
    for (const name of [...outputs, ...inputs]) values.add(name)
    for (const name of inputs) needed.add(name)
  }
  return { values, nodes: found }
}

function readsChanging(node: Node, changing: ReadonlySet<string>): boolean {
  if (stopsGradients(node)) return false
  return node.inputs.some((name, index) => changing.has(name) && flows(node, index))
}

/** A gradient can reach that input. Of operators without a rule every one: what is missing is said where it is needed. */
function flows(node: Node, index: number): boolean {
  if (node.inputs[index] === "" || stopsGradients(node)) return false
  const rule = ruleOf(node)
  return rule?.inputs?.(index) ?? true
}
