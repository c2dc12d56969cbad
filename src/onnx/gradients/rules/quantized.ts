/**
 * Gradients through products with quantised weights, which are frozen: the input's is that of a product with the numbers that the
 * weights stand for. Rounding an activation counts as no change (the straight-through estimator; Bengio et al., 2013). The
 * gradient of integer codes is that of the integers, as floats.
 * @module
 */
import { RankineError } from "../../../core/errors.js"
import type { Value } from "../../ir.js"
import { reduceTo } from "../broadcast.js"
import { type GradientRule, incoming, input, intOf, positive, type RuleTable, rankOf, type Step } from "../rule.js"
import { rowsOf, swapLast } from "./products.js"

/** The integers of a weight, less their zero point, times their scale, as floats. */
function numbers(step: Step, codes: Value, zero: Value | undefined, scale: Value | undefined): Value {
  const { graph } = step
  let made = graph.cast(codes, "float32")
  if (zero) made = graph.sub(made, graph.cast(zero, "float32"))
  return scale ? graph.mul(made, scale) : made
}

/** dy · Wᵀ for a weight [inputs, outputs] or a stack of them. */
function backThrough(step: Step, dy: Value, weight: Value, x: Value): Value {
  const { graph } = step
  if (weight.shape?.length === 2)
    return step.sizes.reshape(graph.gemm(rowsOf(step, dy), weight, undefined, { transB: true }), x)
  return reduceTo(step, graph.matMul(dy, swapLast(step, weight)), x)
}

const matMulInteger: GradientRule = (step) => {
  const weight = numbers(step, input(step, 1), step.inputs[3], undefined)
  return [backThrough(step, incoming(step), weight, input(step, 0))]
}

const matMulIntegerToFloat: GradientRule = (step) => {
  const { graph } = step
  const [x, codes, xScale, scale, , zero, bias] = step.inputs
  const dy = incoming(step)
  const dx = () => backThrough(step, graph.mul(dy, xScale!), numbers(step, codes!, zero, scale), x!)
  const result: (Value | undefined)[] = [step.needs(0) ? dx() : undefined]
  result[6] = bias && step.needs(6) ? reduceTo(step, dy, bias) : undefined
  return result
}

const dynamicQuantizeMatMul: GradientRule = (step) => {
  const [x, codes, scale, zero, bias] = step.inputs
  const dy = incoming(step)
  const dx = () => backThrough(step, dy, numbers(step, codes!, zero, scale), x!)
  const result: (Value | undefined)[] = [step.needs(0) ? dx() : undefined]
  result[4] = bias && step.needs(4) ? reduceTo(step, dy, bias) : undefined
  return result
}

/** A scale of each slice along an axis, in a shape that broadcasts with the tensor. */
function aligned(step: Step, scale: Value, x: Value): Value {
  if (intOf(step.node, "block_size", 0) !== 0)
    throw new RankineError(
      "model",
      `the gradient of ${step.node.op} in blocks (node ${step.node.name}) is not there: quantise activations by tensor or by axis`,
    )
  if (scale.shape?.length === 0) return scale
  const rank = rankOf(step, x)
  const axis = positive(intOf(step.node, "axis", 1), rank)
  const after = Array.from({ length: rank - 1 - axis }, (_, index) => index + 1)
  return after.length === 0 ? scale : step.graph.unsqueeze(scale, after)
}

/** Of x / scale; the scale itself may depend on x, and both parts together leave the rounding error alone. */
const quantize: GradientRule = (step) => {
  const { graph } = step
  const [x, scale, dy] = [input(step, 0), input(step, 1), incoming(step)]
  const wide = aligned(step, scale, x)
  const dx = graph.div(dy, wide)
  const dScale = () => {
    const slope = graph.neg(graph.mul(dx, graph.div(x, wide)))
    return step.sizes.reshape(reduceTo(step, slope, wide), scale)
  }
  return [step.needs(0) ? dx : undefined, step.needs(1) ? dScale() : undefined]
}

const dynamicQuantize: GradientRule = (step) => [step.graph.div(incoming(step), step.outputs[1]!)]

const dequantize: GradientRule = (step) => [
  step.graph.mul(incoming(step), aligned(step, input(step, 1), input(step, 0))),
]

/** [outputs, inputs]: the floats that the blocks of MatMulNBits stand for. */
function unpacked(step: Step): Value {
  const { graph, node } = step
  const [, codes, scales, zeros, groups] = step.inputs
  const [inputs, outputs, block] = [intOf(node, "K", 0), intOf(node, "N", 0), intOf(node, "block_size", 0)]
  const bits = intOf(node, "bits", 4)
  const refuse = (what: string): never => {
    throw new RankineError(
      "model",
      `the gradient of MatMulNBits with ${what} (node ${node.name}) is not there: quantise the weight in 4 or 8 bits, without groups`,
    )
  }
  if (groups) refuse("a group index")
  if (bits !== 4 && bits !== 8) refuse(`${bits} bits`)
  const type = bits === 4 ? "uint4" : "uint8"
  const blocks = Math.ceil(inputs / block)
  // Two 4-bit integers share a byte in both forms, the first in the lower half: the same bytes are read as another type.
  const reread = (value: Value, dims: readonly number[]): Value => {
    const found = graph.graph.initializers.find(({ name }) => name === value.name)
    if (!found || !(found.data instanceof Uint8Array || "location" in found.data)) return refuse("a computed weight")
    const name = `${value.name} as ${type}`
    const known = graph.find(name)
    if (known) return known
    return found.data instanceof Uint8Array
      ? graph.initializer(name, type, dims, found.data)
      : graph.weight(name, { type, dims, ...found.data })
  }
  if (zeros && zeros.type !== "uint8") refuse("zero points that are no integers")
  if (zeros && bits === 4 && blocks % 2 === 1) refuse("zero points of an odd number of blocks")
  const integers = reread(codes!, [outputs, blocks * block])
  // Without zero points the middle of the range is zero.
  const middle = () => {
    const bytes = new Uint8Array(Math.ceil((outputs * blocks * bits) / 8)).fill(bits === 4 ? 0x88 : 128)
    return graph.initializer(`${node.name} middle`, type, [outputs, blocks], bytes)
  }
  const points = zeros ? reread(zeros, [outputs, blocks]) : middle()
  const steps = graph.reshape(scales!, [outputs, blocks])
  const floats = graph.op("DequantizeLinear", [integers, steps, points], { axis: 1, block_size: block })
  return blocks * block === inputs ? floats : graph.slice(floats, [0], [inputs], [1])
}

const matMulNBits: GradientRule = (step) => {
  const { graph, sizes } = step
  const [x, dy, bias] = [input(step, 0), incoming(step), step.inputs[5]]
  const result: (Value | undefined)[] = []
  if (step.needs(0)) result[0] = sizes.reshape(graph.gemm(rowsOf(step, dy), unpacked(step)), x)
  if (bias && step.needs(5)) result[5] = reduceTo(step, dy, bias)
  return result
}

const first = (index: number) => index === 0

export const quantizedRules: RuleTable = {
  MatMulInteger: { rule: matMulInteger, inputs: first },
  MatMulIntegerToFloat: { rule: matMulIntegerToFloat, inputs: (index) => index === 0 || index === 6 },
  DynamicQuantizeMatMul: { rule: dynamicQuantizeMatMul, inputs: (index) => index === 0 || index === 4 },
  QuantizeLinear: { rule: quantize, inputs: (index) => index < 2 },
  // The scale follows the tensor too, yet codes and scale together give the tensor back: only the codes count.
  DynamicQuantizeLinear: { rule: dynamicQuantize, outputs: first },
  DequantizeLinear: { rule: dequantize, inputs: first },
  MatMulNBits: { rule: matMulNBits, inputs: (index) => index === 0 || index === 5 },
}
