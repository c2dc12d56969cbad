/** Gradients of softmax and of the norms. @module */
import type { DataType } from "../../data-type.js"
import type { Value } from "../../ir.js"
import { reduceTo } from "../broadcast.js"
import {
  floatOf,
  type GradientRule,
  incoming,
  input,
  intOf,
  positive,
  type RuleTable,
  rankOf,
  type Step,
} from "../rule.js"

const softmax: GradientRule = (step) => {
  const { graph, node } = step
  const [y, dy] = [step.outputs[0]!, incoming(step)]
  const axis = positive(intOf(node, "axis", -1), rankOf(step, y))
  const known = axis === y.shape!.length - 1 ? step.rowTotals.get(dy.name) : undefined
  if (known) return [graph.mul(y, graph.sub(dy, known()))]
  const weighted = graph.mul(y, dy)
  return [graph.sub(weighted, graph.mul(y, graph.reduceSum(weighted, [axis], true)))]
}

const logSoftmax: GradientRule = (step) => {
  const { graph, node } = step
  const dy = incoming(step)
  const total = graph.reduceSum(dy, [intOf(node, "axis", -1)], true)
  return [graph.sub(dy, graph.mul(graph.exp(step.outputs[0]!), total))]
}

/** The axes that a norm is taken over. */
function normed(step: Step, x: Value): number[] {
  const rank = rankOf(step, x)
  const from = positive(intOf(step.node, "axis", -1), rank)
  return Array.from({ length: rank - from }, (_, index) => from + index)
}

/** Statistics are float32 where the tensors are halves; what they are multiplied with must be too. */
function widened(step: Step): {
  type: DataType
  cast: (value: Value) => Value
  back: (value: Value, as: Value) => Value
} {
  const { graph } = step
  const statistics = input(step, 0).type === "float64" ? "float64" : "float32"
  return {
    type: statistics,
    cast: (value) => graph.cast(value, statistics),
    back: (value, as) => graph.cast(value, as.type ?? statistics),
  }
}

/**
 * With x̂ = (x - mean) / deviation and t = dy · scale: dx = (t - mean(t) - x̂ mean(t x̂)) / deviation (Ba et al., 2016; without a
 * mean the second term falls away: Zhang and Sennrich, 2019).
 */
function norm(step: Step, mean: Value | undefined, inverse: Value): (Value | undefined)[] {
  const { graph } = step
  const [x, scale, bias, dy] = [input(step, 0), input(step, 1), step.inputs[2], incoming(step)]
  const { cast, back } = widened(step)
  const wide = cast(dy)
  const axes = normed(step, x)
  const centred = mean ? graph.sub(cast(x), mean) : cast(x)
  const standard = graph.mul(centred, inverse)
  const dx = () => {
    const t = graph.mul(wide, cast(scale))
    const along = graph.mul(standard, graph.reduceMean(graph.mul(t, standard), axes, true))
    const rest = mean ? graph.sub(t, graph.reduceMean(t, axes, true)) : t
    return back(graph.mul(graph.sub(rest, along), inverse), x)
  }
  return [
    step.needs(0) ? dx() : undefined,
    step.needs(1) ? back(reduceTo(step, graph.mul(wide, standard), scale), scale) : undefined,
    bias && step.needs(2) ? reduceTo(step, dy, bias) : undefined,
  ]
}

/** 1 / root mean square. */
function inverseRoot(step: Step): Value {
  const { graph, node } = step
  const x = widened(step).cast(input(step, 0))
  const squares = graph.reduceMean(graph.mul(x, x), normed(step, x), true)
  return graph.reciprocal(graph.sqrt(graph.add(squares, floatOf(node, "epsilon", 1e-5))))
}

export const normalizationRules: RuleTable = {
  Softmax: { rule: softmax },
  LogSoftmax: { rule: logSoftmax },
  // Mean and inverse deviation come out of the forward node, so that they are not computed twice.
  LayerNormalization: {
    rule: (step) => norm(step, step.outputs[1]!, step.outputs[2]!),
    outputs: (index) => index === 0,
    extraOutputs: 3,
  },
  // Its own second output is not to be had: ONNX Runtime leaves it unwritten on WebGPU.
  SimplifiedLayerNormalization: {
    rule: (step) => norm(step, undefined, inverseRoot(step)),
    outputs: (index) => index === 0,
  },
}
