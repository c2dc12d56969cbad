/** Gradients of what picks elements: what was picked often receives the sum. @module */
import { RankineError } from "../../../core/errors.js"
import { productOf } from "../../dimensions.js"
import type { Dimension, Value } from "../../ir.js"
import {
  constantIntegers,
  type GradientRule,
  incoming,
  input,
  intOf,
  positive,
  type RuleTable,
  rankOf,
  type Step,
  stringOf,
} from "../rule.js"

/**
 * Zeros with `size` elements along `axis`, to which the slices of `dy` are added at `indices`. The axes of the indices stand in
 * `dy` where `axis` stands in the result.
 *
 * ScatterND would take indices of slices, but ONNX Runtime adds in parallel there, and loses what two threads add to the same slice;
 * ScatterElements adds one after the other, and so always in the same order.
 */
export function addAlong(step: Step, given: Value, indices: Value, axis: number, size: Value, known: Dimension): Value {
  const { graph } = step
  // ONNX Runtime has no such sum of halves on the CPU, and float32 loses less of it.
  const dy = given.type === "float16" ? graph.cast(given, "float32") : given
  const rank = rankOf(step, dy)
  const places = rankOf(step, indices)
  const order = Array.from({ length: rank }, (_, at) => at)
  const front = axis === 0 ? dy : graph.transpose(dy, [...order.splice(axis, places), ...order])
  const rest = front.shape?.slice(places)
  const restSizes = (rest && step.sizes.vector(rest)) ?? graph.shape(front, places)
  const all = rank === places ? size : graph.concat([size, restSizes], 0)
  const zeros = graph.op(
    "Expand",
    [graph.constant(0, dy.type ?? "float32"), all],
    {},
    { results: [{ shape: [known, ...(rest ?? [])] }] },
  )
  // One axis of indices, and one index for each element.
  const rows = graph.reshape(front, graph.concat([graph.constant([-1], "int64"), restSizes], 0), [
    null,
    ...(rest ?? []),
  ])
  const column = Array.from({ length: rank - places }, (_, at) => at + 1)
  const flat = graph.reshape(graph.cast(indices, "int64"), [-1])
  const tall = column.length === 0 ? flat : graph.unsqueeze(flat, column)
  const each = column.length === 0 ? tall : graph.expand(tall, graph.shape(rows))
  const sums = graph.op("ScatterElements", [zeros, each, rows], { axis: 0, reduction: "add" })
  const added = given.type === "float16" ? graph.cast(sums, "float16") : sums
  if (axis === 0) return added
  // The first axis goes back to its place.
  const back = Array.from({ length: rank - places }, (_, at) => at + 1)
  back.splice(axis, 0, 0)
  return graph.transpose(added, back)
}

const gather: GradientRule = (step) => {
  const x = input(step, 0)
  const axis = positive(intOf(step.node, "axis", 0), rankOf(step, x))
  return [addAlong(step, incoming(step), input(step, 1), axis, step.sizes.axis(x, axis), x.shape![axis]!)]
}

const slice: GradientRule = (step) => {
  const { graph, sizes } = step
  const [x, dy] = [input(step, 0), incoming(step)]
  const rank = rankOf(step, x)
  const [starts, ends] = [constantIntegers(step, step.inputs[1]), constantIntegers(step, step.inputs[2])]
  const count = input(step, 1).shape?.[0]
  const axes = step.inputs[3]
    ? constantIntegers(step, step.inputs[3])
    : typeof count === "number"
      ? Array.from({ length: count }, (_, at) => at)
      : undefined
  const steps = step.inputs[4] ? constantIntegers(step, step.inputs[4]) : axes?.map(() => 1)
  if (!axes)
    throw new RankineError(
      "model",
      `the gradient of Slice (node ${step.node.name}) needs axes that are constant: export the model with constant folding`,
    )
  if (starts && steps?.every((each) => each === 1)) return [padded(step, x, dy, axes, starts)]

  // Backwards through one axis after the other: the last one is undone first.
  let gradient = dy
  for (const [at, given] of [...axes.entries()].reverse()) {
    const axis = positive(given, rank)
    const one = (list: Value | undefined) => list && graph.slice(list, [at], [at + 1])
    const size = sizes.axis(x, axis)
    const all = graph.range(graph.constant(0, "int64"), graph.squeeze(size, [0]), graph.constant(1, "int64"))
    const bound = (list: readonly number[] | undefined, value: Value | undefined) =>
      list ? graph.constant([list[at]!], "int64") : graph.cast(one(value)!, "int64")
    const picked = graph.slice(
      all,
      bound(starts, step.inputs[1]),
      bound(ends, step.inputs[2]),
      [0],
      step.inputs[4] ? bound(steps, step.inputs[4]) : [1],
    )
    gradient = addAlong(step, gradient, picked, axis, size, x.shape![axis]!)
  }
  return [gradient]
}

/** A part without gaps: its gradient with zeros around it. */
function padded(step: Step, x: Value, dy: Value, axes: readonly number[], starts: readonly number[]): Value {
  const { graph, sizes } = step
  const rank = x.shape!.length
  const places = axes.map((axis) => positive(axis, rank))
  const known = places.map((axis, at): [number, number] | undefined => {
    const [size, part] = [x.shape![axis], dy.shape?.[axis]]
    if (typeof size !== "number" || typeof part !== "number") return undefined
    const start = starts[at]!
    const before = start < 0 ? Math.max(0, start + size) : Math.min(start, size)
    return [before, size - before - part]
  })
  const results = { results: [{ shape: x.shape! }] }
  const pad = (pads: Value) => graph.op("Pad", [dy, pads, undefined, graph.constant(places, "int64")], {}, results)
  if (known.every((pair) => pair !== undefined)) {
    const made = pad(graph.constant([...known.map((pair) => pair![0]), ...known.map((pair) => pair![1])], "int64"))
    const [axis, pair] = [places[0], known[0]]
    if (places.length === 1 && axis !== undefined && pair)
      step.parts.set(made.name, { value: dy, axis, before: pair[0], after: pair[1], size: Number(x.shape![axis]) })
    return made
  }
  const befores: Value[] = []
  const afters: Value[] = []
  for (const [at, axis] of places.entries()) {
    const size = sizes.axis(x, axis)
    const start = starts[at]!
    const before =
      start === 0
        ? graph.constant([0], "int64")
        : start < 0
          ? graph.max(graph.add(size, start), 0)
          : graph.min(size, start)
    befores.push(before)
    afters.push(graph.sub(graph.sub(size, before), sizes.axis(dy, axis)))
  }
  return pad(graph.concat([...befores, ...afters], 0))
}

/** A tensor of zeros like `x`, with the elements of `dy` added where they were picked. */
const gatherElements: GradientRule = (step) => {
  const x = input(step, 0)
  const inputs = [step.sizes.zeros(x), input(step, 1), incoming(step)]
  return [step.graph.op("ScatterElements", inputs, { axis: intOf(step.node, "axis", 0), reduction: "add" })]
}

const gatherND: GradientRule = (step) => {
  const { graph, sizes } = step
  const [x, indices, dy] = [input(step, 0), input(step, 1), incoming(step)]
  const depth = indices.shape?.at(-1)
  if (intOf(step.node, "batch_dims", 0) !== 0 || typeof depth !== "number")
    throw new RankineError(
      "model",
      `the gradient of GatherND (node ${step.node.name}) is only there without batch_dims and for indices of known length: write it with GatherElements`,
    )
  // The first axes as one, and the place in it that several indices name together.
  let place: Value | undefined
  let total: Value | undefined
  for (let axis = 0; axis < depth; axis++) {
    const size = sizes.axis(x, axis)
    const given = graph.gather(indices, graph.constant(axis, "int64"), -1)
    const index = graph.where(graph.less(given, 0), graph.add(given, size), given)
    place = place ? graph.add(graph.mul(place, size), index) : index
    total = total ? graph.mul(total, size) : size
  }
  const known = productOf(x.shape?.slice(0, depth) ?? [null])
  return [sizes.reshape(addAlong(step, dy, place!, 0, total!, known), x)]
}

/** What is overwritten loses its gradient to what is written there. */
function scatter(pick: (step: Step, dy: Value) => Value, op: string): GradientRule {
  return (step) => {
    const { graph, node } = step
    const reduction = stringOf(node, "reduction", "none")
    if (reduction !== "none" && reduction !== "add")
      throw new RankineError(
        "model",
        `the gradient of ${op} with reduction ${reduction} (node ${node.name}) is not there: only none and add have one`,
      )
    const dy = incoming(step)
    const kept = () => {
      if (reduction === "add") return dy
      const attributes = op === "ScatterElements" ? { axis: intOf(node, "axis", 0) } : {}
      return graph.op(op, [dy, input(step, 1), step.sizes.zeros(input(step, 2))], attributes)
    }
    return [step.needs(0) ? kept() : undefined, undefined, step.needs(2) ? pick(step, dy) : undefined]
  }
}

const topK: GradientRule = (step) => {
  const inputs = [step.sizes.zeros(input(step, 0)), step.outputs[1]!, incoming(step)]
  return [step.graph.op("ScatterElements", inputs, { axis: intOf(step.node, "axis", -1) })]
}

const first = (index: number) => index === 0

export const indexingRules: RuleTable = {
  Gather: { rule: gather, inputs: first },
  GatherElements: { rule: gatherElements, inputs: first },
  GatherND: { rule: gatherND, inputs: first },
  Slice: { rule: slice, inputs: first },
  ScatterND: {
    rule: scatter((step, dy) => step.graph.op("GatherND", [dy, input(step, 1)]), "ScatterND"),
    inputs: (index) => index !== 1,
  },
  ScatterElements: {
    rule: scatter(
      (step, dy) => step.graph.gatherElements(dy, input(step, 1), intOf(step.node, "axis", 0)),
      "ScatterElements",
    ),
    inputs: (index) => index !== 1,
  },
  TopK: { rule: topK, inputs: first, outputs: first, extraOutputs: 2 },
}
