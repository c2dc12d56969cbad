/** Gradients of what makes one number of many. @module */
import type { Value } from "../../ir.js"
import {
  constantIntegers,
  type Differentiable,
  incoming,
  input,
  intOf,
  intsOf,
  positive,
  type RuleTable,
  rankOf,
  type Step,
} from "../rule.js"

interface Reduced {
  readonly x: Value
  /** The output and its gradient, with the reduced axes as axes of size 1. */
  readonly y: () => Value
  readonly dy: Value
  /** Nothing was reduced. */
  readonly single: boolean
}

function reduction(rule: (step: Step, reduced: Reduced) => Value): Differentiable {
  return {
    inputs: (index) => index === 0,
    rule: (step) => {
      const { graph, node } = step
      const x = input(step, 0)
      const given = step.inputs[1]
      const axes = given ? constantIntegers(step, given) : intsOf(node, "axes")
      // Each element by itself: what the operator does to one number still counts.
      const noAxes = axes ? axes.length === 0 : !given
      const single = noAxes && intOf(node, "noop_with_empty_axes", 0) === 1
      const kept = (value: Value): Value => {
        if (single || intOf(node, "keepdims", 1) === 1) return value
        if (given && !axes) return graph.op("Unsqueeze", [value, given])
        const rank = rankOf(step, x)
        const all = Array.from({ length: rank }, (_, axis) => axis)
        return graph.unsqueeze(value, axes && axes.length > 0 ? axes.map((axis) => positive(axis, rank)) : all)
      }
      return [rule(step, { x, y: () => kept(step.outputs[0]!), dy: kept(incoming(step)), single })]
    },
  }
}

/** How many elements each result was made of, in the type of the gradient. */
function count({ graph, outputs }: Step, x: Value, type: Value["type"]): Value | number {
  const result = outputs[0]!
  const numbers = (value: Value) => value.shape?.every((size) => typeof size === "number")
  if (numbers(x) && numbers(result)) {
    const elements = (value: Value) => value.shape!.reduce<number>((product, size) => product * Number(size), 1)
    return elements(x) / elements(result)
  }
  const share = graph.div(graph.op("Size", [x]), graph.op("Size", [result]))
  return graph.cast(share, type ?? "float32")
}

/** Equal extremes share the gradient, as in PyTorch's amax. */
const extreme = reduction((step, { x, y, dy, single }) => {
  if (single) return dy
  const { graph, node } = step
  const chosen = graph.cast(graph.equal(x, y()), dy.type ?? "float32")
  const axes = step.inputs[1]
  const named = intsOf(node, "axes")
  const winners = axes ? graph.op("ReduceSum", [chosen, axes], { keepdims: 1 }) : graph.reduceSum(chosen, named, true)
  return graph.mul(graph.div(dy, winners), chosen)
})

export const reductionRules: RuleTable = {
  ReduceSum: reduction(({ sizes }, { x, dy }) => sizes.expand(dy, x)),
  ReduceMean: reduction((step, { x, dy }) => step.sizes.expand(step.graph.div(dy, count(step, x, dy.type)), x)),
  ReduceMax: extreme,
  ReduceMin: extreme,
  ReduceL1: reduction(({ graph }, { x, dy }) => graph.mul(dy, graph.op("Sign", [x]))),
  // A vector of zeros has no direction: its gradient is 0, not 0 / 0.
  ReduceL2: reduction(({ graph }, { x, y, dy }) => {
    const length = y()
    return graph.mul(x, graph.div(dy, graph.where(graph.equal(length, 0), 1, length)))
  }),
  ReduceSumSquare: reduction(({ graph }, { x, dy }) => graph.mul(x, graph.mul(dy, 2))),
  ReduceLogSumExp: reduction(({ graph }, { x, y, dy }) => graph.mul(dy, graph.exp(graph.sub(x, y())))),
  ReduceLogSum: reduction(({ graph, sizes }, { x, y, dy }) => sizes.expand(graph.div(dy, graph.exp(y())), x)),
}
