/** Fused norms, activations and embeddings, as what they are made of. @module */
import type { GraphBuilder } from "../../graph.js"
import type { Value } from "../../ir.js"
import { floatOf, intOf } from "../rule.js"
import type { Expansion } from "./expansion.js"
import { refuse } from "./heads.js"

/** A product of transposed matrices: the last two axes, as nothing else is transposed in graphs at hand. */
export const fusedMatMul: Expansion = ({ graph, node, inputs: [a, b] }) => {
  if (intOf(node, "transBatchA", 0) === 1 || intOf(node, "transBatchB", 0) === 1) refuse(node, "transposed batches")
  const flipped = (x: Value | undefined, attribute: string): Value => {
    if (intOf(node, attribute, 0) === 0) return x!
    const rank = x!.shape?.length ?? refuse(node, "an unknown number of axes")
    const order = Array.from({ length: rank }, (_, axis) => axis)
    return graph.transpose(x!, [...order.slice(0, -2), rank - 1, rank - 2])
  }
  const alpha = floatOf(node, "alpha", 1)
  const product = graph.matMul(flipped(a, "transA"), flipped(b, "transB"))
  return [alpha === 1 ? product : graph.mul(product, alpha)]
}

export const biasGelu: Expansion = ({ graph, inputs: [x, bias] }) => [graph.gelu(bias ? graph.add(x!, bias) : x!)]

export const fastGelu: Expansion = ({ graph, inputs: [x, bias] }) => [
  graph.gelu(bias ? graph.add(x!, bias) : x!, "tanh"),
]

function normalized(graph: GraphBuilder, x: Value, scale: Value, bias: Value | undefined, epsilon: number): Value[] {
  return graph.op("LayerNormalization", [x, scale, bias], { axis: -1, epsilon }, { outputs: 3 })
}

export const skipLayerNorm: Expansion = ({ graph, node, inputs: [x, skip, scale, shift, bias] }) => {
  const sum = graph.add(x!, skip!)
  const all = bias ? graph.add(sum, bias) : sum
  const [y, mean, inverse] = normalized(graph, all, scale!, shift, floatOf(node, "epsilon", 1e-12))
  return [y, mean, inverse, all]
}

export const skipSimplifiedLayerNorm: Expansion = ({ graph, node, inputs: [x, skip, scale, bias] }) => {
  const sum = graph.add(x!, skip!)
  const all = bias ? graph.add(sum, bias) : sum
  const epsilon = floatOf(node, "epsilon", 1e-12)
  const [y] = graph.op("SimplifiedLayerNormalization", [all, scale], { axis: -1, epsilon }, { outputs: 2 })
  return [y, undefined, undefined, all]
}

/** x / root mean square, times the scale (Zhang and Sennrich, 2019). */
export const rmsNorm: Expansion = ({ graph, node, inputs: [x, scale] }) => {
  const axis = intOf(node, "axis", -1)
  const rank = x!.shape?.length ?? 0
  if (axis !== -1 && axis !== rank - 1) refuse(node, "more than one axis")
  const squares = graph.reduceMean(graph.mul(x!, x!), [-1], true)
  const root = graph.sqrt(graph.add(squares, floatOf(node, "epsilon", 1e-5)))
  return [graph.mul(graph.div(x!, root), scale!)]
}

export const embedLayerNorm: Expansion = ({ graph, node, inputs }) => {
  const [ids, types, words, positions, typeTable, scale, shift, , places] = inputs
  const length = graph.squeeze(graph.shape(ids!, 1, 2), [0])
  const counted = () => graph.range(graph.constant(0, "int64"), length, graph.constant(1, "int64"))
  let sum = graph.add(graph.gather(words!, ids!), graph.gather(positions!, places ?? counted()))
  if (types && typeTable) sum = graph.add(sum, graph.gather(typeTable, types))
  const [y] = normalized(graph, sum, scale!, shift, floatOf(node, "epsilon", 1e-12))
  return [y, undefined, sum]
}
