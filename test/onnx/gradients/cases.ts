/** At least one function for each operator with a gradient rule. */
import type { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Value } from "../../../src/onnx/ir.js"
import type { Case, Variable } from "./check.js"

const x: Variable = { dims: [2, 3, 4] }
/** Away from kinks and poles. */
const away: Variable = { ...x, from: (normal) => normal + Math.sign(normal) * 0.2 }
const above: Variable = { ...x, from: (normal) => Math.abs(normal) + 0.3 }
const named: Variable = { ...x, shape: ["batch", "length", 4] }
const unknown: Variable = { ...x, shape: [null, null, null] }

type Inputs = Readonly<Record<string, Value>>

const one = (variable: Variable, write: (graph: GraphBuilder, x: Value) => Value | readonly Value[]): Case => ({
  variables: { x: variable },
  write: (graph, { x }) => write(graph, x!),
})
const two = (a: Variable, b: Variable, write: (graph: GraphBuilder, a: Value, b: Value) => Value): Case => ({
  variables: { a, b },
  write: (graph, { a, b }) => write(graph, a!, b!),
})
const plain = (op: string, variable = x, attributes = {}) => one(variable, (graph, x) => graph.op(op, [x], attributes))

const row: Variable = { dims: [4] }
const column: Variable = { dims: [3, 1] }
const aboveColumn: Variable = { ...column, from: above.from! }
const ids = (dims: number[], fixed: number[]): Variable => ({ dims, fixed, type: "int64" })

const reduce = (op: string, variable = x): Case[] => [
  one(variable, (graph, x) => graph.op(op, [x, graph.constant([1], "int64")])),
  one({ ...variable, shape: ["batch", "length", 4] }, (graph, x) =>
    graph.op(op, [x, graph.constant([-1, 0], "int64")], { keepdims: 0 }),
  ),
  one(variable, (graph, x) => graph.op(op, [x], { keepdims: 0 })),
  one(variable, (graph, x) => graph.op(op, [x, graph.constant([], "int64")], { noop_with_empty_axes: 1 })),
]

const condition: Variable = { dims: [2, 3, 1], fixed: [1, 0, 1, 0, 0, 1], type: "bool" }

export const cases: Readonly<Record<string, readonly Case[]>> = {
  Neg: [plain("Neg")],
  Abs: [plain("Abs", away)],
  Sqrt: [plain("Sqrt", above)],
  Reciprocal: [plain("Reciprocal", above)],
  Exp: [plain("Exp")],
  Log: [plain("Log", above)],
  Erf: [plain("Erf")],
  Cos: [plain("Cos")],
  Sin: [plain("Sin")],
  Tanh: [plain("Tanh")],
  Sigmoid: [plain("Sigmoid")],
  Softplus: [plain("Softplus")],
  Relu: [plain("Relu", away)],
  LeakyRelu: [plain("LeakyRelu", away, { alpha: 0.1 })],
  Elu: [plain("Elu", away, { alpha: 1.5 })],
  HardSigmoid: [plain("HardSigmoid", away, { alpha: 0.3, beta: 0.4 })],
  Gelu: [plain("Gelu"), plain("Gelu", x, { approximate: "tanh" })],
  QuickGelu: [one(x, (graph, x) => graph.op("QuickGelu", [x], { alpha: 1.5 }, { domain: "com.microsoft" }))],
  Clip: [one(away, (graph, x) => graph.clip(x, -0.1, 0.7)), one(away, (graph, x) => graph.clip(x, undefined, 0.9))],
  Add: [
    two(x, row, (graph, a, b) => graph.add(a, b)),
    two(named, { ...column, shape: ["length", 1] }, (graph, a, b) => graph.add(a, b)),
    two(unknown, { ...row, shape: [null] }, (graph, a, b) => graph.add(a, b)),
    one(x, (graph, x) => graph.add(x, x)),
  ],
  Sum: [
    {
      variables: { x, row, column },
      write: (graph, { x, row, column }) => graph.op("Sum", [x, row, column]),
    },
  ],
  Mean: [{ variables: { x, row }, write: (graph, { x, row }) => graph.op("Mean", [x, row, x]) }],
  Sub: [two(row, x, (graph, a, b) => graph.sub(a, b))],
  Mul: [two(x, column, (graph, a, b) => graph.mul(a, b)), one(x, (graph, x) => graph.mul(x, x))],
  Div: [two(x, aboveColumn, (graph, a, b) => graph.div(a, b)), two(row, above, (graph, a, b) => graph.div(a, b))],
  Pow: [
    two(above, column, (graph, a, b) => graph.pow(a, b)),
    one(away, (graph, x) => graph.pow(x, 3)),
    one(x, (graph, x) => graph.pow(x, 2)),
  ],
  Min: [
    two(x, row, (graph, a, b) => graph.min(a, b)),
    { variables: { x, row, column }, write: (graph, { x, row, column }) => graph.op("Min", [x, row, column]) },
  ],
  Max: [two(x, column, (graph, a, b) => graph.max(a, b)), one(away, (graph, x) => graph.max(x, 0))],
  PRelu: [two(away, row, (graph, a, b) => graph.op("PRelu", [a, b]))],
  Where: [
    {
      variables: { condition, x, row },
      write: (graph, { condition, x, row }) => graph.where(condition!, x!, row!),
    },
    {
      variables: { condition, column },
      write: (graph, { condition, column }) => graph.where(condition!, column!, -1e3),
    },
  ],

  MatMul: [
    two(x, { dims: [4, 5] }, (graph, a, b) => graph.matMul(a, b)),
    two(named, { dims: [4, 5] }, (graph, a, b) => graph.matMul(a, b)),
    two(unknown, { dims: [4, 5], shape: [null, null] }, (graph, a, b) => graph.matMul(a, b)),
    two({ dims: [2, 1, 3, 4] }, { dims: [5, 4, 2] }, (graph, a, b) => graph.matMul(a, b)),
    two({ dims: [4] }, { dims: [2, 4, 3] }, (graph, a, b) => graph.matMul(a, b)),
    two({ dims: [2, 3, 4] }, { dims: [4] }, (graph, a, b) => graph.matMul(a, b)),
    two({ dims: [4] }, { dims: [4] }, (graph, a, b) => graph.matMul(a, b)),
    two({ dims: [3, 4] }, { dims: [2, 4, 3] }, (graph, a, b) => graph.matMul(a, b)),
  ],
  Gemm: [0, 1, 2, 3].map((flips) => {
    const [transA, transB] = [(flips & 1) === 1, (flips & 2) === 2]
    return {
      variables: {
        a: { dims: transA ? [4, 3] : [3, 4] },
        b: { dims: transB ? [5, 4] : [4, 5] },
        c: { dims: flips === 0 ? [5] : [3, 1] },
      },
      write: (graph: GraphBuilder, { a, b, c }: Inputs) =>
        graph.gemm(a!, b!, c!, { alpha: 0.7, beta: 1.3, transA, transB }),
    }
  }),
  Einsum: [
    two(x, { dims: [5, 4] }, (graph, a, b) => graph.op("Einsum", [a, b], { equation: "bld,kd->blk" })),
    two({ dims: [2, 3] }, { dims: [3, 4] }, (graph, a, b) => graph.op("Einsum", [a, b], { equation: "ij,jk->k" })),
    two({ dims: [3] }, { dims: [4] }, (graph, a, b) => graph.op("Einsum", [a, b], { equation: "i,j" })),
  ],

  ReduceSum: reduce("ReduceSum"),
  ReduceMean: reduce("ReduceMean"),
  ReduceMax: reduce("ReduceMax"),
  ReduceMin: reduce("ReduceMin"),
  ReduceL1: reduce("ReduceL1", away),
  ReduceL2: reduce("ReduceL2", away),
  ReduceSumSquare: reduce("ReduceSumSquare"),
  ReduceLogSum: reduce("ReduceLogSum", above),
  ReduceLogSumExp: reduce("ReduceLogSumExp"),

  Softmax: [one(x, (graph, x) => graph.softmax(x)), one(x, (graph, x) => graph.softmax(x, 1))],
  LogSoftmax: [one(x, (graph, x) => graph.logSoftmax(x)), one(x, (graph, x) => graph.logSoftmax(x, 0))],
  LayerNormalization: [
    {
      variables: { x, row, bias: row },
      write: (graph, { x, row, bias }) => graph.layerNorm(x!, row!, bias!, 1e-3),
    },
    { variables: { x: named, row }, write: (graph, { x, row }) => graph.layerNorm(x!, row!) },
    {
      variables: { x, scale: { dims: [3, 4] }, bias: { dims: [3, 4] } },
      write: (graph, { x, scale, bias }) => graph.layerNorm(x!, scale!, bias!, 1e-3, 1),
    },
  ],
  SimplifiedLayerNormalization: [
    two(x, row, (graph, x, scale) => graph.op("SimplifiedLayerNormalization", [x, scale], { axis: -1, epsilon: 1e-3 })),
  ],

  Gather: [
    { variables: { x, ids: ids([2, 2], [2, 0, 2, -1]) }, write: (graph, { x, ids }) => graph.gather(x!, ids!, 1) },
    {
      variables: { x: named, ids: { ...ids([3], [1, 1, 0]), shape: ["picked"] } },
      write: (graph, { x, ids }) => graph.gather(x!, ids!, 0),
    },
    { variables: { x: named, ids: ids([], [3]) }, write: (graph, { x, ids }) => graph.gather(x!, ids!, -1) },
    {
      variables: { row, ids: ids([2, 3], [0, 3, 3, 3, 1, 0]) },
      write: (graph, { row, ids }) => graph.gather(row!, ids!),
    },
  ],
  GatherElements: [
    {
      variables: { x: { dims: [3, 4] }, ids: ids([2, 4], [0, 2, 2, 1, 0, 2, 0, 1]) },
      write: (graph, { x, ids }) => graph.gatherElements(x!, ids!),
    },
  ],
  GatherND: [
    {
      variables: { x, ids: ids([3, 2], [0, 1, 1, 2, 0, 1]) },
      write: (graph, { x, ids }) => graph.op("GatherND", [x, ids]),
    },
  ],
  ScatterND: ["none", "add"].map((reduction) => ({
    variables: { x, ids: ids([2, 2], [0, 1, 1, 2]), updates: { dims: [2, 4] } },
    write: (graph: GraphBuilder, { x, ids, updates }: Inputs) =>
      graph.op("ScatterND", [x, ids, updates], { reduction }),
  })),
  ScatterElements: ["none", "add"].map((reduction) => ({
    variables: { x: { dims: [3, 4] }, ids: ids([1, 4], [0, 2, 1, 0]), updates: { dims: [1, 4] } },
    write: (graph: GraphBuilder, { x, ids, updates }: Inputs) =>
      graph.op("ScatterElements", [x, ids, updates], { axis: 0, reduction }),
  })),
  TopK: [one(x, (graph, x) => graph.topK(x, 2)[0])],
  Slice: [
    one(x, (graph, x) => graph.slice(x, [1], [-1], [2])),
    one(named, (graph, x) => graph.slice(x, [0, -2], [1, 9], [1, 2])),
    one(named, (graph, x) => graph.slice(x, [-2, 1], [2, 9], [1, 2])),
    one(named, (graph, x) => graph.slice(x, [3, 0], [-9, 3], [2, 1], [-2, 2])),
    {
      variables: { x: named, from: ids([2], [1, 0]) },
      write: (graph, { x, from }) => graph.slice(x!, from!, [3, 2], [1, -1]),
    },
  ],

  Reshape: [
    one(x, (graph, x) => graph.reshape(x, [0, -1])),
    one(named, (graph, x) => graph.reshape(x, [-1, 4])),
    one(named, (graph, x) => graph.reshape(x, [0, 0, 2, 2])),
    one(unknown, (graph, x) => graph.reshape(x, [-1, 2])),
  ],
  Flatten: [one(named, (graph, x) => graph.op("Flatten", [x], { axis: 2 }))],
  Squeeze: [one({ dims: [2, 1, 3], shape: ["batch", 1, "length"] }, (graph, x) => graph.squeeze(x, [1]))],
  Unsqueeze: [one(named, (graph, x) => graph.unsqueeze(x, [0, -1]))],
  Transpose: [one(x, (graph, x) => graph.transpose(x)), one(named, (graph, x) => graph.transpose(x, [2, 0, 1]))],
  Expand: [
    one(column, (graph, x) => graph.expand(x, [2, 3, 4])),
    {
      variables: { column, x: { ...named, fixed: Array(24).fill(0) } },
      write: (graph, { column, x }) => graph.expand(column!, graph.shape(x!)),
    },
  ],
  Tile: [one(named, (graph, x) => graph.op("Tile", [x, graph.constant([2, 1, 3], "int64")]))],
  Concat: [
    two(x, { dims: [2, 2, 4] }, (graph, a, b) => graph.concat([a, b], 1)),
    two(named, { dims: [2, 2, 4], shape: ["batch", "other", 4] }, (graph, a, b) => graph.concat([b, a, b], 1)),
  ],
  Split: [one(x, (graph, x) => graph.split(x, [1, 3], 2)), one(named, (graph, x) => graph.split(x, 2, -1)[1]!)],
  Identity: [one(x, (graph, x) => graph.identity(x))],
  Cast: [one(x, (graph, x) => graph.cast(graph.cast(x, "float64"), "float32"))],
  CastLike: [],
  Dropout: [plain("Dropout")],
  CumSum: [
    one(x, (graph, x) => graph.cumSum(x, 1)),
    one(x, (graph, x) => graph.op("CumSum", [x, graph.constant(-1, "int64")], { exclusive: 1, reverse: 1 })),
  ],
  Trilu: [one(x, (graph, x) => graph.op("Trilu", [x], { upper: 0 })), plain("Trilu")],
  Pad: [
    one(x, (graph, x) => graph.op("Pad", [x, graph.constant([0, 1, 0, 2, 0, 1], "int64")])),
    one(named, (graph, x) =>
      graph.op("Pad", [x, graph.constant([1, 2], "int64"), graph.constant(3), graph.constant([-2], "int64")]),
    ),
  ],
}
