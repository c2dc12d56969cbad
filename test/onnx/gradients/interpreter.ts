/** Evaluates graphs in float64, written from the standard's description of the operators, for small tensors. */
import { fromHalf } from "../../../src/onnx/data-type.js"
import type { Graph, Initializer, Node } from "../../../src/onnx/ir.js"

/** Numbers of any element type, as float64. */
export interface Numbers {
  readonly dims: readonly number[]
  readonly data: Float64Array
}

export function numbers(dims: readonly number[], data: ArrayLike<number>): Numbers {
  const made = { dims: [...dims], data: Float64Array.from(data) }
  if (made.data.length !== size(dims)) throw new Error(`${made.data.length} numbers for [${dims}]`)
  return made
}

const size = (dims: readonly number[]) => dims.reduce((product, each) => product * each, 1)
const fill = (dims: readonly number[], value = 0) => numbers(dims, new Float64Array(size(dims)).fill(value))
const wrap = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis)

function strides(dims: readonly number[]): number[] {
  const result = new Array<number>(dims.length)
  for (let axis = dims.length - 1, step = 1; axis >= 0; axis--) {
    result[axis] = step
    step *= dims[axis]!
  }
  return result
}

/** Calls `visit` with every position of a tensor of these sizes. */
function each(dims: readonly number[], visit: (position: readonly number[], flat: number) => void): void {
  const position = new Array<number>(dims.length).fill(0)
  const total = size(dims)
  for (let flat = 0; flat < total; flat++) {
    visit(position, flat)
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      if (++position[axis]! < dims[axis]!) break
      position[axis] = 0
    }
  }
}

const flatAt = (position: readonly number[], dims: readonly number[]) =>
  strides(dims).reduce((sum, step, axis) => sum + step * position[axis]!, 0)

/** A tensor made by asking for each position's number. */
function made(dims: readonly number[], at: (position: readonly number[]) => number): Numbers {
  const data = new Float64Array(size(dims))
  each(dims, (position, flat) => {
    data[flat] = at(position)
  })
  return { dims: [...dims], data }
}

function broadcastDims(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((dims) => dims.length))
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((dims) => dims[axis - rank + dims.length] ?? 1).filter((each) => each !== 1)
    if (new Set(sizes).size > 1) throw new Error(`cannot broadcast ${shapes.map((dims) => `[${dims}]`)}`)
    return sizes[0] ?? 1
  })
}

/** The number at a position of a larger shape that the tensor is repeated to. */
function repeated({ dims, data }: Numbers, position: readonly number[]): number {
  const step = strides(dims)
  let flat = 0
  for (let axis = 0; axis < dims.length; axis++)
    if (dims[axis] !== 1) flat += step[axis]! * position[position.length - dims.length + axis]!
  return data[flat]!
}

function combine(list: readonly Numbers[], compute: (...values: number[]) => number): Numbers {
  const dims = broadcastDims(...list.map((tensor) => tensor.dims))
  return made(dims, (position) => compute(...list.map((tensor) => repeated(tensor, position))))
}

const map = (x: Numbers, compute: (value: number) => number): Numbers => ({ dims: x.dims, data: x.data.map(compute) })

/** The error function by its series, or by its continued fraction far out. */
export function erf(x: number): number {
  const a = Math.abs(x)
  if (a > 6) return Math.sign(x)
  let term = a
  let sum = a
  for (let n = 1; n < 300 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * a * a) / (2 * n + 1)
    sum += term
  }
  // erf(x) = 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)): all terms positive, so nothing cancels.
  return (Math.sign(x) * 2 * Math.exp(-a * a) * sum) / Math.sqrt(Math.PI)
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const gelu = (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2))
const geluTanh = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))

interface Call {
  readonly node: Node
  readonly inputs: readonly (Numbers | undefined)[]
  readonly scope: ReadonlyMap<string, Numbers>
}

const int = ({ node }: Call, name: string, fallback: number): number => {
  const found = node.attributes[name]
  return found?.kind === "int" ? Number(found.value) : fallback
}
const float = ({ node }: Call, name: string, fallback: number): number => {
  const found = node.attributes[name]
  return found?.kind === "float" || found?.kind === "int" ? Number(found.value) : fallback
}
const ints = ({ node }: Call, name: string): number[] | undefined => {
  const found = node.attributes[name]
  return found?.kind === "ints" ? found.value.map(Number) : undefined
}
const text = ({ node }: Call, name: string, fallback: string): string => {
  const found = node.attributes[name]
  return found?.kind === "string" ? String(found.value) : fallback
}
const list = (tensor: Numbers | undefined) => tensor && [...tensor.data]

type Operator = (call: Call) => Numbers[]

const unary =
  (compute: (value: number, call: Call) => number): Operator =>
  (call) => [map(call.inputs[0]!, (value) => compute(value, call))]
const nary =
  (compute: (...values: number[]) => number): Operator =>
  ({ inputs }) => [combine(inputs as Numbers[], compute)]

function reducer(finish: (values: number[]) => number): Operator {
  return (call) => {
    const x = call.inputs[0]!
    const given = list(call.inputs[1]) ?? ints(call, "axes")
    const all = x.dims.map((_, axis) => axis)
    const noop = int(call, "noop_with_empty_axes", 0) === 1
    const gone = new Set((given?.length ? given : noop ? [] : all).map((axis) => wrap(axis, x.dims.length)))
    const keptDims = x.dims.map((each, axis) => (gone.has(axis) ? 1 : each))
    const groups = Array.from({ length: size(keptDims) }, (): number[] => [])
    each(x.dims, (position, flat) => {
      const at = position.map((index, axis) => (gone.has(axis) ? 0 : index))
      groups[flatAt(at, keptDims)]!.push(x.data[flat]!)
    })
    const dims = int(call, "keepdims", 1) === 1 ? keptDims : x.dims.filter((_, axis) => !gone.has(axis))
    return [numbers(dims, groups.map(finish))]
  }
}

const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0)

function matMul(a: Numbers, b: Numbers): Numbers {
  const left = a.dims.length === 1 ? [1, ...a.dims] : [...a.dims]
  const right = b.dims.length === 1 ? [...b.dims, 1] : [...b.dims]
  const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2))
  const [rows, inner, columns] = [left.at(-2)!, left.at(-1)!, right.at(-1)!]
  if (right.at(-2) !== inner) throw new Error(`MatMul [${a.dims}] by [${b.dims}]`)
  const full = made([...batch, rows, columns], (position) => {
    const [row, column] = position.slice(-2) as [number, number]
    const before = position.slice(0, -2)
    let sum = 0
    for (let k = 0; k < inner; k++)
      sum +=
        repeated({ dims: left, data: a.data }, [...before, row, k]) *
        repeated({ dims: right, data: b.data }, [...before, k, column])
    return sum
  })
  const dims = [...batch, ...(a.dims.length === 1 ? [] : [rows]), ...(b.dims.length === 1 ? [] : [columns])]
  return { dims, data: full.data }
}

function transpose(x: Numbers, order = x.dims.map((_, axis) => x.dims.length - 1 - axis)): Numbers {
  const steps = strides(x.dims)
  return made(
    order.map((axis) => x.dims[axis]!),
    (position) => x.data[order.reduce((sum, axis, at) => sum + steps[axis]! * position[at]!, 0)]!,
  )
}

function gemm(call: Call): Numbers {
  const [a, b, c] = call.inputs
  const left = int(call, "transA", 0) ? transpose(a!) : a!
  const right = int(call, "transB", 0) ? transpose(b!) : b!
  const product = map(matMul(left, right), (value) => value * float(call, "alpha", 1))
  return c ? combine([product, c], (x, y) => x + y * float(call, "beta", 1)) : product
}

function alongAxis(x: Numbers, axis: number, compute: (line: number[]) => number[]): Numbers {
  const at = wrap(axis, x.dims.length)
  const step = strides(x.dims)[at]!
  const data = new Float64Array(x.data.length)
  each(
    x.dims.map((each, index) => (index === at ? 1 : each)),
    (position) => {
      const from = flatAt(position, x.dims)
      const line = Array.from({ length: x.dims[at]! }, (_, index) => x.data[from + index * step]!)
      compute(line).forEach((value, index) => {
        data[from + index * step] = value
      })
    },
  )
  return { dims: x.dims, data }
}

const softmaxOf = (line: number[]) => {
  const most = Math.max(...line)
  const powers = line.map((value) => Math.exp(value - most))
  return powers.map((value) => value / total(powers))
}

function norm(centre: boolean): Operator {
  return (call) => {
    const [x, scale, bias] = call.inputs
    const axis = wrap(int(call, "axis", -1), x!.dims.length)
    const inner = size(x!.dims.slice(axis))
    const outer = size(x!.dims.slice(0, axis))
    const statistics = [...x!.dims.slice(0, axis), ...x!.dims.slice(axis).map(() => 1)]
    const [means, inverses] = [fill(statistics), fill(statistics)]
    const data = new Float64Array(x!.data.length)
    for (let row = 0; row < outer; row++) {
      const line = [...x!.data.slice(row * inner, (row + 1) * inner)]
      const mean = centre ? total(line) / inner : 0
      const inverse =
        1 / Math.sqrt(total(line.map((value) => (value - mean) ** 2)) / inner + float(call, "epsilon", 1e-5))
      means.data[row] = mean
      inverses.data[row] = inverse
      line.forEach((value, index) => {
        data[row * inner + index] = (value - mean) * inverse
      })
    }
    const scaled = combine([{ dims: x!.dims, data }, scale!], (a, b) => a * b)
    const y = bias ? combine([scaled, bias], (a, b) => a + b) : scaled
    return centre ? [y, means, inverses] : [y, inverses]
  }
}

function reshape(call: Call): Numbers {
  const [x, target] = call.inputs
  const zeroCopies = int(call, "allowzero", 0) === 0
  const dims = list(target)!.map((each, axis) => (each === 0 && zeroCopies ? x!.dims[axis]! : each))
  const open = dims.indexOf(-1)
  if (open >= 0) dims[open] = x!.data.length / size(dims.filter((each) => each !== -1))
  return numbers(dims, x!.data)
}

function slice(call: Call): Numbers {
  const [x, starts, ends, axesGiven, stepsGiven] = call.inputs
  const axes = list(axesGiven) ?? list(starts)!.map((_, axis) => axis)
  const from = x!.dims.map(() => 0)
  const step = x!.dims.map(() => 1)
  const dims = [...x!.dims]
  axes.forEach((given, index) => {
    const axis = wrap(given, x!.dims.length)
    const length = x!.dims[axis]!
    step[axis] = stepsGiven ? stepsGiven.data[index]! : 1
    const bound = (value: number) => {
      const at = value < 0 ? value + length : value
      return step[axis]! > 0 ? Math.min(Math.max(at, 0), length) : Math.min(Math.max(at, -1), length - 1)
    }
    from[axis] = bound(starts!.data[index]!)
    dims[axis] = Math.max(0, Math.ceil((bound(ends!.data[index]!) - from[axis]!) / step[axis]!))
  })
  return made(
    dims,
    (position) =>
      x!.data[
        flatAt(
          position.map((index, axis) => from[axis]! + index * step[axis]!),
          x!.dims,
        )
      ]!,
  )
}

function concat(parts: readonly Numbers[], given: number): Numbers {
  const rank = parts[0]!.dims.length
  const axis = wrap(given, rank)
  const sizes = parts.map((part) => part.dims[axis]!)
  const dims = parts[0]!.dims.map((each, at) => (at === axis ? total(sizes) : each))
  return made(dims, (position) => {
    let index = position[axis]!
    let part = 0
    while (index >= sizes[part]!) index -= sizes[part++]!
    return parts[part]!.data[
      flatAt(
        position.map((each, at) => (at === axis ? index : each)),
        parts[part]!.dims,
      )
    ]!
  })
}

function gather(call: Call): Numbers {
  const [x, indices] = call.inputs
  const axis = wrap(int(call, "axis", 0), x!.dims.length)
  const count = indices!.dims.length
  const dims = [...x!.dims.slice(0, axis), ...indices!.dims, ...x!.dims.slice(axis + 1)]
  return made(dims, (position) => {
    const picked = indices!.data[flatAt(position.slice(axis, axis + count), indices!.dims)]!
    const at = [...position.slice(0, axis), wrap(picked, x!.dims[axis]!), ...position.slice(axis + count)]
    return x!.data[flatAt(at, x!.dims)]!
  })
}

/** Where each update of a ScatterElements or GatherElements lies in the data. */
function elementPlaces(indices: Numbers, dims: readonly number[], given: number): number[] {
  const axis = wrap(given, dims.length)
  const places: number[] = []
  each(indices.dims, (position, flat) => {
    const index = wrap(indices.data[flat]!, dims[axis]!)
    places.push(
      flatAt(
        position.map((each, at) => (at === axis ? index : each)),
        dims,
      ),
    )
  })
  return places
}

/** Where each slice of a ScatterND or GatherND begins. */
function slicePlaces(indices: Numbers, dims: readonly number[]): { begins: number[]; inner: readonly number[] } {
  const depth = indices.dims.at(-1)!
  const step = strides(dims)
  const begins = Array.from({ length: indices.data.length / depth }, (_, row) =>
    total(Array.from({ length: depth }, (_, at) => wrap(indices.data[row * depth + at]!, dims[at]!) * step[at]!)),
  )
  return { begins, inner: dims.slice(depth) }
}

function scattered(call: Call, places: readonly number[]): Numbers {
  const [x, , updates] = call.inputs
  const data = x!.data.slice()
  const adds = text(call, "reduction", "none") === "add"
  places.forEach((place, index) => {
    data[place] = updates!.data[index]! + (adds ? data[place]! : 0)
  })
  return { dims: x!.dims, data }
}

function einsum(call: Call): Numbers {
  const [left, arrow] = text(call, "equation", "").replaceAll(" ", "").split("->") as [string, string?]
  const terms = left.split(",")
  const labels = [...terms.join("")]
  const right =
    arrow ??
    labels
      .filter((label) => labels.indexOf(label) === labels.lastIndexOf(label))
      .sort()
      .join("")
  const sizes = new Map<string, number>()
  terms.forEach((term, index) => {
    for (const [axis, label] of [...term].entries()) sizes.set(label, call.inputs[index]!.dims[axis]!)
  })
  const inner = [...sizes.keys()].filter((label) => !right.includes(label))
  return made(
    [...right].map((label) => sizes.get(label)!),
    (position) => {
      let sum = 0
      each(
        inner.map((label) => sizes.get(label)!),
        (rest) => {
          const at = (label: string) =>
            right.includes(label) ? position[right.indexOf(label)]! : rest[inner.indexOf(label)]!
          sum += terms.reduce((product, term, index) => {
            const { dims, data } = call.inputs[index]!
            return product * data[flatAt([...term].map(at), dims)]!
          }, 1)
        },
      )
      return sum
    },
  )
}

function pad(call: Call): Numbers {
  const [x, pads, value, axesGiven] = call.inputs
  const rank = x!.dims.length
  const axes = list(axesGiven)?.map((axis) => wrap(axis, rank)) ?? x!.dims.map((_, axis) => axis)
  const before = x!.dims.map((_, axis) => (axes.includes(axis) ? pads!.data[axes.indexOf(axis)]! : 0))
  const after = x!.dims.map((_, axis) => (axes.includes(axis) ? pads!.data[axes.length + axes.indexOf(axis)]! : 0))
  return made(
    x!.dims.map((each, axis) => each + before[axis]! + after[axis]!),
    (position) => {
      const at = position.map((index, axis) => index - before[axis]!)
      const inside = at.every((index, axis) => index >= 0 && index < x!.dims[axis]!)
      return inside ? x!.data[flatAt(at, x!.dims)]! : (value?.data[0] ?? 0)
    },
  )
}

function topK(call: Call): Numbers[] {
  const [x, count] = call.inputs
  const axis = wrap(int(call, "axis", -1), x!.dims.length)
  const k = count!.data[0]!
  const order = alongAxis(x!, axis, (line) =>
    line.map((_, index) => index).sort((a, b) => line[b]! - line[a]! || a - b),
  )
  const dims = x!.dims.map((each, at) => (at === axis ? k : each))
  const indices = made(dims, (position) => order.data[flatAt(position, x!.dims)]!)
  const places = elementPlaces(indices, x!.dims, axis)
  return [
    numbers(
      dims,
      places.map((place) => x!.data[place]!),
    ),
    indices,
  ]
}

function loop(call: Call): Numbers[] {
  const body = call.node.attributes.body
  if (body?.kind !== "graph") throw new Error("a Loop without a body")
  const [trips, , ...initial] = call.inputs
  let state = initial as Numbers[]
  const scans: Numbers[][] = []
  for (let trip = 0; trip < (trips?.data[0] ?? 0); trip++) {
    const feeds = [numbers([], [trip]), numbers([], [1]), ...state]
    const scope = new Map(call.scope)
    body.value.inputs.forEach(({ name }, index) => {
      scope.set(name, feeds[index]!)
    })
    const results = evaluate(body.value, scope).slice(1)
    state = results.slice(0, state.length)
    results.slice(state.length).forEach((result, index) => {
      ;(scans[index] ??= []).push({ dims: [1, ...result.dims], data: result.data })
    })
  }
  return [...state, ...scans.map((parts) => concat(parts, 0))]
}

const constantLike = (dims: readonly number[], call: Call) => {
  const value = call.node.attributes.value
  return fill(dims, value?.kind === "tensor" ? tensorNumbers(value.value).data[0]! : 0)
}

const compare = (test: (a: number, b: number) => boolean) => nary((a, b) => Number(test(a!, b!)))

const operators: Readonly<Record<string, Operator>> = {
  Add: nary((a, b) => a! + b!),
  Sub: nary((a, b) => a! - b!),
  Mul: nary((a, b) => a! * b!),
  // Sizes divide without rest wherever graphs divide them.
  Div: nary((a, b) => a! / b!),
  Pow: nary((a, b) => a! ** b!),
  Min: nary(Math.min),
  Max: nary(Math.max),
  Sum: nary((...values) => total(values)),
  Mean: nary((...values) => total(values) / values.length),
  PRelu: nary((x, slope) => (x! > 0 ? x! : x! * slope!)),
  Where: nary((condition, x, y) => (condition ? x! : y!)),
  Equal: compare((a, b) => a === b),
  Greater: compare((a, b) => a > b),
  GreaterOrEqual: compare((a, b) => a >= b),
  Less: compare((a, b) => a < b),
  LessOrEqual: compare((a, b) => a <= b),
  And: compare((a, b) => a !== 0 && b !== 0),
  Or: compare((a, b) => a !== 0 || b !== 0),
  Not: unary((value) => Number(value === 0)),
  Neg: unary((value) => -value),
  Abs: unary(Math.abs),
  Sign: unary(Math.sign),
  Floor: unary(Math.floor),
  Sqrt: unary(Math.sqrt),
  Reciprocal: unary((value) => 1 / value),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Erf: unary(erf),
  Cos: unary(Math.cos),
  Sin: unary(Math.sin),
  Tanh: unary(Math.tanh),
  Sigmoid: unary(sigmoid),
  Softplus: unary((value) => Math.log1p(Math.exp(value))),
  Relu: unary((value) => Math.max(0, value)),
  LeakyRelu: unary((value, call) => (value > 0 ? value : value * float(call, "alpha", 0.01))),
  Elu: unary((value, call) => (value > 0 ? value : float(call, "alpha", 1) * Math.expm1(value))),
  HardSigmoid: unary((value, call) =>
    Math.min(1, Math.max(0, float(call, "alpha", 0.2) * value + float(call, "beta", 0.5))),
  ),
  Gelu: unary((value, call) => (text(call, "approximate", "none") === "tanh" ? geluTanh(value) : gelu(value))),
  QuickGelu: unary((value, call) => value * sigmoid(float(call, "alpha", 1.702) * value)),
  Clip: ({ inputs: [x, low, high] }) => [
    map(x!, (value) => Math.min(high?.data[0] ?? Infinity, Math.max(low?.data[0] ?? -Infinity, value))),
  ],
  Identity: ({ inputs: [x] }) => [x!],
  Dropout: ({ inputs: [x] }) => [x!],
  Cast: (call) => {
    const to = int(call, "to", 1)
    return [
      map(call.inputs[0]!, (value) =>
        to === 9 ? Number(value !== 0) : [1, 10, 11, 16].includes(to) ? value : Math.trunc(value),
      ),
    ]
  },
  ReduceSum: reducer(total),
  ReduceMean: reducer((values) => total(values) / values.length),
  ReduceMax: reducer((values) => Math.max(...values)),
  ReduceMin: reducer((values) => Math.min(...values)),
  ReduceProd: reducer((values) => values.reduce((product, value) => product * value, 1)),
  ReduceL1: reducer((values) => total(values.map(Math.abs))),
  ReduceL2: reducer((values) => Math.hypot(...values)),
  ReduceSumSquare: reducer((values) => total(values.map((value) => value * value))),
  ReduceLogSum: reducer((values) => Math.log(total(values))),
  ReduceLogSumExp: reducer((values) => Math.log(total(values.map(Math.exp)))),
  MatMul: ({ inputs: [a, b] }) => [matMul(a!, b!)],
  Gemm: (call) => [gemm(call)],
  Einsum: (call) => [einsum(call)],
  Softmax: (call) => [alongAxis(call.inputs[0]!, int(call, "axis", -1), softmaxOf)],
  LogSoftmax: (call) => [alongAxis(call.inputs[0]!, int(call, "axis", -1), (line) => softmaxOf(line).map(Math.log))],
  LayerNormalization: norm(true),
  SimplifiedLayerNormalization: norm(false),
  Transpose: (call) => [transpose(call.inputs[0]!, ints(call, "perm"))],
  Reshape: (call) => [reshape(call)],
  Flatten: (call) => {
    const { dims, data } = call.inputs[0]!
    const axis = wrap(int(call, "axis", 1), dims.length)
    return [numbers([size(dims.slice(0, axis)), size(dims.slice(axis))], data)]
  },
  Squeeze: ({ inputs: [x, axes] }) => {
    const gone = list(axes)?.map((axis) => wrap(axis, x!.dims.length))
    return [
      numbers(
        x!.dims.filter((each, axis) => (gone ? !gone.includes(axis) : each !== 1)),
        x!.data,
      ),
    ]
  },
  Unsqueeze: ({ inputs: [x, axes] }) => {
    const dims = [...x!.dims]
    const rank = dims.length + axes!.data.length
    for (const axis of [...axes!.data].map((each) => wrap(each, rank)).sort((a, b) => a - b)) dims.splice(axis, 0, 1)
    return [numbers(dims, x!.data)]
  },
  Expand: ({ inputs: [x, target] }) => {
    const dims = broadcastDims(x!.dims, list(target)!)
    return [made(dims, (position) => repeated(x!, position))]
  },
  Tile: ({ inputs: [x, repeats] }) => [
    made(
      x!.dims.map((each, axis) => each * repeats!.data[axis]!),
      (position) =>
        x!.data[
          flatAt(
            position.map((index, axis) => index % x!.dims[axis]!),
            x!.dims,
          )
        ]!,
    ),
  ],
  Concat: (call) => [concat(call.inputs as Numbers[], int(call, "axis", 0))],
  Split: (call) => {
    const [x, given] = call.inputs
    const axis = wrap(int(call, "axis", 0), x!.dims.length)
    const count = call.node.outputs.length
    const even = Math.ceil(x!.dims[axis]! / count)
    const sizes = list(given) ?? Array.from({ length: count }, (_, at) => Math.min(even, x!.dims[axis]! - even * at))
    let from = 0
    return sizes.map((each) => {
      const begin = from
      from += each
      return made(
        x!.dims.map((length, at) => (at === axis ? each : length)),
        (position) =>
          x!.data[
            flatAt(
              position.map((index, at) => (at === axis ? index + begin : index)),
              x!.dims,
            )
          ]!,
      )
    })
  },
  Slice: (call) => [slice(call)],
  Pad: (call) => [pad(call)],
  Gather: (call) => [gather(call)],
  GatherElements: (call) => {
    const [x, indices] = call.inputs
    return [
      numbers(
        indices!.dims,
        elementPlaces(indices!, x!.dims, int(call, "axis", 0)).map((place) => x!.data[place]!),
      ),
    ]
  },
  ScatterElements: (call) => [
    scattered(call, elementPlaces(call.inputs[1]!, call.inputs[0]!.dims, int(call, "axis", 0))),
  ],
  GatherND: ({ inputs: [x, indices] }) => {
    const { begins, inner } = slicePlaces(indices!, x!.dims)
    const length = size(inner)
    const data = begins.flatMap((begin) => [...x!.data.slice(begin, begin + length)])
    return [numbers([...indices!.dims.slice(0, -1), ...inner], data)]
  },
  ScatterND: (call) => {
    const { begins, inner } = slicePlaces(call.inputs[1]!, call.inputs[0]!.dims)
    const length = size(inner)
    return [
      scattered(
        call,
        begins.flatMap((begin) => Array.from({ length }, (_, at) => begin + at)),
      ),
    ]
  },
  TopK: topK,
  CumSum: (call) => {
    const [x, axis] = call.inputs
    const [exclusive, reverse] = [int(call, "exclusive", 0) === 1, int(call, "reverse", 0) === 1]
    return [
      alongAxis(x!, axis!.data[0]!, (line) => {
        const values = reverse ? [...line].reverse() : line
        let sum = 0
        const sums = values.map((value) => {
          sum += value
          return exclusive ? sum - value : sum
        })
        return reverse ? sums.reverse() : sums
      }),
    ]
  },
  Trilu: (call) => {
    const [x, k] = call.inputs
    const upper = int(call, "upper", 1) === 1
    const diagonal = k?.data[0] ?? 0
    return [
      made(x!.dims, (position) => {
        const away = position.at(-1)! - position.at(-2)! - diagonal
        return (upper ? away >= 0 : away <= 0) ? x!.data[flatAt(position, x!.dims)]! : 0
      }),
    ]
  },
  Shape: (call) => {
    const { dims } = call.inputs[0]!
    const part = dims.slice(int(call, "start", 0), int(call, "end", dims.length))
    return [numbers([part.length], part)]
  },
  Constant: (call) => {
    const list = ints(call, "value_ints") ?? []
    return [numbers([list.length], list)]
  },
  Size: ({ inputs: [x] }) => [numbers([], [x!.data.length])],
  ConstantOfShape: (call) => [constantLike(list(call.inputs[0]!)!, call)],
  Range: ({ inputs: [start, limit, delta] }) => {
    const [from, to, step] = [start!.data[0]!, limit!.data[0]!, delta!.data[0]!]
    const count = Math.max(0, Math.ceil((to - from) / step))
    return [
      numbers(
        [count],
        Array.from({ length: count }, (_, index) => from + index * step),
      ),
    ]
  },
  NonZero: ({ inputs: [x] }) => {
    const found: number[][] = []
    each(x!.dims, (position, flat) => {
      if (x!.data[flat] !== 0) found.push([...position])
    })
    const rank = x!.dims.length
    return [
      numbers([rank, found.length], Array.from({ length: rank }, (_, axis) => found.map((at) => at[axis]!)).flat()),
    ]
  },
  DequantizeLinear: (call) => {
    const [x, scale, zero] = call.inputs
    const axis = wrap(int(call, "axis", 1), x!.dims.length)
    const block = int(call, "block_size", 0)
    const at = (tensor: Numbers, position: readonly number[]) => {
      if (tensor.dims.length === 0) return tensor.data[0]!
      if (tensor.dims.length === 1 && block === 0) return tensor.data[position[axis]!]!
      return tensor.data[
        flatAt(
          position.map((each, index) => (index === axis ? Math.floor(each / block) : each)),
          tensor.dims,
        )
      ]!
    }
    return [
      made(
        x!.dims,
        (position) => (x!.data[flatAt(position, x!.dims)]! - (zero ? at(zero, position) : 0)) * at(scale!, position),
      ),
    ]
  },
  Loop: loop,
}

/** The numbers of a constant. */
export function tensorNumbers({ type, dims, data }: Initializer): Numbers {
  if (!(data instanceof Uint8Array)) throw new Error("only constants inside the graph can be evaluated")
  const { buffer } = new Uint8Array(data)
  const count = size(dims)
  const nibbles = () => Array.from({ length: count }, (_, index) => (data[index >> 1]! >> (4 * (index & 1))) & 15)
  const read: Readonly<Record<string, () => ArrayLike<number>>> = {
    float32: () => new Float32Array(buffer),
    float64: () => new Float64Array(buffer),
    float16: () => Array.from(new Uint16Array(buffer), fromHalf),
    int64: () => Array.from(new BigInt64Array(buffer), Number),
    int32: () => new Int32Array(buffer),
    int8: () => new Int8Array(buffer),
    uint8: () => new Uint8Array(buffer),
    bool: () => new Uint8Array(buffer),
    uint4: nibbles,
  }
  const reader = read[type]
  if (!reader) throw new Error(`constants of ${type} cannot be evaluated`)
  return numbers(dims, reader())
}

/** The outputs of a graph; `scope` holds its inputs, and whatever else it may read. */
export function evaluate(graph: Graph, scope: ReadonlyMap<string, Numbers>): Numbers[] {
  const values = new Map(scope)
  for (const initializer of graph.initializers) values.set(initializer.name, tensorNumbers(initializer))
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      if (name !== "" && !values.has(name)) throw new Error(`${node.name} reads ${name}, which nobody has written`)
      return values.get(name)
    })
    const operator = operators[node.op]
    if (!operator) throw new Error(`the interpreter does not know ${node.op}`)
    const results = operator({ node, inputs, scope: values })
    node.outputs.forEach((name, index) => {
      if (name !== "") values.set(name, results[index]!)
    })
  }
  return graph.outputs.map(({ name }) => values.get(name)!)
}
