import { afterAll, describe, expect, it } from "vitest"
import { GraphBuilder } from "../../src/onnx/graph.js"
import type { Value } from "../../src/onnx/ir.js"
import { WorkerPool } from "../../src/onnx/pool.js"
import { createSession } from "../../src/onnx/session.js"
import { tensor } from "../../src/onnx/tensor.js"
import { runtime } from "./helpers.js"

describe("shapes and types while a graph is written", () => {
  const graph = new GraphBuilder("shapes")
  const x = graph.input("x", "float32", ["batch", 12, 8])
  const w = graph.input("w", "float32", [8, 5])

  it("follow products and broadcasting", () => {
    expect(graph.matMul(x, w)).toMatchObject({ type: "float32", shape: ["batch", 12, 5] })
    expect(graph.add(x, graph.constant([1, 2, 3, 4, 5, 6, 7, 8])).shape).toEqual(["batch", 12, 8])
    expect(() => graph.matMul(x, x)).toThrow(/inner sizes/)
    expect(() => graph.add(x, w)).toThrow(/broadcast/)
  })

  it("say nothing about two names that may be the same size", () => {
    const y = graph.input("y", "float32", ["other", 1, 8])
    expect(graph.mul(x, y).shape).toEqual([null, 12, 8])
  })

  it("refuse a name twice, a ragged constant, bytes that do not fit and a graph without output", () => {
    expect(() => graph.input("x", "float32", [1])).toThrow(/already/)
    expect(() => graph.constant([[1, 2], [3]])).toThrow(/equally long/)
    expect(() => graph.constant([[1, 2], [3], [4, 5, 6]])).toThrow(/equally long/)
    expect(graph.constant([[], []]).shape).toEqual([2, 0])
    expect(() => graph.initializer("short", "float32", [2], new Uint8Array(7))).toThrow(/takes 8/)
    expect(() => new GraphBuilder("empty").toModel()).toThrow(/no output/)
    expect(() => graph.mul(graph.input("i", "int64", [1]), 0.5)).toThrow(/cast/)
  })

  it("write equal small constants once", () => {
    const before = graph.graph.initializers.length
    const [a, b, c] = [graph.constant([4, 5], "int64"), graph.constant([4n, 5n]), graph.constant([4, 5])]
    expect(a).toBe(b)
    expect(c).not.toBe(a)
    expect(graph.graph.initializers.length).toBe(before + 2)
  })
})

/** Every helper once, with known sizes; x is [2, 3, 4], rows [2, 3], ids [5] of int64, flags [2, 3] of bool. */
function outputsOfAll(graph: GraphBuilder, symbolic: boolean): Record<string, Value> {
  const batch = symbolic ? "batch" : 2
  const x = graph.input("x", "float32", [batch, 3, 4])
  const rows = graph.input("rows", "float32", [batch, 3])
  const ids = graph.input("ids", "int64", [symbolic ? "ids" : 5])
  const flags = graph.input("flags", "bool", [batch, 3])
  const weight = graph.constant([
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ])
  const scale = graph.constant([1, 1, 1, 1])
  const parts = graph.split(x, [1, 3], 2)
  const halves = graph.split(x, 2, -1)
  const [top, where] = graph.topK(x, 2)
  const [quantised, quantum, zero] = graph.op("DynamicQuantizeLinear", [x], {}, { outputs: 3 })
  return {
    sub: graph.sub(x, 1),
    div: graph.div(1, x),
    pow: graph.pow(x, 2),
    min: graph.min(x, 0),
    max: graph.max(x, 0),
    neg: graph.neg(x),
    abs: graph.abs(x),
    sqrt: graph.sqrt(x),
    reciprocal: graph.reciprocal(x),
    exp: graph.exp(x),
    log: graph.log(x),
    erf: graph.erf(x),
    cos: graph.cos(x),
    sin: graph.sin(x),
    tanh: graph.tanh(x),
    relu: graph.relu(x),
    sigmoid: graph.sigmoid(x),
    gelu: graph.gelu(x),
    softmax: graph.softmax(x),
    logSoftmax: graph.logSoftmax(x, 1),
    layerNorm: graph.layerNorm(x, scale, scale),
    matMul: graph.matMul(x, graph.transpose(weight)),
    vector: graph.matMul(x, scale),
    gemm: graph.gemm(
      rows,
      graph.constant([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      undefined,
      { transA: false, transB: false, alpha: 2 },
    ),
    fused: graph.op("FusedMatMul", [x, weight], { transB: 1 }, { domain: "com.microsoft" }),
    equal: graph.equal(ids, 3),
    greater: graph.greater(x, 0),
    less: graph.less(x, 0),
    lessOrEqual: graph.lessOrEqual(x, 0),
    logic: graph.and(graph.or(flags, flags), graph.not(flags)),
    where: graph.where(flags, rows, 0),
    clip: graph.clip(x, 0, 1),
    floor: graph.clip(x, 0),
    mean: graph.reduceMean(x, [1]),
    sum: graph.reduceSum(x, [-1], false),
    maximum: graph.reduceMax(x, [1], false),
    minimum: graph.reduceMin(x),
    length: graph.reduceL2(x, [2]),
    argMax: graph.argMax(x, 1, false),
    top,
    topIndices: where,
    cumSum: graph.cumSum(x, 1),
    reshaped: graph.reshape(x, [0, -1]),
    heads: graph.reshape(x, [0, 0, 2, 2]),
    flat: graph.reshape(
      graph.constant([
        [1, 2],
        [3, 4],
      ]),
      [-1],
    ),
    rest: graph.reshape(rows, [-1, 3, 1]),
    transposed: graph.transpose(x, [0, 2, 1]),
    reversed: graph.transpose(x),
    unsqueezed: graph.unsqueeze(rows, [1, -1]),
    squeezed: graph.squeeze(graph.unsqueeze(rows, [0]), [0]),
    expanded: graph.expand(scale, [3, 4]),
    joined: graph.concat([x, x], 1),
    part: parts[1]!,
    half: halves[1]!,
    sliced: graph.slice(x, [1], [-1], [1]),
    stepped: graph.slice(x, [3], [-9], [2], [-2]),
    front: graph.slice(x, [0, 0], [1, 2]),
    gathered: graph.gather(scale, ids),
    rowsOf: graph.gather(x, graph.constant([0, 2], "int64"), 1),
    elements: graph.gatherElements(x, graph.cast(graph.constant([[[0, 1]]]), "int64"), 2),
    sizes: graph.shape(x),
    size: graph.shape(x, 1, 2),
    full: graph.full([2, 7], 3),
    filled: graph.full(graph.shape(x), 1),
    zeros: graph.op("ConstantOfShape", [graph.shape(rows)]),
    cast: graph.cast(x, "float16"),
    integer: graph.cast(x, "int32"),
    counted: graph.range(graph.constant(0, "int64"), graph.constant(4, "int64"), graph.constant(1, "int64")),
    quantised: quantised!,
    quantum: quantum!,
    zero: zero!,
  } // prettier-ignore
}

describe.skipIf(!runtime)("against what ONNX Runtime finds (onnxruntime-node)", () => {
  const pool = new WorkerPool()
  afterAll(() => pool[Symbol.asyncDispose]())

  it("types and shapes are the same wherever both know them, and right when the graph runs", async () => {
    for (const symbolic of [false, true]) {
      const graph = new GraphBuilder("all")
      const made = outputsOfAll(graph, symbolic)
      for (const [name, value] of Object.entries(made)) graph.output(value, `${name}.`)
      await using session = await createSession(graph.toModel(), { pool, device: "cpu", optimization: "none" })
      const results = await session.run({
        x: tensor(
          "float32",
          Float32Array.from({ length: 24 }, (_, index) => index - 8),
          [2, 3, 4],
        ),
        rows: tensor("float32", Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
        ids: tensor("int64", BigInt64Array.of(3n, 0n, 1n, 2n, 3n)),
        flags: tensor("bool", Uint8Array.of(1, 0, 1, 0, 1, 0), [2, 3]),
      })
      for (const [name, value] of Object.entries(made)) {
        const { type, dims } = results[`${name}.`]!
        expect(type, name).toBe(value.type)
        expect(value.shape, name).toHaveLength(dims.length)
        const bound: Record<string, number> = { batch: 2, ids: 5 }
        value.shape!.forEach((size, axis) => {
          if (size !== null)
            expect(typeof size === "string" ? bound[size] : size, `${name} axis ${axis}`).toBe(dims[axis])
          if (!symbolic && name !== "counted" && name !== "filled" && name !== "zeros")
            expect(size, `${name} axis ${axis}`).not.toBeNull()
        })
      }
      expect([...results["stepped."]!.data.slice(0, 2)]).toEqual([-5, -7])
      expect([...results["where."]!.data]).toEqual([1, 0, 3, 0, 5, 0])
    }
  })

  it("a graph inside a node sees the values around it", async () => {
    const graph = new GraphBuilder("chosen")
    const x = graph.input("x", "float32", ["n"])
    const flag = graph.input("flag", "bool", [])
    const branch = (name: string, factor: number) => {
      const body = graph.subgraph(name)
      body.output(body.mul(x, factor), `${name}.y`)
      return { kind: "graph" as const, value: body.graph }
    }
    const chosen = graph.op("If", [flag], { then_branch: branch("double", 2), else_branch: branch("negate", -1) }, {
      results: [{ type: "float32", shape: ["n"] }],
    } as const)
    graph.output(chosen, "y")
    await using session = await createSession(graph.toModel(), { pool, device: "cpu" })
    const run = async (flag: number) => {
      const { y } = await session.run({
        x: tensor("float32", Float32Array.of(1, 2)),
        flag: tensor("bool", Uint8Array.of(flag), []),
      })
      return [...y!.data]
    }
    expect([await run(1), await run(0)]).toEqual([
      [2, 4],
      [-1, -2],
    ])
  })
})
