/** Builds ONNX graphs: a method per operator, over the one generic `op`. @module */
import { RankineError } from "../core/errors.js"
import { Builder } from "./builder.js"
import { type DataType, isFloat } from "./data-type.js"
import type { Shape, Value } from "./ir.js"

/** A value, or a number that becomes a constant of the other operand's type. */
export type Operand = Value | number

/** A list of sizes or axes: numbers, or a value of type int64. */
export type Integers = readonly number[] | Value

const castTypes: Readonly<Partial<Record<DataType, number>>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
}

/**
 * Writes a graph of the standard's operators (opset 21), and of ONNX Runtime's own where `op` is told so. Values know their
 * type and shape where they follow; sizes that do not fit are refused while the graph is written.
 *
 * @example
 * const graph = new GraphBuilder("twice")
 * const x = graph.input("x", "float32", ["batch", 3])
 * graph.output(graph.mul(x, 2), "y")
 * const bytes = graph.toModel()
 */
export class GraphBuilder extends Builder {
  /** A graph for an attribute (the body of a Loop, the branches of an If): it may read this graph's values. */
  subgraph(name: string): GraphBuilder {
    return new GraphBuilder(name, this)
  }

  // Arithmetic, element by element, with broadcasting.
  add(a: Operand, b: Operand): Value {
    return this.#binary("Add", a, b)
  }
  sub(a: Operand, b: Operand): Value {
    return this.#binary("Sub", a, b)
  }
  mul(a: Operand, b: Operand): Value {
    return this.#binary("Mul", a, b)
  }
  div(a: Operand, b: Operand): Value {
    return this.#binary("Div", a, b)
  }
  pow(a: Operand, b: Operand): Value {
    return this.#binary("Pow", a, b)
  }
  min(a: Operand, b: Operand): Value {
    return this.#binary("Min", a, b)
  }
  max(a: Operand, b: Operand): Value {
    return this.#binary("Max", a, b)
  }
  neg(x: Value): Value {
    return this.op("Neg", [x])
  }
  abs(x: Value): Value {
    return this.op("Abs", [x])
  }
  sqrt(x: Value): Value {
    return this.op("Sqrt", [x])
  }
  reciprocal(x: Value): Value {
    return this.op("Reciprocal", [x])
  }
  exp(x: Value): Value {
    return this.op("Exp", [x])
  }
  log(x: Value): Value {
    return this.op("Log", [x])
  }
  erf(x: Value): Value {
    return this.op("Erf", [x])
  }
  cos(x: Value): Value {
    return this.op("Cos", [x])
  }
  sin(x: Value): Value {
    return this.op("Sin", [x])
  }

  // Activations.
  tanh(x: Value): Value {
    return this.op("Tanh", [x])
  }
  relu(x: Value): Value {
    return this.op("Relu", [x])
  }
  sigmoid(x: Value): Value {
    return this.op("Sigmoid", [x])
  }
  /** The exact form by default, with the error function; `tanh` is the approximation of GPT-2 and BERT's authors. */
  gelu(x: Value, approximate: "none" | "tanh" = "none"): Value {
    return this.op("Gelu", [x], { approximate })
  }
  softmax(x: Value, axis = -1): Value {
    return this.op("Softmax", [x], { axis })
  }
  logSoftmax(x: Value, axis = -1): Value {
    return this.op("LogSoftmax", [x], { axis })
  }
  layerNorm(x: Value, scale: Value, bias?: Value, epsilon = 1e-5, axis = -1): Value {
    return this.op("LayerNormalization", [x, scale, bias], { axis, epsilon })
  }

  // Products.
  matMul(a: Value, b: Value): Value {
    return this.op("MatMul", [a, b])
  }
  /** alpha · a · b + beta · c over matrices; `transB` takes a weight as PyTorch stores it, without a transposed copy. */
  gemm(
    a: Value,
    b: Value,
    c?: Value,
    {
      alpha = 1,
      beta = 1,
      transA = false,
      transB = false,
    }: { alpha?: number; beta?: number; transA?: boolean; transB?: boolean } = {},
  ): Value {
    return this.op("Gemm", [a, b, c], { alpha, beta, transA: transA ? 1 : 0, transB: transB ? 1 : 0 })
  }

  // Comparisons and choices.
  equal(a: Operand, b: Operand): Value {
    return this.#binary("Equal", a, b)
  }
  greater(a: Operand, b: Operand): Value {
    return this.#binary("Greater", a, b)
  }
  less(a: Operand, b: Operand): Value {
    return this.#binary("Less", a, b)
  }
  lessOrEqual(a: Operand, b: Operand): Value {
    return this.#binary("LessOrEqual", a, b)
  }
  and(a: Value, b: Value): Value {
    return this.op("And", [a, b])
  }
  or(a: Value, b: Value): Value {
    return this.op("Or", [a, b])
  }
  not(x: Value): Value {
    return this.op("Not", [x])
  }
  /** `x` where the condition holds, `y` elsewhere. */
  where(condition: Value, x: Operand, y: Operand): Value {
    const [left, right] = this.#operands(x, y)
    return this.op("Where", [condition, left, right])
  }
  clip(x: Value, minimum?: number, maximum?: number): Value {
    const bound = (value: number | undefined) => (value === undefined ? undefined : this.#operand(value, x))
    return this.op("Clip", [x, bound(minimum), bound(maximum)])
  }

  // Reductions; `axes` are those that go, all of them by default.
  reduceMean(x: Value, axes?: readonly number[], keep = true): Value {
    return this.#reduce("ReduceMean", x, axes, keep)
  }
  reduceSum(x: Value, axes?: readonly number[], keep = true): Value {
    return this.#reduce("ReduceSum", x, axes, keep)
  }
  reduceMax(x: Value, axes?: readonly number[], keep = true): Value {
    return this.#reduce("ReduceMax", x, axes, keep)
  }
  reduceMin(x: Value, axes?: readonly number[], keep = true): Value {
    return this.#reduce("ReduceMin", x, axes, keep)
  }
  /** Euclidean length. */
  reduceL2(x: Value, axes?: readonly number[], keep = true): Value {
    return this.#reduce("ReduceL2", x, axes, keep)
  }
  argMax(x: Value, axis: number, keep = true): Value {
    return this.op("ArgMax", [x], { axis, keepdims: keep ? 1 : 0 })
  }
  /** The `count` greatest along an axis, greatest first, and their indices. */
  topK(x: Value, count: number | Value, axis = -1): [Value, Value] {
    const k = typeof count === "number" ? this.#integers([count]) : count
    return this.op("TopK", [x, k], { axis }, { outputs: 2 }) as [Value, Value]
  }
  cumSum(x: Value, axis: number): Value {
    return this.op("CumSum", [x, this.constant(axis, "int64")])
  }

  // Shapes.
  /** 0 keeps the size at that place, one -1 takes what is left. `shape` says what is known where the target is no list. */
  reshape(x: Value, target: Integers, shape?: Shape): Value {
    const results = shape ? { results: [{ shape }] } : {}
    return this.op("Reshape", [x, this.#integers(target)], {}, results)
  }
  transpose(x: Value, permutation?: readonly number[]): Value {
    return this.op("Transpose", [x], permutation ? { perm: permutation } : {})
  }
  unsqueeze(x: Value, axes: readonly number[]): Value {
    return this.op("Unsqueeze", [x, this.#integers(axes)])
  }
  squeeze(x: Value, axes: readonly number[]): Value {
    return this.op("Squeeze", [x, this.#integers(axes)])
  }
  expand(x: Value, sizes: Integers): Value {
    return this.op("Expand", [x, this.#integers(sizes)])
  }
  concat(values: readonly Value[], axis: number): Value {
    return this.op("Concat", values, { axis })
  }
  /** Parts of the given sizes, or so many equal ones. */
  split(x: Value, parts: number | readonly number[], axis: number): Value[] {
    if (typeof parts === "number") return this.op("Split", [x], { axis, num_outputs: parts }, { outputs: parts })
    return this.op("Split", [x, this.#integers(parts)], { axis }, { outputs: parts.length })
  }
  /** From `starts` up to and without `ends`; negative ones count from the end. */
  slice(x: Value, starts: Integers, ends: Integers, axes?: Integers, steps?: Integers): Value {
    const optional = (list: Integers | undefined) => (list ? this.#integers(list) : undefined)
    return this.op("Slice", [x, this.#integers(starts), this.#integers(ends), optional(axes), optional(steps)])
  }
  gather(x: Value, indices: Value, axis = 0): Value {
    return this.op("Gather", [x, indices], { axis })
  }
  gatherElements(x: Value, indices: Value, axis = 0): Value {
    return this.op("GatherElements", [x, indices], { axis })
  }
  /** The sizes of a tensor as int64, of the axes from `start` up to and without `end`. */
  shape(x: Value, start?: number, end?: number): Value {
    return this.op("Shape", [x], { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) })
  }
  range(start: Value, limit: Value, delta: Value): Value {
    return this.op("Range", [start, limit, delta])
  }
  /** A tensor of these sizes that holds one number everywhere. */
  full(sizes: Integers, value: number, type: DataType = "float32"): Value {
    return this.expand(this.constant(value, type), sizes)
  }
  identity(x: Value): Value {
    return this.op("Identity", [x])
  }
  cast(x: Value, type: DataType): Value {
    const to = castTypes[type]
    if (to === undefined)
      throw new RankineError(
        "argument",
        `cast to ${type} is not supported: cast to one of ${Object.keys(castTypes).join(", ")}`,
      )
    return x.type === type ? x : this.op("Cast", [x], { to })
  }

  #reduce(op: string, x: Value, axes: readonly number[] | undefined, keep: boolean): Value {
    return this.op(op, [x, axes ? this.#integers(axes) : undefined], { keepdims: keep ? 1 : 0 })
  }

  #integers(list: Integers): Value {
    return Array.isArray(list) ? this.constant(list as readonly number[], "int64") : (list as Value)
  }

  #binary(op: string, a: Operand, b: Operand): Value {
    return this.op(op, this.#operands(a, b))
  }

  #operands(a: Operand, b: Operand): [Value, Value] {
    if (typeof a === "number" && typeof b === "number")
      throw new RankineError(
        "argument",
        "one of the two operands must be a value of the graph: make one with constant()",
      )
    return [
      typeof a === "number" ? this.#operand(a, b as Value) : a,
      typeof b === "number" ? this.#operand(b, a as Value) : b,
    ]
  }

  #operand(number: number, other: Value): Value {
    const type = other.type ?? "float32"
    if (!isFloat(type) && !Number.isInteger(number))
      throw new RankineError("argument", `${number} is no ${type}: cast ${other.name} to a float type first`)
    return this.constant(number, type)
  }
}
