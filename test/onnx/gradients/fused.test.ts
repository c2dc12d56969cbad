import { afterAll, describe, expect, it } from "vitest"
import { modelOf } from "../../../src/onnx/ir.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import { runtime } from "../helpers.js"
import { type Case, check, prepare } from "./check.js"
import { feedOf } from "./feeds.js"
import { domain, fusedCases } from "./fused-cases.js"

describe("fused operators", () => {
  it.each(Object.entries(fusedCases))("%s: what it is replaced by agrees with central differences", (_name, given) => {
    check(given, { expanded: true })
  })

  it("name themselves where a form of theirs cannot be differentiated", () => {
    const packed: Case = {
      variables: { packed: { dims: [2, 3, 2, 3, 4] } },
      write: (graph, { packed }) =>
        graph.op("MultiHeadAttention", [packed], { num_heads: 2 }, { domain, results: [{ type: "float32" }] }),
    }
    expect(() => check(packed)).toThrow(/MultiHeadAttention.*packed queries.*unfused/)
  })
})

describe.skipIf(!runtime)("fused operators in ONNX Runtime (onnxruntime-node)", () => {
  const pool = new WorkerPool()
  afterAll(() => pool[Symbol.asyncDispose]())

  it.each(Object.entries(fusedCases))("%s: gives the loss of what it is replaced by", async (_name, given) => {
    const { source, graph, feeds, results } = prepare(given, 3)
    const expected = results.get("loss")!.data[0]!
    for (const each of [source, graph]) {
      await using session = await createSession(encodeModel(modelOf(each)), { pool, device: "cpu", threads: 1 })
      const inputs = Object.fromEntries(each.inputs.map(({ name, type }) => [name, feedOf(feeds.get(name)!, type!)]))
      const outputs = await session.run(inputs)
      for (const [name, { data }] of Object.entries(outputs)) {
        const numbers = results.get(name)!.data
        const scale = Math.max(1, ...numbers.map(Math.abs))
        numbers.forEach((value, index) => {
          expect(Math.abs(Number(data[index]) - value) / scale, `${name} at ${index}`).toBeLessThan(5e-4)
        })
      }
      expect(Math.abs(Number(outputs.loss!.data[0]) - expected)).toBeLessThan(5e-4 * Math.max(1, Math.abs(expected)))
    }
  })
})
