/**
 * Types and shapes of what an operator gives, as far as they follow from what it is given. Operators without a rule give
 * values of which nothing is known; that is no error.
 * @module
 */
import { RankineError } from "../core/errors.js"
import type { DataType } from "./data-type.js"
import { quotientOf, sumOf } from "./dimensions.js"
import type { Dimension, Shape } from "./ir.js"
import { type Application, axisOf, broadcast, int, ints, type Known, type Rule } from "./shape-rule.js"
import { fusedRules } from "./shapes-fused.js"
import { withSizes } from "./sizes.js"

export type { Application, Known } from "./shape-rule.js"

/** What is known of the outputs. Throws `argument` when sizes that are known do not fit each other. */
export function inferOutputs(application: Application): readonly Known[] {
  const known = (rules.get(application.op) ?? fusedRules.get(application.op))?.(application) ?? []
  return withSizes(application, known)
}

const same: Rule = ({ inputs: [x] }) => [{ type: x?.type, shape: x?.shape }]

const elementwise: Rule = ({ op, inputs }) => {
  const shape = inputs
    .slice(1)
    .reduce<Shape | undefined>((sum, input) => broadcast(sum, input?.shape, op), inputs[0]?.shape)
  return [{ type: inputs.find((input) => input?.type)?.type, shape }]
}

const comparison: Rule = (application) => [{ ...elementwise(application)[0], type: "bool" }]

const product = (a: Shape | undefined, b: Shape | undefined, op: string): Shape | undefined => {
  if (!a || !b || a.length === 0 || b.length === 0) return undefined
  const left = a.length === 1 ? [1, ...a] : a
  const right = b.length === 1 ? [...b, 1] : b
  const [inner, other] = [left.at(-1)!, right.at(-2)!]
  if (typeof inner === "number" && typeof other === "number" && inner !== other)
    throw new RankineError("argument", `${op}: the inner sizes of [${a.join(", ")}] and [${b.join(", ")}] differ`)
  const batch = broadcast(left.slice(0, -2), right.slice(0, -2), op)!
  return [...batch, ...(a.length === 1 ? [] : [left.at(-2)!]), ...(b.length === 1 ? [] : [right.at(-1)!])]
}

const swapped = (shape: Shape | undefined, swap: number): Shape | undefined =>
  shape && swap ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape

const reshape: Rule = (application) => {
  const [x] = application.inputs
  const target = application.sizes(1)
  if (!target) {
    const rank = application.inputs[1]?.shape?.[0]
    return [{ type: x?.type, shape: typeof rank === "number" ? Array.from({ length: rank }, () => null) : undefined }]
  }
  const copies = int(application, "allowzero", 0) === 0
  const copied = target.map((size, axis): Dimension => (size === 0 && copies ? (x?.shape?.[axis] ?? null) : size))
  const open = copied.indexOf(-1)
  if (open >= 0) copied[open] = remaining(x?.shape, target, copied)
  return [{ type: x?.type, shape: copied }]
}

/** What is left for the axis of size -1, where the axes that are copied cancel out. */
function remaining(from: Shape | undefined, target: readonly Dimension[], copied: readonly Dimension[]): Dimension {
  if (!from) return null
  const kept = from.filter((_, axis) => target[axis] !== 0)
  const others = copied.filter((_, axis) => target[axis] !== 0 && target[axis] !== -1)
  const size = quotientOf(kept, others)
  if (size === null && [...kept, ...others].every((each) => typeof each === "number"))
    throw new RankineError("argument", `Reshape: [${from.join(", ")}] does not divide into [${target.join(", ")}]`)
  return size
}

const reduce: Rule = (application) => {
  const [x, axesInput] = application.inputs
  const keep = int(application, "keepdims", 1) === 1
  const axes = application.integers(1) ?? ints(application, "axes")
  if (!x?.shape || (axesInput && !axes)) return [{ type: x?.type }]
  const rank = x.shape.length
  const gone = new Set((axes ?? x.shape.map((_, axis) => axis)).map((axis) => axisOf(axis, rank, application.op)))
  const shape = x.shape.flatMap((size, axis): Dimension[] => (gone.has(axis) ? (keep ? [1] : []) : [size]))
  return [{ type: x.type, shape }]
}

const slice: Rule = (application) => {
  const [x] = application.inputs
  const [starts, ends] = [application.sizes(1), application.sizes(2)]
  if (!x?.shape || !starts || !ends) return [{ type: x?.type, shape: x?.shape?.map(() => null) }]
  const axes = application.inputs[3] ? application.integers(3) : starts.map((_, index) => index)
  const steps = application.inputs[4] ? application.integers(4) : starts.map(() => 1)
  const shape: Dimension[] = [...x.shape]
  if (!axes || !steps) return [{ type: x.type, shape: shape.map(() => null) }]
  axes.forEach((given, index) => {
    const axis = axisOf(given, shape.length, "Slice")
    shape[axis] = slicedSize(shape[axis]!, starts[index]!, ends[index]!, steps[index]!)
  })
  return [{ type: x.type, shape }]
}

function slicedSize(size: Dimension, start: Dimension, end: Dimension, step: number): Dimension {
  if (typeof size === "number" && typeof start === "number" && typeof end === "number")
    return sliced(size, start, end, step)
  // All of it, whatever the size is.
  if (step === 1 && start === 0 && size !== null && (end === size || (typeof end === "number" && end >= 2 ** 31 - 1)))
    return size
  return null
}

function sliced(size: number, start: number, end: number, step: number): number {
  const clamp = (index: number) => {
    const positive = index < 0 ? index + size : index
    return step > 0 ? Math.min(Math.max(positive, 0), size) : Math.min(Math.max(positive, -1), size - 1)
  }
  return Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step))
}

const concat: Rule = (application) => {
  const { inputs } = application
  const type = inputs[0]?.type
  const shapes = inputs.map((input) => input?.shape)
  if (shapes.some((shape) => !shape)) return [{ type }]
  const known = shapes as Shape[]
  const axis = axisOf(int(application, "axis", 0), known[0]!.length, "Concat")
  const sizes = known.map((shape) => shape[axis]!)
  const total = sumOf(sizes)
  return [{ type, shape: known[0]!.map((size, index) => (index === axis ? total : size)) }]
}

const split: Rule = (application) => {
  const [x] = application.inputs
  const count = application.outputCount
  if (!x?.shape) return Array.from({ length: count }, () => ({ type: x?.type }))
  const axis = axisOf(int(application, "axis", 0), x.shape.length, "Split")
  const size = x.shape[axis]!
  const chunk = typeof size === "number" ? Math.ceil(size / count) : null
  const parts = application.inputs[1] ? application.sizes(1) : ints(application, "split")
  return Array.from({ length: count }, (_, index) => {
    const even = chunk === null ? null : Math.min(chunk, Number(size) - chunk * index)
    const part = application.inputs[1] || parts ? (parts?.[index] ?? null) : even
    return { type: x.type, shape: x.shape!.map((kept, at) => (at === axis ? part : kept)) }
  })
}

const gather: Rule = (application) => {
  const [x, indices] = application.inputs
  if (!x?.shape || !indices?.shape) return [{ type: x?.type }]
  const axis = axisOf(int(application, "axis", 0), x.shape.length, "Gather")
  return [{ type: x.type, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] }]
}

const unsqueeze: Rule = (application) => {
  const [x] = application.inputs
  const axes = application.integers(1) ?? ints(application, "axes")
  if (!x?.shape || !axes) return [{ type: x?.type }]
  const rank = x.shape.length + axes.length
  const fresh = new Set(axes.map((axis) => axisOf(axis, rank, "Unsqueeze")))
  let next = 0
  return [{ type: x.type, shape: Array.from({ length: rank }, (_, axis) => (fresh.has(axis) ? 1 : x.shape![next++]!)) }]
}

const squeeze: Rule = (application) => {
  const [x] = application.inputs
  const given = application.integers(1) ?? ints(application, "axes")
  // Without axes all of size 1 go, which is only known where every size is a number.
  const open = application.inputs[1] || x?.shape?.some((size) => typeof size !== "number")
  const axes = given ?? (open ? undefined : x?.shape?.flatMap((size, axis) => (size === 1 ? [axis] : [])))
  if (!x?.shape || !axes) return [{ type: x?.type }]
  const gone = new Set(axes.map((axis) => axisOf(axis, x.shape!.length, "Squeeze")))
  return [{ type: x.type, shape: x.shape.filter((_, axis) => !gone.has(axis)) }]
}

/** A tensor whose sizes are the integers of an input; the number of axes is known even where the integers are not. */
function shapeFrom(application: Application, input: number): Shape | undefined {
  const rank = application.inputs[input]?.shape?.[0]
  return application.sizes(input) ?? (typeof rank === "number" ? Array.from({ length: rank }, () => null) : undefined)
}

const typeNumbers: Readonly<Record<number, DataType>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  16: "bfloat16",
}

const rules = new Map<string, Rule>()
const add = (rule: Rule, ...ops: string[]) => {
  for (const op of ops) rules.set(op, rule)
}
add(
  same,
  "Relu",
  "Tanh",
  "Sigmoid",
  "Erf",
  "Gelu",
  "FastGelu",
  "QuickGelu",
  "Sqrt",
  "Exp",
  "Log",
  "Neg",
  "Abs",
  "Reciprocal",
)
add(same, "Softmax", "LogSoftmax", "Identity", "Clip", "Not", "Softplus")
add(
  same,
  "Cos",
  "Sin",
  "Floor",
  "Ceil",
  "Round",
  "Sign",
  "CumSum",
  "Trilu",
  "LeakyRelu",
  "Elu",
  "BiasGelu",
  "ScatterND",
  "ScatterElements",
)
add(same, "HardSigmoid", "HardSwish", "Selu", "Celu", "ThresholdedRelu", "Softsign", "Mish", "Swish")
add(elementwise, "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "And", "Or", "Xor", "Mod", "Sum", "Mean", "PRelu")
add(({ inputs: [x] }) => [{ type: "bool", shape: x?.shape }], "IsNaN", "IsInf")
add(comparison, "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
add(
  reduce,
  "ReduceMean",
  "ReduceMax",
  "ReduceMin",
  "ReduceSum",
  "ReduceL2",
  "ReduceSumSquare",
  "ReduceProd",
  "ReduceLogSumExp",
  "ReduceLogSum",
  "ReduceL1",
)
add(reshape, "Reshape")
add(slice, "Slice")
add(concat, "Concat")
add(split, "Split")
add(gather, "Gather")
add(unsqueeze, "Unsqueeze")
add(squeeze, "Squeeze")
add(({ op, inputs: [a, b] }) => [{ type: a?.type, shape: product(a?.shape, b?.shape, op) }], "MatMul")
add(
  (application) => {
    const [a, b] = application.inputs
    const left = swapped(a?.shape, int(application, "transA", 0))
    return [{ type: a?.type, shape: product(left, swapped(b?.shape, int(application, "transB", 0)), application.op) }]
  },
  "Gemm",
  "FusedMatMul",
)
add(
  ({ op, inputs: [a, b] }) => [{ type: "float32", shape: product(a?.shape, b?.shape, op) }],
  "MatMulIntegerToFloat",
  "DynamicQuantizeMatMul",
)
add(({ op, inputs: [a, b] }) => [{ type: "int32", shape: product(a?.shape, b?.shape, op) }], "MatMulInteger")
add(
  ({ inputs: [x] }) => [
    { type: "uint8", shape: x?.shape },
    { type: "float32", shape: [] },
    { type: "uint8", shape: [] },
  ],
  "DynamicQuantizeLinear",
)
add((application) => {
  const [x] = application.inputs
  const permutation = ints(application, "perm") ?? x?.shape?.map((_, axis) => x.shape!.length - 1 - axis)
  return [{ type: x?.type, shape: x?.shape && permutation?.map((axis) => x.shape![axis]!) }]
}, "Transpose")
add((application) => [{ type: typeNumbers[int(application, "to", 0)], shape: application.inputs[0]?.shape }], "Cast")
add(({ inputs: [condition, x, y] }) => {
  const shape = broadcast(broadcast(x?.shape, y?.shape, "Where"), condition?.shape, "Where")
  return [{ type: x?.type ?? y?.type, shape }]
}, "Where")
add((application) => {
  const [x] = application.inputs
  return [{ type: x?.type, shape: broadcast(x?.shape, shapeFrom(application, 1), "Expand") }]
}, "Expand")
add((application) => {
  const rank = application.inputs[0]?.shape?.length
  if (rank === undefined) return [{ type: "int64", shape: [null] }]
  const clamp = (axis: number) => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank)
  return [
    { type: "int64", shape: [Math.max(0, clamp(int(application, "end", rank)) - clamp(int(application, "start", 0)))] },
  ]
}, "Shape")
add((application) => {
  const [from, to, step] = [0, 1, 2].map((input) => application.sizes(input)?.[0])
  // Zero, one, two, ... up to a size: as many as that size, whatever it is.
  return [{ type: application.inputs[0]?.type, shape: [from === 0 && step === 1 ? (to ?? null) : null] }]
}, "Range")
add((application) => {
  const value = application.attributes.value
  return [{ type: value?.kind === "tensor" ? value.value.type : "float32", shape: shapeFrom(application, 0) }]
}, "ConstantOfShape")
add(({ inputs: [x, indices] }) => [{ type: x?.type, shape: indices?.shape }], "GatherElements")
add((application) => {
  const [x] = application.inputs
  const count = application.integers(1)?.[0] ?? null
  const axis = x?.shape && axisOf(int(application, "axis", -1), x.shape.length, "TopK")
  const shape = x?.shape?.map((size, index) => (index === axis ? count : size))
  return [
    { type: x?.type, shape },
    { type: "int64", shape },
  ]
}, "TopK")
add(
  (application) => {
    const [x] = application.inputs
    const axis = x?.shape && axisOf(int(application, "axis", 0), x.shape.length, application.op)
    const keep = int(application, "keepdims", 1) === 1
    const shape = x?.shape?.flatMap((size, index): Dimension[] => (index === axis ? (keep ? [1] : []) : [size]))
    return [{ type: "int64", shape }]
  },
  "ArgMax",
  "ArgMin",
)
