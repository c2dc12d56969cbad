/** Exports of others are given adapters, differentiated and trained. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { Random } from "../../../src/core/random.js"
import { loraInputs } from "../../../src/models/encoder/adapter-slot.js"
import { readEncoderConfig } from "../../../src/models/encoder/config.js"
import { attachLora, loraTensors, openEncoderGraph } from "../../../src/models/import-training/index.js"
import { continueGraph } from "../../../src/onnx/continue-graph.js"
import { gradients } from "../../../src/onnx/gradients/index.js"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Graph, Model } from "../../../src/onnx/ir.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel } from "../../../src/onnx/protobuf.js"
import { createSession, type SessionOptions } from "../../../src/onnx/session.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"
import { runtime } from "../../onnx/helpers.js"
import { changes, exportOf, texts, torch } from "./exports.js"

const embedded = join(import.meta.dirname, "../../../assets/models/splade-tiny")

/** How far an export's own scores may be from torch's: it rounds weights, or activations too. */
const kinds: Readonly<Record<string, number>> = {
  torchscript: 1e-5,
  dynamo: 1e-5,
  fp16: 2e-2,
  int8: 0.2,
  // The optimiser of ONNX Runtime's Python package loses the mask of this miniature.
  fused: Number.POSITIVE_INFINITY,
  ...Object.fromEntries(Object.keys(changes).map((kind) => [kind, 1e-5])),
  "weights in halves": 5e-3,
  "weights in 8 bits": 5e-2,
}
const SIX = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]

/** Binary cross-entropy of the scores, as torch's binary_cross_entropy_with_logits. */
function withLoss(graph: Graph): Graph {
  const builder = continueGraph(graph, { outputs: true })
  const logits = builder.squeeze(builder.find("output")!, [1])
  const labels = builder.input("labels", "float32", ["batch"])
  const each = builder.sub(builder.op("Softplus", [logits]), builder.mul(logits, labels))
  builder.output(builder.reduceMean(each, undefined, false), "loss")
  return builder.graph
}

describe.skipIf(!runtime)("an encoder exported by others (onnxruntime-node)", () => {
  const pool = new WorkerPool()
  afterAll(() => pool[Symbol.asyncDispose]())
  const load = (model: Model, graph: Graph, externalData: string, options: SessionOptions = {}) =>
    createSession(encodeModel({ ...model, graph }), { pool, device: "cpu", threads: 1, externalData, ...options })
  const scoresOf = async (session: Awaited<ReturnType<typeof load>>, feeds: Record<string, Tensor>) => {
    const { output } = await session.run(feeds, { outputs: ["output"] })
    return [...(output!.data as Float32Array)]
  }

  it.each(Object.entries(kinds))("%s: is given LoRA, trained, and itself again without it", async (kind, tolerance) => {
    const folder = exportOf(kind)
    const open = () => openEncoderGraph(folder, { kind: "logits" }, { weights: "onnx" })
    const { model, externalData } = await open()
    const own = JSON.stringify(model.graph.nodes)
    const { graph, layers } = attachLora(model.graph)
    // Six linear layers, pooler and head; packed queries, keys and values are one.
    expect(layers.length).toBe(kind === "fused" ? 6 : 8)
    if (kind !== "fused")
      for (const name of SIX)
        expect(layers.filter(({ module }) => module.endsWith(name)).length, name).toBeGreaterThan(0)
    expect(new Set(layers.map(({ module }) => module)).size).toBe(layers.length)

    const adapter = loraTensors(layers, { rank: 2, alpha: 4, seed: 3 })
    const trained = layers.flatMap(({ module }) => [loraInputs(module).a, loraInputs(module).b])
    const made = gradients(withLoss(graph), "loss", trained, { nameOf: (name) => `d ${name}` })
    const feeds = { ...texts, labels: tensor("float32", Float32Array.of(1, 0, 1)) }
    await using plain = await load(model, model.graph, externalData)
    await using session = await load(model, made.graph, externalData)
    const base = await scoresOf(plain, texts)
    for (const [index, score] of base.entries()) expect(Math.abs(score - torch.scores[index]!)).toBeLessThan(tolerance)
    const start = await scoresOf(session, { ...feeds, ...adapter })
    // Where weights are kept in 8 bits, ONNX Runtime takes other kernels for a product that is the layer's end than for others.
    const near = { fp16: 5e-3, "weights in 8 bits": 3e-2 }[kind] ?? 1e-5
    for (const [index, score] of start.entries()) expect(Math.abs(score - base[index]!)).toBeLessThan(near)

    // B away from zero, so that the gradient of A is not.
    const random = new Random(1, kind)
    for (const { module } of layers) {
      const { data, dims } = adapter[loraInputs(module).b]!
      adapter[loraInputs(module).b] = tensor(
        "float32",
        Float32Array.from(data as Float32Array, () => 0.2 * random.normal()),
        dims,
      )
    }
    const lossAt = async (step: number, direction: Record<string, Float32Array>) => {
      const moved = Object.fromEntries(
        trained.map((name) => {
          const { data, dims } = adapter[name]!
          return [
            name,
            tensor(
              "float32",
              (data as Float32Array).map((value, at) => value + step * direction[name]![at]!),
              dims,
            ),
          ]
        }),
      )
      return Number((await session.run({ ...feeds, ...adapter, ...moved }, { outputs: ["loss"] })).loss!.data[0])
    }
    const first = await session.run({ ...feeds, ...adapter })
    const slopes = Object.fromEntries(trained.map((name) => [name, first[`d ${name}`]!.data as Float32Array]))
    for (const name of trained)
      expect(
        slopes[name]!.some((value) => Math.abs(value) > 1e-5),
        name,
      ).toBe(true)
    const norm = Math.sqrt(trained.reduce((sum, name) => sum + slopes[name]!.reduce((a, b) => a + b * b, 0), 0))
    // Along the gradient the loss changes by the gradient's length. Rounded activations make steps of it.
    const unit = Object.fromEntries(trained.map((name) => [name, slopes[name]!.map((value) => value / norm)]))
    const [wide, allowed] = kind === "int8" || kind === "fp16" ? [0.2, 0.25] : [2e-2, 1e-2]
    const measured = ((await lossAt(wide, unit)) - (await lossAt(-wide, unit))) / (2 * wide)
    expect(Math.abs(measured - norm) / norm).toBeLessThan(allowed)

    const losses: number[] = []
    for (let step = 0; step < 5; step++) {
      const outputs = await session.run({ ...feeds, ...adapter })
      losses.push(Number(outputs.loss!.data[0]))
      for (const name of trained) {
        const { data, dims } = adapter[name]!
        const slope = outputs[`d ${name}`]!.data as Float32Array
        adapter[name] = tensor(
          "float32",
          (data as Float32Array).map((value, at) => value - 0.2 * slope[at]!),
          dims,
        )
      }
    }
    for (let step = 1; step < losses.length; step++) expect(losses[step]!).toBeLessThan(losses[step - 1]!)
    const adapted = await scoresOf(session, { ...feeds, ...adapter })
    expect(Math.max(...adapted.map((score, index) => Math.abs(score - base[index]!)))).toBeGreaterThan(0.05)

    // The graph was left alone, and what is opened anew gives the very scores.
    expect(JSON.stringify(model.graph.nodes)).toBe(own)
    const again = await open()
    await using fresh = await load(again.model, again.model.graph, again.externalData)
    expect(await scoresOf(fresh, texts)).toEqual(base)
    // One session serves both: with a scale of 0 it is the model itself, to the bit where runtimes join no nodes.
    const off = Object.fromEntries(
      layers.map(({ module }) => [loraInputs(module).scale, tensor("float32", new Float32Array(1), [])]),
    )
    if (kind === "fused") return
    await using exact = await load(model, model.graph, externalData, { optimization: "none" })
    await using slots = await load(model, graph, externalData, { optimization: "none" })
    expect(await scoresOf(slots, { ...texts, ...adapter, ...off })).toEqual(await scoresOf(exact, texts))
  })
})

describe("adapters of an imported graph", () => {
  const open = () => openEncoderGraph(exportOf("torchscript"), { kind: "logits" }, { weights: "onnx" })

  it("are attached to the layers that are named, as PEFT names them", async () => {
    const { model } = await open()
    const modules = (targets: RegExp | string[]) =>
      attachLora(model.graph, { targets }).layers.map(({ module }) => module)
    const at = "bert.encoder.layer.0.attention.self"
    expect(modules(["query", `${at}.value`])).toEqual([`${at}.query`, `${at}.value`])
    expect(modules(/attention\.self\.(key|query)$/g)).toEqual([`${at}.query`, `${at}.key`])
    expect(() => modules(["q_proj"])).toThrow(/no layer .* it has .*attention\.self\.query/)
    const graph = new GraphBuilder("no products")
    graph.output(graph.neg(graph.input("x", "float32", [3])), "y")
    expect(() => attachLora(graph.graph)).toThrow(/no product with a constant weight/)
  })

  it("are their own for each product, where two share a weight or a name", () => {
    const graph = new GraphBuilder("tied")
    const x = graph.input("x", "float32", ["batch", "length", 2])
    const weight = graph.initializer(
      "layer.weight",
      "float32",
      [2, 2],
      new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer),
    )
    graph.output(graph.matMul(graph.tanh(graph.matMul(x, weight)), weight), "y")
    const { graph: attached, layers } = attachLora(graph.graph)
    expect(layers.map(({ module }) => module)).toEqual(["layer", "layer.2"])
    expect(attached.inputs.length).toBe(7)
    expect(attached.outputs.map(({ name }) => name)).toEqual(["y"])
  })

  it.skipIf(!existsSync(embedded))("are attached to what is built from safetensors by the same means", async () => {
    const { model } = await openEncoderGraph(embedded, { kind: "terms" })
    const { layers } = attachLora(model.graph, { targets: /attention\.self\.(query|value)$/ })
    const { layers: count } = await readEncoderConfig(embedded)
    expect(layers.length).toBe(2 * count)
    expect(layers.map(({ module }) => module)).toContain("bert.encoder.layer.0.attention.self.query")
  })
})
