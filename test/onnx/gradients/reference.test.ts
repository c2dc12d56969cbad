import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { loraInputs, loraSlot } from "../../../src/models/encoder/adapter-slot.js"
import { buildEncoder, OUTPUT } from "../../../src/models/encoder/build.js"
import { readEncoderConfig } from "../../../src/models/encoder/config.js"
import { buildT5 } from "../../../src/models/t5/build.js"
import { readT5Config } from "../../../src/models/t5/config.js"
import { gradients } from "../../../src/onnx/gradients/index.js"
import { GraphBuilder } from "../../../src/onnx/graph.js"
import { encodeModel, readModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"
import { families, missing, tiny } from "../../models/encoder/reference.js"

/** The graph with PyTorch's loss: binary cross-entropy for encoders, cross-entropy for decoders. */
function withLoss(source: GraphBuilder["graph"], kind: string): GraphBuilder {
  const graph = new GraphBuilder(kind)
  graph.adopt(source)
  for (const node of source.nodes) graph.addNode(node, source.values)
  const logits = graph.find(OUTPUT)!
  if (kind.startsWith("t5")) {
    const labels = graph.input("labels", "int64", ["batch", "steps"])
    const picked = graph.gatherElements(graph.logSoftmax(logits), graph.unsqueeze(labels, [2]), 2)
    graph.output(graph.neg(graph.reduceMean(picked, undefined, false)), "loss")
  } else {
    const logit = graph.squeeze(logits, [1])
    const agreement = graph.mul(logit, graph.input("labels", "float32", ["batch"]))
    graph.output(graph.reduceMean(graph.sub(graph.op("Softplus", [logit]), agreement), undefined, false), "loss")
  }
  return graph
}

describe.skipIf(missing)("gradients of adapters, against PyTorch's (../shared/models/tiny)", () => {
  const kinds = [...families, "t5", "t5-gated"].flatMap((kind) => [
    [kind, "fused"] as const,
    [kind, "standard"] as const,
  ])

  it.each(kinds)("%s, %s operators", async (kind, form) => {
    const folder = join(tiny, kind)
    const [checkpoint, adapter, reference] = await Promise.all([
      openSafetensors(folder),
      openSafetensors(join(folder, "adapter/adapter_model.safetensors")),
      openSafetensors(join(folder, "reference.safetensors")),
    ])
    const feeds: Record<string, Tensor> = {}
    const trained: { input: string; stored: string }[] = []
    const modules = new Set<string>()
    for (const [stored, { shape }] of adapter.tensors) {
      const input = stored.replace("base_model.model.", "")
      const module = /^(.*)\.lora_[AB]\.weight$/.exec(input)?.[1]
      if (module === undefined) continue
      modules.add(module)
      trained.push({ input, stored })
      feeds[input] = tensor("float32", await adapter.read(stored), shape)
      feeds[loraInputs(module).scale] = tensor("float32", Float32Array.of(2), [])
    }
    for (const name of ["input_ids", "attention_mask", "decoder_input_ids"]) {
      const info = reference.tensors.get(name)
      if (info) feeds[name] = tensor("int32", Int32Array.from(await reference.read(name)), info.shape)
    }
    const labels = await reference.read("labels")
    const dims = reference.tensors.get("labels")!.shape
    feeds.labels = kind.startsWith("t5")
      ? tensor("int64", BigInt64Array.from([...labels], BigInt), dims)
      : tensor("float32", labels, dims)

    const options = { form, adapters: loraSlot(({ module }) => modules.has(module)) }
    const built = kind.startsWith("t5")
      ? await buildT5(await readT5Config(folder), checkpoint, { kind: "logits" }, options)
      : await buildEncoder(await readEncoderConfig(folder), checkpoint, { kind: "logits" }, options)
    const model = readModel(built.model)
    const { graph } = gradients(
      withLoss(model.graph, kind).graph,
      "loss",
      trained.map(({ input }) => input),
      { outputs: ["loss"], nameOf: (name) => `grad.${name}` },
    )
    for (const { name } of graph.inputs)
      if (name === "token_type_ids")
        feeds[name] = tensor("int32", new Int32Array(feeds.input_ids!.data.length), [...feeds.input_ids!.dims])
    await using session = await createSession(encodeModel({ ...model, graph }), {
      device: "cpu",
      externalData: built.folder,
    })
    const outputs = await session.run(feeds)
    for (const { input, stored } of trained) {
      const name = [`grad.${stored}`, `grad.${input}`].find((each) => reference.tensors.has(each))!
      const expected = await reference.read(name)
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      const found = outputs[`grad.${input}`]!.data
      expect(found.length).toBe(expected.length)
      const off = expected.reduce((most, value, at) => Math.max(most, Math.abs(value - Number(found[at]))), 0)
      // Gated T5 magnifies rounding, in PyTorch's float32 too.
      expect(off / largest, input).toBeLessThan(kind === "t5-gated" ? 5e-3 : 1e-3)
    }
  })
})
