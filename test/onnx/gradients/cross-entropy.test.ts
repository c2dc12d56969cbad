import { afterAll, describe, expect, it } from "vitest"
import { chunkedCrossEntropy } from "../../../src/onnx/gradients/index.js"
import type { GraphBuilder } from "../../../src/onnx/graph.js"
import { modelOf, type Value } from "../../../src/onnx/ir.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import { runtime } from "../helpers.js"
import { type Case, check, prepare, type Variable } from "./check.js"
import { feedOf } from "./feeds.js"

const labels: Variable = { dims: [2, 4], fixed: [3, -100, 0, 6, 6, 2, -100, 1], type: "int64" }
const variables = { hidden: { dims: [2, 4, 3] }, weight: { dims: [7, 3] }, bias: { dims: [7] }, labels }
type Inputs = Readonly<Record<string, Value>>

const chunked = (chunk: number): Case => ({
  variables,
  write: (graph, { hidden, weight, bias, labels }) => {
    const made = chunkedCrossEntropy(graph, { hidden: hidden!, weight: weight!, bias: bias!, labels: labels!, chunk })
    return [made.loss, made.logProbabilities]
  },
})

/** The same with all logits at once, in plain operators. */
const whole: Case = {
  variables,
  write: (graph: GraphBuilder, { hidden, weight, bias, labels }: Inputs) => {
    const logits = graph.add(graph.matMul(hidden!, graph.transpose(weight!)), bias!)
    const real = graph.op("GreaterOrEqual", [labels!, graph.constant(0, "int64")])
    const safe = graph.unsqueeze(graph.max(labels!, 0), [2])
    const picked = graph.squeeze(graph.gatherElements(graph.logSoftmax(logits), safe, 2), [2])
    const chosen = graph.where(real, picked, 0)
    return [graph.neg(graph.div(graph.reduceSum(chosen, undefined, false), 6)), chosen]
  },
}

describe("cross-entropy in chunks", () => {
  it.each([1, 3, 8, 100])("of %i tokens has the gradients of the whole", (chunk) => {
    const expected = check(whole).results
    const { results } = check(chunked(chunk), { expanded: true })
    for (const [name, { data }] of expected)
      data.forEach((value, index) => {
        expect(results.get(name)!.data[index], `${name} at ${index}`).toBeCloseTo(value, 12)
      })
  })

  it("is 0 where no token has a label", () => {
    const none: Case = {
      variables: { ...variables, labels: { ...labels, fixed: Array(8).fill(-100) } },
      write: chunked(3).write,
    }
    const { results } = prepare(none)
    expect(results.get("loss")!.data[0]).toBeCloseTo(0, 12)
    expect([...results.get("gradient of hidden")!.data].every((value) => value === 0)).toBe(true)
  })

  describe.skipIf(!runtime)("in ONNX Runtime (onnxruntime-node)", () => {
    const pool = new WorkerPool()
    afterAll(() => pool[Symbol.asyncDispose]())

    it.each([
      ["any number of tokens", labels.fixed!],
      ["tokens of which none has a label", Array(8).fill(-100) as number[]],
    ])("runs over %s", async (_name, fixed) => {
      const { graph, feeds, results } = prepare({
        ...chunked(3),
        variables: {
          ...variables,
          hidden: { dims: [2, 4, 3], shape: ["batch", "length", 3] },
          labels: { ...labels, fixed, shape: ["batch", "length"] },
        },
      })
      await using session = await createSession(encodeModel(modelOf(graph)), { pool, device: "cpu", threads: 1 })
      const outputs = await session.run(
        Object.fromEntries(graph.inputs.map(({ name, type }) => [name, feedOf(feeds.get(name)!, type!)])),
      )
      for (const [name, { data, dims }] of results) {
        expect(outputs[name]!.dims, name).toEqual(dims)
        data.forEach((value, index) => {
          expect(Number(outputs[name]!.data[index]), `${name} at ${index}`).toBeCloseTo(value, 4)
        })
      }
    })
  })
})
