/** Gradients of what is computed element by element, with broadcasting. @module */
import type { GraphBuilder } from "../../graph.js"
import type { Value } from "../../ir.js"
import { reduceTo } from "../broadcast.js"
import { constantNumber, type Differentiable, floatOf, incoming, input, type RuleTable, type Step } from "../rule.js"

interface Unary {
  readonly graph: GraphBuilder
  readonly step: Step
  /** The input, the output, and the output's gradient. */
  readonly x: Value
  readonly y: Value
  readonly dy: Value
}

function unary(rule: (unary: Unary) => Value): Differentiable {
  return {
    rule: (step) => [rule({ graph: step.graph, step, x: input(step, 0), y: step.outputs[0]!, dy: incoming(step) })],
  }
}

/** A rule for operands that are broadcast: the parts are written only where they are needed. */
function binary(
  parts: (step: Step, a: Value, b: Value, dy: Value) => readonly [() => Value, () => Value],
): Differentiable {
  return {
    rule: (step) => {
      const [a, b] = [input(step, 0), input(step, 1)]
      const written = parts(step, a, b, incoming(step))
      return [a, b].map((operand, index) =>
        step.needs(index) ? reduceTo(step, written[index]!(), operand) : undefined,
      )
    },
  }
}

/** Sums of any number of operands, each times `factor(count)`. */
const sum = (factor: (count: number) => number): Differentiable => ({
  rule: (step) => {
    const share = factor(step.inputs.length)
    const dy = share === 1 ? incoming(step) : step.graph.mul(incoming(step), share)
    return step.inputs.map((operand, index) => (step.needs(index) ? reduceTo(step, dy, operand!) : undefined))
  },
})

/** The gradient goes to the operand that is the result; operands that are equal share it. */
const extreme: Differentiable = {
  rule: (step) => {
    const { graph } = step
    const [y, dy] = [step.outputs[0]!, incoming(step)]
    const chosen = step.inputs.map((operand, index) =>
      step.needs(index) ? graph.cast(graph.equal(operand!, y), dy.type ?? "float32") : undefined,
    )
    const winners = chosen.filter((mask) => mask !== undefined)
    // Against constants alone a tie goes to the operand, so that max(x, 0) is no different from a clip.
    const share =
      winners.length === 1
        ? dy
        : graph.div(
            dy,
            graph.max(
              winners.reduce((a, b) => graph.add(a, b)),
              1,
            ),
          )
    return chosen.map((mask, index) => mask && reduceTo(step, graph.mul(share, mask), step.inputs[index]!))
  },
}

const TWO_OVER_ROOT_PI = 2 / Math.sqrt(Math.PI)

/** ½ t + ½ in one operation, for t from -1 to 1: a hard sigmoid between its bends. */
function halfway(graph: GraphBuilder, t: Value): Value {
  return graph.op("HardSigmoid", [t], { alpha: 0.5, beta: 0.5 })
}

/** Φ(x) + x φ(x), with the normal distribution and its density: x φ(x) = u exp(-ln √π - u²) for u = x / √2. */
function geluSlope(graph: GraphBuilder, x: Value): Value {
  const u = graph.mul(x, Math.SQRT1_2)
  const density = graph.exp(graph.sub(-0.5 * Math.log(Math.PI), graph.mul(u, u)))
  return graph.add(halfway(graph, graph.erf(u)), graph.mul(u, density))
}

/** Of ½ x (1 + tanh v), v = √(2/π) (x + 0.044715 x³). */
function geluTanhSlope(graph: GraphBuilder, x: Value): Value {
  const c = Math.sqrt(2 / Math.PI)
  const squared = graph.mul(x, x)
  const t = graph.tanh(graph.mul(x, graph.add(graph.mul(squared, c * 0.044715), c)))
  const inner = graph.mul(x, graph.add(graph.mul(squared, 1.5 * c * 0.044715), 0.5 * c))
  return graph.add(halfway(graph, t), graph.mul(inner, graph.sub(1, graph.mul(t, t))))
}

/** Kept where the input lies within the bounds, both included. */
const clip: Differentiable = {
  inputs: (index) => index === 0,
  rule: (step) => {
    const { graph } = step
    const [x, low, high] = [input(step, 0), step.inputs[1], step.inputs[2]]
    let dx = incoming(step)
    if (low) dx = graph.where(graph.op("GreaterOrEqual", [x, low]), dx, 0)
    if (high) dx = graph.where(graph.lessOrEqual(x, high), dx, 0)
    return [dx]
  },
}

export const elementwiseRules: RuleTable = {
  Neg: unary(({ graph, dy }) => graph.neg(dy)),
  Abs: unary(({ graph, x, dy }) => graph.mul(dy, graph.op("Sign", [x]))),
  Sqrt: unary(({ graph, y, dy }) => graph.div(graph.mul(dy, 0.5), y)),
  Reciprocal: unary(({ graph, y, dy }) => graph.neg(graph.mul(dy, graph.mul(y, y)))),
  Exp: unary(({ graph, y, dy }) => graph.mul(dy, y)),
  Log: unary(({ graph, x, dy }) => graph.div(dy, x)),
  Erf: unary(({ graph, x, dy }) => graph.mul(dy, graph.mul(graph.exp(graph.neg(graph.mul(x, x))), TWO_OVER_ROOT_PI))),
  Cos: unary(({ graph, x, dy }) => graph.neg(graph.mul(dy, graph.sin(x)))),
  Sin: unary(({ graph, x, dy }) => graph.mul(dy, graph.cos(x))),
  Tanh: unary(({ graph, y, dy }) => graph.mul(dy, graph.sub(1, graph.mul(y, y)))),
  Sigmoid: unary(({ graph, y, dy }) => graph.mul(dy, graph.mul(y, graph.sub(1, y)))),
  Softplus: unary(({ graph, x, dy }) => graph.mul(dy, graph.sigmoid(x))),
  Relu: unary(({ graph, y, dy }) => graph.where(graph.greater(y, 0), dy, 0)),
  LeakyRelu: unary(({ graph, step, x, dy }) =>
    graph.where(graph.greater(x, 0), dy, graph.mul(dy, floatOf(step.node, "alpha", 0.01))),
  ),
  Elu: unary(({ graph, step, x, y, dy }) =>
    graph.where(graph.greater(x, 0), dy, graph.mul(dy, graph.add(y, floatOf(step.node, "alpha", 1)))),
  ),
  HardSigmoid: unary(({ graph, step, y, dy }) => {
    const inside = graph.and(graph.greater(y, 0), graph.less(y, 1))
    return graph.where(inside, graph.mul(dy, floatOf(step.node, "alpha", 0.2)), 0)
  }),
  Gelu: unary(({ graph, step, x, dy }) => {
    const approximate = step.node.attributes.approximate
    const tanh = approximate?.kind === "string" && approximate.value === "tanh"
    return graph.mul(dy, tanh ? geluTanhSlope(graph, x) : geluSlope(graph, x))
  }),
  QuickGelu: unary(({ graph, step, x, dy }) => {
    const alpha = floatOf(step.node, "alpha", 1.702)
    const s = graph.sigmoid(graph.mul(x, alpha))
    const bent = graph.mul(graph.mul(x, alpha), graph.mul(s, graph.sub(1, s)))
    return graph.mul(dy, graph.add(s, bent))
  }),
  Clip: clip,

  Add: sum(() => 1),
  Sum: sum(() => 1),
  Mean: sum((count) => 1 / count),
  Sub: binary(({ graph }, _a, _b, dy) => [() => dy, () => graph.neg(dy)]),
  Mul: binary(({ graph }, a, b, dy) => [() => graph.mul(dy, b), () => graph.mul(dy, a)]),
  Div: binary(({ graph, outputs: [y] }, _a, b, dy) => [
    () => graph.div(dy, b),
    () => graph.neg(graph.div(graph.mul(dy, y!), b)),
  ]),
  Pow: binary(({ graph, outputs: [y] }, a, b, dy) => [
    () => {
      // Squares are common, and powers slow.
      if (constantNumber(graph, b) === 2) return graph.mul(graph.mul(dy, a), 2)
      const exponent = graph.cast(b, a.type ?? "float32")
      return graph.mul(dy, graph.mul(exponent, graph.pow(a, graph.sub(exponent, 1))))
    },
    // 0 to any power stays 0, although its logarithm is no number.
    () => graph.mul(dy, graph.where(graph.greater(a, 0), graph.mul(y!, graph.log(graph.max(a, 1e-38))), 0)),
  ]),
  Min: extreme,
  Max: extreme,
  PRelu: binary(({ graph }, x, slope, dy) => [
    () => graph.mul(dy, graph.where(graph.greater(x, 0), 1, slope)),
    () => graph.mul(dy, graph.min(x, 0)),
  ]),
  Where: {
    inputs: (index) => index > 0,
    rule: (step) => {
      const { graph } = step
      const [condition, x, y, dy] = [input(step, 0), input(step, 1), input(step, 2), incoming(step)]
      // A product with 1 and 0: on a CPU, ONNX Runtime's Where takes five times as long.
      const part = (chosen: Value) => graph.mul(dy, graph.cast(chosen, dy.type ?? "float32"))
      return [
        undefined,
        step.needs(1) ? reduceTo(step, part(condition), x) : undefined,
        step.needs(2) ? reduceTo(step, part(graph.not(condition)), y) : undefined,
      ]
    },
  },
}
