import { existsSync, readFileSync } from "node:fs"
import { afterAll, describe, expect, it } from "vitest"
import { Random } from "../../../src/core/random.js"
import { gradients } from "../../../src/onnx/gradients/index.js"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Graph, Model, Value } from "../../../src/onnx/ir.js"
import { foldConstants, upgradeModel } from "../../../src/onnx/passes/index.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel, readModel } from "../../../src/onnx/protobuf.js"
import { createSession, type OnnxSession } from "../../../src/onnx/session.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"
import { runtime } from "../helpers.js"
import { tensorNumbers } from "./interpreter.js"

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
      .filter(({ type, dims, data }) => type === "float32" && dims.length === 2 && data instanceof Uint8Array)
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
      const numbers =
        name === "input_ids"
          ? ids
          : BigInt64Array.from({ length: count }, (_, at) => (name === "position_ids" ? BigInt(at) : 1n))
      feeds[name] = type === "int64" ? tensor("int64", numbers, dims) : tensor("float32", new Float32Array(count), dims)
    }
    const found = await session.run(feeds)

    const random = new Random(3, "direction")
    const outputs = ["loss"]
    for (const name of [trained[0]!, trained[4]!, trained.at(-1)!]) {
      const weight = feeds[name] as Extract<Tensor, { type: "float32" }>
      const gradient = found[`gradient of ${name}`]!
      expect(gradient.dims).toEqual(weight.dims)
      // Along the gradient with some noise: the slope is large, so that rounding does not drown it.
      const size = Math.hypot(...Array.from(gradient.data, Number)) / Math.sqrt(weight.data.length)
      const direction = Float32Array.from(gradient.data, (value) => Number(value) / (size || 1) + 0.3 * random.normal())
      const slope = direction.reduce((sum, value, at) => sum + value * Number(gradient.data[at]), 0)
      const at = async (step: number) => {
        const moved = weight.data.map((value, index) => value + step * direction[index]!)
        return Number(
          (await session.run({ ...feeds, [name]: tensor("float32", moved, [...weight.dims]) }, { outputs })).loss!
            .data[0],
        )
      }
      const step = 2e-4
      const measured = ((await at(step)) - (await at(-step))) / (2 * step)
      expect(Math.abs(measured - slope) / Math.abs(slope), name).toBeLessThan(0.02)
    }
  })
})
