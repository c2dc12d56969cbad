import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { Random } from "../../src/core/random.js"
import { createAdamW, createLora, loraInputs, loraOf } from "../../src/lowrank/index.js"
import { loadTrainingModel, trainingBatch } from "../../src/models/training-graph/index.js"
import { GraphBuilder } from "../../src/onnx/graph.js"
import { createSession } from "../../src/onnx/session.js"
import { tensor } from "../../src/onnx/tensor.js"
import { installed } from "../models/encoder/reference.js"

const layer = { module: "m", inputs: 5, outputs: 3 }
const normal = (count: number, name: string) => {
  const random = new Random(3, name)
  return Float32Array.from({ length: count }, () => random.normal())
}

describe("LoRA as data", () => {
  it("begins as nothing, within ±1/√inputs, by seed and module alone", () => {
    const other = { module: "n", inputs: 400, outputs: 2 }
    const both = createLora([layer, other], { rank: 8, alpha: 4, seed: 7 })
    const alone = createLora([other], { rank: 8, alpha: 4, seed: 7 })
    const a = (from: typeof both) => from.serialise().get("n")!.a
    expect(a(both)).toEqual(a(alone))
    expect(a(both)).not.toEqual(a(createLora([other], { rank: 8, seed: 8 })))
    expect(Math.max(...a(both).map(Math.abs))).toBeLessThan(1 / 20)
    const variance = a(both).reduce((sum, value) => sum + value * value, 0) / a(both).length
    expect(variance * 400 * 3).toBeCloseTo(1, 1)
    expect(both.delta("m").every((value) => value === 0)).toBe(true)
    expect(both.paramCount()).toBe(8 * (5 + 3) + 8 * 402)
    expect(both.serialise().get("m")!.scale).toBe(0.5)
    expect(createLora([layer], { rank: 16, alpha: 4, rankStabilised: true }).serialise().get("m")!.scale).toBe(1)
    expect(() => createLora([layer], { rank: 0 })).toThrow(/rank/)
  })

  it.skipIf(!installed("onnxruntime-node"))("computes in a graph what the merged weight computes", async () => {
    const [a, b, weight, x] = [normal(20, "a"), normal(12, "b"), normal(15, "w"), normal(10, "x")]
    const adapter = loraOf(new Map([["m", { a, b, rank: 4, inputs: 5, outputs: 3, scale: 1.5 }]]))
    const graph = new GraphBuilder("layer")
    const input = graph.input("x", "float32", [2, 5])
    const plain = graph.gemm(input, graph.input("w", "float32", [3, 5]), undefined, { transB: true })
    graph.output(plain, "plain")
    graph.output(graph.add(plain, adapter.slot(graph, layer, input)!), "adapted")
    await using session = await createSession(graph.toModel(), { device: "cpu" })
    const run = (w: Float32Array) =>
      session.run({ x: tensor("float32", x, [2, 5]), w: tensor("float32", w, [3, 5]), ...adapter.inputs() })
    const adapted = (await run(weight)).adapted!.data as Float32Array
    const merged = (await run(adapter.merge("m", weight))).plain!.data as Float32Array
    adapted.forEach((value, at) => {
      expect(Math.abs(value - merged[at]!)).toBeLessThan(1e-5)
    })
    expect(adapter.slot(graph, { ...layer, module: "other" }, input)).toBeUndefined()
  })
})

const stories = join(import.meta.dirname, "../../../shared/models/stories260K")

describe.skipIf(!existsSync(stories) || !installed("onnxruntime-node"))("LoRA on all linears of stories260K", () => {
  // Of other first tokens, so that what follows can be known.
  const rows = [
    [1, 403, 407, 261, 378, 267, 302, 400],
    [2, 320, 330, 340, 350, 360],
  ]
  const batch = trainingBatch(rows, rows)

  it("changes nothing at first, and fits one batch in 50 steps", async () => {
    await using model = await loadTrainingModel(stories, { device: "cpu", threads: 1 })
    const adapter = createLora(model.layers, { rank: 8, alpha: 16 })
    expect(await model.loss(batch, adapter.inputs())).toBe(await model.loss(batch))
    const optimizer = createAdamW({ learningRate: 1e-2 })
    for (let step = 0; step < 50; step++)
      optimizer.step(adapter.parameters, (await model.step(batch, adapter.inputs())).gradients)
    expect(await model.loss(batch, adapter.inputs())).toBeLessThan(0.1)
  })

  it("has the gradient that the loss changes by", async () => {
    await using model = await loadTrainingModel(stories, { device: "cpu", threads: 1 })
    const adapter = createLora(model.layers, { rank: 4, alpha: 8 })
    for (const { name, data } of adapter.parameters)
      if (name.includes("lora_B")) data.set(normal(data.length, name).map((value) => value * 0.05))
    const { gradients } = await model.step(batch, adapter.inputs())
    // Along the gradient itself the change is far above the rounding of a float32 loss.
    for (const half of ["a", "b"] as const) {
      const chosen = adapter.parameters.filter(({ name }) =>
        model.layers.some(({ module }) => loraInputs(module)[half] === name),
      )
      const square = chosen.reduce(
        (sum, { name }) => sum + gradients[name]!.reduce((all, value) => all + value * value, 0),
        0,
      )
      const size = 0.02 / square
      const move = (by: number) => {
        for (const { name, data } of chosen)
          for (let at = 0; at < data.length; at++) data[at]! += by * size * gradients[name]![at]!
      }
      move(1)
      const above = await model.loss(batch, adapter.inputs())
      move(-2)
      const below = await model.loss(batch, adapter.inputs())
      move(1)
      // Central differences of a loss with six digits: 0.04 of change against 1e-6 of rounding, and a third-order rest.
      expect(Math.abs((above - below) / (2 * size) / square - 1)).toBeLessThan(5e-3)
    }
  })
})
