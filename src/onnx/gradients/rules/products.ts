/** Gradients of matrix products. @module */
import { RankineError } from "../../../core/errors.js"
import type { Value } from "../../ir.js"
import { einsumTerms } from "../../shapes-fused.js"
import { reduceTo } from "../broadcast.js"
import {
  floatOf,
  type GradientRule,
  incoming,
  input,
  intOf,
  type RuleTable,
  rankOf,
  type Step,
  stringOf,
} from "../rule.js"

/** The last two axes change places. */
export function swapLast(step: Pick<Step, "graph" | "node">, x: Value): Value {
  const rank = rankOf(step, x)
  const order = Array.from({ length: rank }, (_, axis) => axis)
  order.push(...order.splice(rank - 2, 2).reverse())
  return step.graph.transpose(x, order)
}

/** [rows, columns]: all axes but the last in one. */
export function rowsOf({ graph }: Pick<Step, "graph">, x: Value): Value {
  if (x.shape?.length === 2) return x
  const columns = x.shape?.at(-1)
  return typeof columns === "number" && columns !== 0
    ? graph.reshape(x, [-1, columns])
    : graph.op("Flatten", [x], { axis: (x.shape?.length ?? 2) - 1 })
}

/** a · b with a weight [k, m]: tokens of all texts are rows of one matrix, and nothing is transposed in memory. */
function timesMatrix(step: Step, a: Value, b: Value, dy: Value): (Value | undefined)[] {
  const { graph, sizes } = step
  const rows = rowsOf(step, dy)
  return [
    step.needs(0) ? sizes.reshape(graph.gemm(rows, b, undefined, { transB: true }), a) : undefined,
    step.needs(1) ? graph.gemm(rowsOf(step, a), rows, undefined, { transA: true }) : undefined,
  ]
}

const matMul: GradientRule = (step) => {
  const { graph } = step
  const [a, b, dy] = [input(step, 0), input(step, 1), incoming(step)]
  const [left, right] = [rankOf(step, a), rankOf(step, b)]
  if (left >= 2 && right === 2) return timesMatrix(step, a, b, dy)
  // A vector is a matrix of one row or one column.
  const wideA = left === 1 ? graph.unsqueeze(a, [0]) : a
  const wideB = right === 1 ? graph.unsqueeze(b, [1]) : b
  const missing = [...(left === 1 ? [-2] : []), ...(right === 1 ? [-1] : [])]
  const wide = missing.length === 0 ? dy : graph.unsqueeze(dy, missing)
  const da = () => {
    const product = graph.matMul(wide, swapLast(step, wideB))
    // The sum of the gradient times `a`, row by row, is that of dy times the result, which is smaller where `a` are attention weights.
    if (missing.length === 0)
      step.rowTotals.set(product.name, () => graph.reduceSum(graph.mul(wide, step.outputs[0]!), [-1], true))
    const gradient = reduceTo(step, product, wideA)
    return left === 1 ? graph.squeeze(gradient, [0]) : gradient
  }
  const db = () => {
    const gradient = reduceTo(step, graph.matMul(swapLast(step, wideA), wide), wideB)
    return right === 1 ? graph.squeeze(gradient, [1]) : gradient
  }
  return [step.needs(0) ? da() : undefined, step.needs(1) ? db() : undefined]
}

/** Of alpha · A' · B' + beta · C. */
const gemm: GradientRule = (step) => {
  const { graph, node } = step
  const [a, b, c, dy] = [input(step, 0), input(step, 1), step.inputs[2], incoming(step)]
  const [transA, transB] = [intOf(node, "transA", 0) === 1, intOf(node, "transB", 0) === 1]
  const alpha = floatOf(node, "alpha", 1)
  const beta = floatOf(node, "beta", 1)
  const product = (left: Value, right: Value, flipLeft: boolean, flipRight: boolean) =>
    graph.gemm(left, right, undefined, { alpha, transA: flipLeft, transB: flipRight })
  const da = () => (transA ? product(b, dy, transB, true) : product(dy, b, false, !transB))
  const db = () => (transB ? product(dy, a, true, transA) : product(a, dy, !transA, false))
  return [
    step.needs(0) ? da() : undefined,
    step.needs(1) ? db() : undefined,
    c && step.needs(2) ? reduceTo(step, beta === 1 ? dy : graph.mul(dy, beta), c) : undefined,
  ]
}

/** An operand's gradient is the same sum with operand and result exchanged. */
const einsum: GradientRule = (step) => {
  const { graph, sizes, node } = step
  const equation = stringOf(node, "equation", "")
  const [terms, result] = einsumTerms(equation)
  if (equation.includes(".") || [...terms, result].some((term) => new Set(term).size !== term.length))
    throw new RankineError(
      "model",
      `the gradient of Einsum "${equation}" (node ${node.name}) is not there: write it without an ellipsis and without a label twice in a term`,
    )
  return terms.map((term, index) => {
    if (!step.needs(index)) return undefined
    const others = terms.flatMap((each, at) => (at === index ? [] : [{ term: each, value: input(step, at) }]))
    const sources = [{ term: result, value: incoming(step) }, ...others]
    const present = new Set(sources.flatMap((source) => [...source.term]))
    const reached = [...term].filter((label) => present.has(label))
    const written = `${sources.map((source) => source.term).join(",")}->${reached.join("")}`
    const values = sources.map((source) => source.value)
    const gradient = graph.op("Einsum", values, { equation: written })
    // A label of this operand alone was summed over: all its elements have the same gradient.
    const summed = [...term].flatMap((label, axis) => (present.has(label) ? [] : [axis]))
    if (summed.length === 0) return gradient
    return sizes.expand(graph.unsqueeze(gradient, summed), input(step, index))
  })
}

export const productRules: RuleTable = {
  MatMul: { rule: matMul },
  Gemm: { rule: gemm },
  Einsum: { rule: einsum },
}
