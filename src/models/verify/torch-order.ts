/**
 * Sums and exponentials of float32 rounded as PyTorch rounds them on a CPU with AVX2: its own order of additions, eight lanes side by
 * side, and its own polynomial. Some models magnify the last bit of float32 beyond any tolerance; what PyTorch computed in float32 is
 * then part of the reference, and must be computed as PyTorch does.
 * @module
 */
import type { Node } from "../../onnx/ir.js"
import { DOUBLE, FLOAT, type Steps } from "./steps.js"

const LANES = 8

type Write = (steps: Steps) => readonly Node[]

/**
 * For nodes of float32 over a last axis whose size is known, what they are to be replaced by; `sizeOf` gives the size of a float32 value's
 * last axis, and nothing for other values.
 */
export function inTorchsOrder(nodes: readonly Node[], sizeOf: (name: string) => number | undefined): Map<Node, Write> {
  const found = new Map<Node, Write>()
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const maker = (name: string | undefined) => makers.get(name ?? "")
  for (const node of nodes) {
    const [first = "", second] = node.inputs
    const size = sizeOf(first)
    if (size === undefined || node.domain !== "") continue
    if (node.op === "Softmax") found.set(node, (steps) => softmax(steps, first, size))
    else if ((node.op === "ReduceMean" || node.op === "ReduceSum") && sizeOf(node.outputs[0]!) === 1 && size > 1)
      found.set(node, (steps) => reduction(steps, first, size, node.op === "ReduceMean"))
    else if (node.op === "Div" && maker(second)?.op === "Sqrt") {
      // The gradient of 1 / √x: -dy/2 · y³ there.
      const slope = maker(maker(maker(first)?.inputs[0])?.inputs[0])
      const inverse = maker(maker(slope?.inputs[1])?.inputs[0])
      if (inverse?.op !== "Reciprocal" || inverse.inputs[0] !== second) continue
      const [dy = "", y = ""] = [slope?.inputs[0], inverse.outputs[0]]
      found.set(node, (steps) => {
        const cube = steps.op("Mul", [steps.op("Mul", [y, y]), y])
        return steps.end("Mul", [steps.op("Mul", [dy, steps.constant([-0.5], [], "float32")]), cube])
      })
    } else if (node.op === "Sub") {
      // y · dy - y · total, the gradient of softmax, is (dy - total) · y there, and the total a sum of another order.
      const [weighted, part] = [maker(first), maker(second)]
      const total = maker(part?.inputs[1])
      const [y = "", dy = ""] = weighted?.inputs ?? []
      const fits = weighted?.op === "Mul" && part?.op === "Mul" && part.inputs[0] === y && total?.op === "ReduceSum"
      if (!fits || total.inputs[0] !== first || maker(y)?.op !== "Softmax") continue
      found.set(node, (steps) => {
        const sum = vectorSum(steps, first, size)
        return steps.end("Mul", [steps.op("Sub", [dy, sum]), y])
      })
    }
  }
  return found
}

function slice(steps: Steps, x: string, from: number, to: number): string {
  return steps.op("Slice", [x, steps.integers([from]), steps.integers([to]), steps.integers([-1])])
}

function sum(steps: Steps, parts: readonly string[]): string {
  return parts.reduce((total, part) => steps.op("Add", [total, part]))
}

/** The order of torch.sum and torch.mean: four running vectors of eight lanes, added to one, whose lanes are added from the first to the last. */
function reduction(steps: Steps, x: string, size: number, mean: boolean): readonly Node[] {
  const count = Math.floor(size / LANES)
  const vectors = Array.from({ length: count }, (_, index) => slice(steps, x, index * LANES, (index + 1) * LANES))
  const whole = Math.floor(count / 4) * 4
  const running = [0, 1, 2, 3].map((at) => vectors.slice(0, whole).filter((_, index) => index % 4 === at))
  running[0]!.push(...vectors.slice(whole))
  const lanes = running.filter((parts) => parts.length > 0).map((parts) => sum(steps, parts))
  const rest = Array.from({ length: size - count * LANES }, (_, index) =>
    slice(steps, x, count * LANES + index, count * LANES + index + 1),
  )
  const vector = lanes.length > 0 ? sum(steps, lanes) : undefined
  const each = vector ? Array.from({ length: LANES }, (_, lane) => slice(steps, vector, lane, lane + 1)) : []
  const total = sum(steps, [...rest, ...each])
  return mean ? steps.end("Div", [total, steps.constant([size], [], "float32")]) : steps.end("Identity", [total])
}

/** The order within softmax: one running vector, halved until one number is left; fewer numbers than lanes are added one after the other. */
function vectorSum(steps: Steps, x: string, size: number): string {
  if (size < LANES)
    return sum(
      steps,
      Array.from({ length: size }, (_, index) => slice(steps, x, index, index + 1)),
    )
  const count = Math.floor(size / LANES)
  const vectors = Array.from({ length: count }, (_, index) => slice(steps, x, index * LANES, (index + 1) * LANES))
  let vector = sum(steps, vectors)
  const rest = size - count * LANES
  if (rest > 0) {
    const head = steps.op("Add", [slice(steps, vector, 0, rest), slice(steps, x, count * LANES, size)])
    vector = steps.op("Concat", [head, slice(steps, vector, rest, LANES)], { axis: -1 })
  }
  for (let width = LANES / 2; width >= 1; width /= 2)
    vector = steps.op("Add", [slice(steps, vector, 0, width), slice(steps, vector, width, 2 * width)])
  return vector
}

function softmax(steps: Steps, x: string, size: number): readonly Node[] {
  const largest = steps.op("ReduceMax", [x, steps.integers([-1])], { keepdims: 1 })
  const powers = exponential(steps, steps.op("Sub", [x, largest]))
  const total = vectorSum(steps, powers, size)
  return steps.end("Mul", [powers, steps.op("Div", [steps.constant([1], [], "float32"), total])])
}

/** Coefficients of SLEEF's expf (Shibata and Petrogalli, 2019), the highest power first. */
const coefficients = [0.00139304355252534, 0.0083333607763052, 0.0416664853692055, 0.16666667163372, 0.5]

/** exp of values of at most 0. Each fused step is done in float64, which holds the exact product, and rounded once. */
function exponential(steps: Steps, x: string): string {
  const single = (value: number) => steps.constant([Math.fround(value)])
  const rounded = (value: string) => steps.op("Cast", [steps.op("Cast", [value], { to: FLOAT })], { to: DOUBLE })
  const fused = (a: string, b: string, c: string) => rounded(steps.op("Add", [steps.op("Mul", [a, b]), c]))
  const d = steps.op("Max", [steps.op("Cast", [x], { to: DOUBLE }), single(-150)])
  const power = steps.op("Round", [rounded(steps.op("Mul", [d, single(Math.LOG2E)]))])
  const rest = fused(power, single(-1.428606765330187e-6), fused(power, single(-0.693145751953125), d))
  const start = single(0.000198527617612854)
  const series = coefficients.reduce((value, coefficient) => fused(value, rest, single(coefficient)), start)
  const square = rounded(steps.op("Mul", [rest, rest]))
  const grown = rounded(steps.op("Add", [fused(square, series, rest), single(1)]))
  const scaled = steps.op("Mul", [grown, steps.op("Pow", [single(2), power])])
  return steps.op("Cast", [scaled], { to: FLOAT })
}
