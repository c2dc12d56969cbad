/** Gradients of what moves, joins, repeats or converts elements. @module */
import { RankineError } from "../../../core/errors.js"
import { reduceTo } from "../broadcast.js"
import {
  constantIntegers,
  type GradientRule,
  incoming,
  input,
  intOf,
  intsOf,
  positive,
  type RuleTable,
  rankOf,
  stringOf,
} from "../rule.js"

/** The same elements in the shape they had. */
const reshape: GradientRule = (step) => [step.sizes.reshape(incoming(step), input(step, 0))]

const transpose: GradientRule = (step) => {
  const order = intsOf(step.node, "perm")
  if (!order) return [step.graph.transpose(incoming(step))]
  const inverse: number[] = []
  for (const [to, from] of order.entries()) inverse[from] = to
  return [step.graph.transpose(incoming(step), inverse)]
}

const concat: GradientRule = (step) => {
  const { graph, sizes, node } = step
  const dy = incoming(step)
  const axis = positive(intOf(node, "axis", 0), rankOf(step, input(step, 0)))
  const lengths = step.inputs.map((part) => part?.shape?.[axis])
  const split = lengths.every((length) => typeof length === "number")
    ? graph.constant(lengths as number[], "int64")
    : graph.concat(
        step.inputs.map((part) => sizes.axis(part!, axis)),
        0,
      )
  const results = step.inputs.map((part) => ({ shape: part!.shape }))
  const parts = graph.op("Split", [dy, split], { axis }, { outputs: step.inputs.length, results })
  return parts.map((part, index) => (step.needs(index) ? part : undefined))
}

const split: GradientRule = (step) => {
  const parts = step.upstream.map((dy, index) => dy ?? step.sizes.zeros(step.outputs[index]!))
  return [step.graph.concat(parts, intOf(step.node, "axis", 0))]
}

/** Repetitions and elements become axes of their own; the first are summed away. */
const tile: GradientRule = (step) => {
  const { graph, sizes } = step
  const [x, repeats, dy] = [input(step, 0), input(step, 1), incoming(step)]
  const columns = [repeats, sizes.of(x)].map((list) => graph.unsqueeze(list, [1]))
  const apart = graph.reshape(dy, graph.reshape(graph.concat(columns, 1), [-1]))
  const axes = Array.from({ length: rankOf(step, x) }, (_, axis) => 2 * axis)
  return [sizes.reshape(graph.reduceSum(apart, axes, false), x)]
}

const cast: GradientRule = (step) => {
  const x = input(step, 0)
  // Integer codes of quantised numbers have gradients of the type that is computed in.
  const float = x.type && /float/.test(x.type) ? x.type : undefined
  return [float ? step.graph.cast(incoming(step), float) : incoming(step)]
}

const dropout: GradientRule = (step) => {
  const training = step.inputs[2]
  if (training)
    throw new RankineError(
      "model",
      `node ${step.node.name} is a Dropout that may drop: export the model for inference (eval mode), where it is the identity`,
    )
  return [incoming(step)]
}

const cumSum: GradientRule = (step) => {
  const { graph, node } = step
  const attributes = { exclusive: intOf(node, "exclusive", 0), reverse: 1 - intOf(node, "reverse", 0) }
  return [graph.op("CumSum", [incoming(step), input(step, 1)], attributes)]
}

/** The part that was kept, with the other elements 0. */
const trilu: GradientRule = (step) => [
  step.graph.op("Trilu", [incoming(step), step.inputs[1]], { upper: intOf(step.node, "upper", 1) }),
]

const pad: GradientRule = (step) => {
  const { graph, sizes, node } = step
  const mode = stringOf(node, "mode", "constant")
  if (mode !== "constant")
    throw new RankineError(
      "model",
      `the gradient of Pad in mode ${mode} (node ${node.name}) is not there: pad with a constant`,
    )
  const x = input(step, 0)
  const rank = rankOf(step, x)
  const axes = step.inputs[3] ? constantIntegers(step, step.inputs[3]) : Array.from({ length: rank }, (_, axis) => axis)
  if (!axes) throw new RankineError("model", `Pad (node ${node.name}) must have constant axes`)
  const before = graph.slice(input(step, 1), [0], [axes.length])
  const lengths = graph.concat(
    axes.map((axis) => sizes.axis(x, positive(axis, rank))),
    0,
  )
  return [sizes.reshape(graph.slice(incoming(step), before, graph.add(before, lengths), axes), x)]
}

const first = (index: number) => index === 0

/** One input and one output that share the gradient. */
const identity: GradientRule = (step) => [incoming(step)]

export const layoutRules: RuleTable = {
  Reshape: { rule: reshape, inputs: first },
  Flatten: { rule: reshape, inputs: first },
  Squeeze: { rule: reshape, inputs: first },
  Unsqueeze: { rule: reshape, inputs: first },
  Transpose: { rule: transpose },
  Expand: { rule: (step) => [reduceTo(step, incoming(step), input(step, 0))], inputs: first },
  Tile: { rule: tile, inputs: first },
  Concat: { rule: concat },
  Split: { rule: split, inputs: first },
  Identity: { rule: identity },
  Cast: { rule: cast },
  CastLike: { rule: cast, inputs: first },
  Dropout: { rule: dropout, inputs: first, outputs: first },
  CumSum: { rule: cumSum, inputs: first },
  Trilu: { rule: trilu, inputs: first },
  Pad: { rule: pad, inputs: first },
}
