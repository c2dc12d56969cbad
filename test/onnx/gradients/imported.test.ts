import { existsSync, readFileSync } from "node:fs"
import { afterAll, describe, expect, it } from "vitest"
import { Random } from "../../../src/core/random.js"
import { gradients } from "../../../src/onnx/gradients/index.js"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Graph, Model, Value } from "../../../src/onnx/ir.js"
import { foldConstants, upgradeModel, withoutDeadCode } from "../../../src/onnx/passes/index.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel, readModel } from "../../../src/onnx/protobuf.js"
import { createSession, type OnnxSession } from "../../../src/onnx/session.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"
import { runtime } from "../helpers.js"
import { evaluate, numbers, tensorNumbers } from "./interpreter.js"

const FILE = "../shared/models/stories260K/onnx/model.onnx"

/** The model with its weights of that many axes as inputs, and the weighted sum of its logits as the loss. */
function withLoss(model: Model, trained: readonly string[]): { graph: Graph; feeds: Record<string, Tensor> } {
  const feeds: Record<string, Tensor> = {}
  const { graph } = model
  const inputs: Value[] = [...graph.inputs]
  for (const each of graph.initializers) {
    if (!trained.includes(each.name)) continue
    inputs.push({ name: each.name, type: each.type, shape: each.dims })
    feeds[each.name] = tensor("float32", Float32Array.from(tensorNumbers(each).data), [...each.dims])
  }
  const initializers = graph.initializers.filter(({ name }) => !trained.includes(name))
  const builder = new GraphBuilder("imported")
  builder.adopt({ ...graph, inputs, initializers })
  for (const node of graph.nodes) builder.addNode(node, graph.values)
  const logits = builder.find("logits")!
  const weighted = builder.mul(builder.sin(logits), builder.sin(builder.mul(logits, 0.7)))
  builder.output(builder.reduceSum(weighted, undefined, false), "loss")
  return { graph: builder.graph, feeds }
}

describe.skipIf(!runtime || !existsSync(FILE))("a decoder exported by others (../shared/models/stories260K)", () => {
  const pool = new WorkerPool()
  afterAll(() => pool[Symbol.asyncDispose]())
  const load = (model: Model, graph: Graph): Promise<OnnxSession> =>
    createSession(encodeModel({ ...model, graph }), { pool, device: "cpu", threads: 1 })

  it("has gradients that the loss follows", async () => {
    const imported = upgradeModel(readModel(readFileSync(FILE)))
    const model = { ...imported, graph: foldConstants(imported.graph) }
    const trained = model.graph.initializers
      .filter(({ type, name, data }) => type === "float32" && name.includes("proj") && data instanceof Uint8Array)
      .map(({ name }) => name)
    expect(trained.length).toBeGreaterThan(10)
    const { graph, feeds } = withLoss(model, trained)
    const made = gradients(graph, "loss", trained, { outputs: ["loss"], unreached: "zeros" })
    await using session = await load(model, made.graph)

    const length = 6
    const ids = BigInt64Array.from([1n, 403n, 407n, 261n, 378n, 432n])
    for (const { name, type, shape } of graph.inputs) {
      if (feeds[name]) continue
      const dims = shape!.map((size, axis) =>
        typeof size === "number" ? size : name.startsWith("past") ? (axis === 0 ? 1 : 0) : axis === 0 ? 1 : length,
      )
      const count = dims.reduce((product, size) => product * size, 1)
      const values =
        name === "input_ids"
          ? ids
          : BigInt64Array.from({ length: count }, (_, at) => (name === "position_ids" ? BigInt(at) : 1n))
      feeds[name] = type === "int64" ? tensor("int64", values, dims) : tensor("float32", new Float32Array(count), dims)
    }
    const found = await session.run(feeds)

    const scope = new Map(
      Object.entries(feeds).map(([name, { dims, data }]) => [name, numbers(dims, Array.from(data, Number))] as const),
    )
    const exact = new Map(evaluate(made.graph, scope).map((result, at) => [made.graph.outputs[at]!.name, result]))
    const random = new Random(3, "direction")
    const lossOf = withoutDeadCode({ ...graph, outputs: graph.outputs.filter(({ name }) => name === "loss") })
    for (const name of [trained[0]!, trained[4]!, trained.at(-1)!]) {
      const gradient = exact.get(`gradient of ${name}`)!
      const largest = Math.max(...gradient.data.map(Math.abs))
      found[`gradient of ${name}`]!.data.forEach((value, at) => {
        expect(Math.abs(Number(value) - gradient.data[at]!) / largest, `${name} at ${at}`).toBeLessThan(1e-3)
      })
      const { dims, data } = scope.get(name)!
      const direction = data.map(() => random.normal())
      const at = (step: number) => {
        const moved = data.map((value, index) => value + step * direction[index]!)
        return evaluate(lossOf, new Map(scope).set(name, numbers(dims, moved)))[0]!.data[0]!
      }
      const slope = direction.reduce((sum, value, index) => sum + value * gradient.data[index]!, 0)
      const measured = (at(1e-5) - at(-1e-5)) / 2e-5
      expect(Math.abs(measured - slope) / Math.abs(slope), name).toBeLessThan(1e-5)
    }
  })
})
