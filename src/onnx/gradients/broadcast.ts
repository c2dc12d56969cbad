/** Undoes broadcasting: what was repeated receives the sum of its repetitions' gradients. @module */
import type { Dimension, Value } from "../ir.js"
import type { Step } from "./rule.js"
import { sameShape } from "./sizes.js"

/**
 * Sums a gradient over the axes along which `target` was repeated, and gives it the shape of `target`. Which axes these are is
 * decided while the graph is written where the sizes' names tell, and while it runs where they do not.
 */
export function reduceTo(step: Pick<Step, "graph" | "sizes">, gradient: Value, target: Value): Value {
  if (sameShape(gradient.shape, target.shape)) return gradient
  const axes = repeatedAxes(gradient, target)
  if (!axes) return reduceAtRunTime(step, gradient, target)
  const extra = gradient.shape!.length - target.shape!.length
  if (axes.length === 0) return gradient
  if (axes.every((axis) => axis < extra)) return step.graph.reduceSum(gradient, axes, false)
  const summed = step.graph.reduceSum(gradient, axes, true)
  return extra === 0
    ? summed
    : step.graph.squeeze(
        summed,
        Array.from({ length: extra }, (_, axis) => axis),
      )
}

/** Axes of the gradient to sum over, or undefined where the sizes known do not say. */
function repeatedAxes({ shape: from }: Value, { shape: to }: Value): number[] | undefined {
  if (!from || !to || to.length > from.length) return undefined
  const extra = from.length - to.length
  const axes: number[] = Array.from({ length: extra }, (_, axis) => axis)
  for (const [axis, size] of to.entries()) {
    const repeated = isRepeated(from[axis + extra]!, size)
    if (repeated === undefined) return undefined
    if (repeated) axes.push(axis + extra)
  }
  return axes
}

function isRepeated(result: Dimension, operand: Dimension): boolean | undefined {
  if (operand === 1) return result !== 1
  if (typeof operand === "number" || result === 1) return false
  // A name may stand for 1: only against itself it is known not to be repeated.
  return operand !== null && operand === result ? false : undefined
}

function reduceAtRunTime({ graph }: Pick<Step, "graph">, gradient: Value, target: Value): Value {
  const [from, to] = [graph.shape(gradient), graph.shape(target)]
  const extra = graph.sub(graph.shape(from), graph.shape(to))
  const one = { kind: "tensor", value: { name: "", type: "int64", dims: [1], data: int64(1) } } as const
  const ones = graph.op("ConstantOfShape", [extra], { value: one })
  const differs = graph.not(graph.equal(graph.concat([ones, to], 0), from))
  const axes = graph.reshape(graph.op("NonZero", [differs]), [-1])
  const summed = graph.op("ReduceSum", [gradient, axes], { keepdims: 1, noop_with_empty_axes: 1 })
  return graph.op("Reshape", [summed, to], { allowzero: 1 }, { results: [{ shape: target.shape }] })
}

function int64(value: number): Uint8Array {
  return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)
}
