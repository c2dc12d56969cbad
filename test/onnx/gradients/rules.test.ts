import { afterAll, describe, expect, it } from "vitest"
import { gradients } from "../../../src/onnx/gradients/index.js"
import { gradientRules } from "../../../src/onnx/gradients/table.js"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import { modelOf } from "../../../src/onnx/ir.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import { tensor } from "../../../src/onnx/tensor.js"
import { runtime } from "../helpers.js"
import { cases } from "./cases.js"
import { check, prepare } from "./check.js"
import { feedOf } from "./feeds.js"

/** Rules with tests of their own: of quantised operators, which are no smooth functions, and of chunked cross-entropy. */
const elsewhere = [
  "DequantizeLinear",
  "DynamicQuantizeLinear",
  "DynamicQuantizeMatMul",
  "LogProbabilities",
  "MatMulInteger",
  "MatMulIntegerToFloat",
  "MatMulNBits",
  "QuantizeLinear",
]
const all = Object.entries(cases).flatMap(([op, list]) =>
  list.map((each, index) => [`${op} ${index + 1}`, each] as const),
)

describe("gradient rules", () => {
  it("are all tested", () => {
    const missing = Object.keys(gradientRules).filter((op) => !(op in cases) && !elsewhere.includes(op))
    expect(missing).toEqual([])
  })

  it.each(all)("of %s agree with central differences", (_name, given) => {
    check(given)
  })
})

describe.skipIf(!runtime)("gradient graphs in ONNX Runtime (onnxruntime-node)", () => {
  const pool = new WorkerPool()
  afterAll(() => pool[Symbol.asyncDispose]())

  it.each(all)("of %s give the same numbers as in float64", async (_name, given) => {
    const { graph, feeds, results } = prepare(given, 2)
    await using session = await createSession(encodeModel(modelOf(graph)), { pool, device: "cpu", threads: 1 })
    const inputs = Object.fromEntries(graph.inputs.map(({ name, type }) => [name, feedOf(feeds.get(name)!, type!)]))
    const outputs = await session.run(inputs)
    for (const [name, expected] of results) {
      const found = outputs[name]!
      expect([...found.dims], name).toEqual(expected.dims)
      const scale = Math.max(1, ...expected.data.map(Math.abs))
      expected.data.forEach((value, index) => {
        expect(Math.abs(Number(found.data[index]) - value) / scale, `${name} at ${index}`).toBeLessThan(5e-5)
      })
    }
  })

  it("add what many threads pick from the same rows without losing any", async () => {
    const count = 40_000
    const graph = new GraphBuilder("picked often")
    const table = graph.input("table", "float32", [3, 8])
    const picked = graph.gather(table, graph.input("ids", "int64", ["picked"]))
    const byPlace = graph.op("GatherND", [table, graph.unsqueeze(graph.input("places", "int64", ["picked"]), [1])])
    graph.output(graph.reduceSum(graph.add(picked, byPlace), [0, 1], false), "loss")
    const made = gradients(graph.graph, "loss", ["table"])
    await using session = await createSession(encodeModel(modelOf(made.graph)), { pool, device: "cpu", threads: 4 })
    const outputs = await session.run({
      table: tensor("float32", new Float32Array(24), [3, 8]),
      ids: tensor("int64", new BigInt64Array(count).fill(1n)),
      places: tensor("int64", new BigInt64Array(count).fill(-1n)),
    })
    const expected = [0, count, count].flatMap((value) => Array<number>(8).fill(value))
    expect([...outputs["gradient of table"]!.data]).toEqual(expected)
  })
})
