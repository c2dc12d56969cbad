/** What every device must compute of whole models: torch's logits and gradients, the registry's golden numbers, a reference's stories. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { parseDecoderConfig } from "../../../src/models/decoder/config.js"
import { loadDecoder } from "../../../src/models/decoder/load.js"
import { openDecoder } from "../../../src/models/decoder/open.js"
import { buildPrimitiveDecoder } from "../../../src/models/decoder/primitive.js"
import { loraInputs, loraSlot } from "../../../src/models/encoder/adapter-slot.js"
import { buildEncoder, OUTPUT } from "../../../src/models/encoder/build.js"
import { readEncoderConfig } from "../../../src/models/encoder/config.js"
import { loadEncoder } from "../../../src/models/encoder/load.js"
import type { Precision } from "../../../src/models/encoder/precision.js"
import { checkModel } from "../../../src/models/open-model-check.js"
import { buildT5 } from "../../../src/models/t5/build.js"
import { readT5Config } from "../../../src/models/t5/config.js"
import { loadT5 } from "../../../src/models/t5/load.js"
import { continueGraph } from "../../../src/onnx/continue-graph.js"
import { NO_LABEL } from "../../../src/onnx/gradients/cross-entropy.js"
import { gradients } from "../../../src/onnx/gradients/index.js"
import type { GraphBuilder } from "../../../src/onnx/graph.js"
import type { Value } from "../../../src/onnx/ir.js"
import { WorkerPool } from "../../../src/onnx/pool.js"
import { encodeModel, readModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import type { Device } from "../../../src/onnx/settings.js"
import { type Tensor, tensor } from "../../../src/onnx/tensor.js"
import {
  reference as decoderReference,
  families as decoders,
  largestDifference,
} from "../../models/decoder/reference.js"
import { families as encoders, reference, tiny } from "../../models/encoder/reference.js"
import { keepDevice } from "./devices.js"

/** Of logits, whose size is about 1 to 10; of gradients, of each tensor's largest. TF32 on CUDA keeps 10 bits of a factor. */
const LOGITS: Readonly<Record<Device, number>> = { cpu: 1e-4, webgpu: 1e-3, cuda: 3e-2 }
const GRADIENTS: Readonly<Record<Device, number>> = { cpu: 1e-3, webgpu: 5e-3, cuda: 5e-2 }

const stories = join(tiny, "../stories260K")
const embedded = join(import.meta.dirname, "../../../assets/models/splade-tiny")

export function describeModels(device: Device, missing: string | undefined): void {
  const here = missing ?? (existsSync(tiny) ? undefined : "../shared is not there")
  const pool = new WorkerPool()
  const settings = { device, pool, threads: 1 } as const
  beforeAll(async () => {
    if (missing === undefined) await keepDevice(device, pool)
  })
  afterAll(() => pool[Symbol.asyncDispose]())

  describe.skipIf(missing !== undefined)(`the embedded encoder on ${device}${missing ? ` (${missing})` : ""}`, () => {
    it("passes its own check, and the check of the device", async () => {
      const { findings } = await checkModel(embedded, { device, pool })
      expect(findings.filter(({ status }) => status === "problem")).toEqual([])
      if (device !== "cpu") expect(findings.map(({ what }) => what)).toContain(`${device} gives the numbers of the CPU`)
    })
  })

  describe.skipIf(here !== undefined)(`models on ${device}${here ? ` (${here})` : ""}`, () => {
    it.skipIf(device === "webgpu")("splade-tiny: the numbers of the reference implementation", async () => {
      const { findings } = await checkModel(join(tiny, "../splade-tiny"), { device, pool })
      expect(findings.filter(({ status }) => status === "problem")).toEqual([])
      expect(findings.some(({ what }) => /numbers as .* gives them/.test(what))).toBe(true)
    })

    it.each(encoders)("%s: torch's logits", async (family) => {
      const { rows, logits } = await reference(family)
      await using model = await loadEncoder(join(tiny, family), { ...settings, output: { kind: "logits" } })
      expect(model.device).toBe(device)
      const found = (await model.run(rows)).flatMap((row) => [...row])
      expect(largestDifference([Float32Array.from(found)], [Float32Array.from(logits)])).toBeLessThan(LOGITS[device])
    })

    it.each(["int8", "int8-weights", "int4-weights"] satisfies Precision[])(
      "bert in %s: the CPU's vectors",
      async (precision) => {
        const { rows } = await reference("bert")
        const output = { kind: "pooled", pooling: "mean", normalize: true } as const
        await using model = await loadEncoder(join(tiny, "bert"), { ...settings, precision, output })
        await using cpu = await loadEncoder(join(tiny, "bert"), { pool, device: "cpu", precision, output })
        expect(largestDifference(await model.run(rows), await cpu.run(rows))).toBeLessThan(0.02)
      },
    )

    it.each(["t5", "t5-gated"])("%s: torch's logits", async (kind) => {
      const folder = join(tiny, kind)
      const { feeds, read } = await batchOf(folder)
      const listed = (name: string, row: number) => {
        const { data, dims } = feeds[name]!
        return [...(data as Int32Array).subarray(row * dims[1]!, (row + 1) * dims[1]!)]
      }
      const rows = Array.from({ length: feeds.input_ids!.dims[0]! }, (_, row) => ({
        ids: listed("input_ids", row).filter((_id, at) => listed("attention_mask", row)[at] === 1),
        decoderIds: listed("decoder_input_ids", row),
      }))
      await using model = await loadT5(folder, { ...settings, output: { kind: "logits" } })
      expect(model.device).toBe(device)
      const found = Float32Array.from((await model.run(rows)).flatMap((row) => [...row]))
      const tolerance = LOGITS[device] * (kind === "t5-gated" ? 15 : 1)
      expect(largestDifference([found], [await read("logits")])).toBeLessThan(tolerance)
    })

    it.each(decoders)("%s with a cache: torch's logits, at once and token by token", async (family) => {
      const folder = join(tiny, family)
      const { rows, logits, vocabulary } = await decoderReference(folder)
      await using model = await loadDecoder(folder, settings)
      expect(model.device).toBe(device)
      const all = await model.read(rows, { logits: "all" })
      expect(largestDifference(all.logits, logits)).toBeLessThan(LOGITS[device])
      await using cache = await model.createCache(rows.length)
      await model.read(
        rows.map((row) => row.slice(0, 9)),
        { cache, logits: "none" },
      )
      for (let at = 9; at < 12; at++) {
        const next = await model.read(
          rows.map((row) => [row[at]!]),
          { cache },
        )
        const wanted = logits.map((row) => row.subarray(at * vocabulary, (at + 1) * vocabulary))
        expect(largestDifference(next.logits, wanted), `token ${at}`).toBeLessThan(LOGITS[device])
      }
    })

    // A graphics card made of software takes seconds to load the thousands of nodes of each.
    const trained = device === "webgpu" ? ["bert", "t5", "qwen3"] : [...encoders, "t5", "llama", "qwen3", "gemma3"]

    it.each(trained)("%s: torch's gradients of LoRA", async (kind) => {
      const folder = join(tiny, kind)
      const { feeds, read, shapes } = await batchOf(folder)
      const { trained, tensors, takes } = await adapterOf(folder)
      const { model, folder: externalData } = await builtOf(kind, loraSlot(takes))
      const source = readModel(model)
      const graph = continueGraph(source.graph)
      addLoss(graph, kind, shapes)
      feeds.labels =
        kind === "t5" || decoders.includes(kind)
          ? tensor("int64", BigInt64Array.from([...(await read("labels"))], BigInt), shapes.labels)
          : tensor("float32", await read("labels"), shapes.labels)
      const made = gradients(
        graph.graph,
        "loss",
        trained.map(({ input }) => input),
        { nameOf: (name) => `d ${name}` },
      )
      await using session = await createSession(encodeModel({ ...source, graph: made.graph }), {
        ...settings,
        externalData,
      })
      const given: Record<string, Tensor> = { ...feeds, ...tensors }
      for (const { name } of session.inputs)
        if (name === "token_type_ids")
          given[name] = tensor("int32", new Int32Array(feeds.input_ids!.data.length), feeds.input_ids!.dims)
      const outputs = await session.run(given)
      for (const { input, stored } of trained) {
        const name = [`grad.${stored}`, `grad.${input}`].find((each) => shapes[each])!
        const expected = await read(name)
        const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        const off = largestDifference([outputs[`d ${input}`]!.data as Float32Array], [expected])
        expect(off / largest, input).toBeLessThan(GRADIENTS[device])
      }
    })
  })

  describe.skipIf(here !== undefined || device !== "webgpu")("a decoder that a device computes wrongly", () => {
    it("is refused when it is loaded", async () => {
      const opened = await openDecoder(join(tiny, "gemma3"))
      if ("graph" in opened) throw new Error("a graph where weights should be")
      // Gemma 2 has such a cap, which ONNX Runtime leaves out on WebGPU.
      const source = { ...opened, config: { ...opened.config, model_type: "gemma2", attn_logit_softcapping: 0.5 } }
      const failure = await loadDecoder(source, settings).catch((thrown) => thrown)
      expect(failure).toMatchObject({ code: "model", message: expect.stringMatching(/webgpu cannot be trusted with/) })
      await using unchecked = await loadDecoder(source, { ...settings, checkDevice: false })
      expect(unchecked.device).toBe(device)
      await using cpu = await loadDecoder(source, { ...settings, device: "cpu" })
      expect(cpu.device).toBe("cpu")
    })
  })

  describe.skipIf(here !== undefined)(`stories260K on ${device}`, () => {
    let all: { prompt_ids: number[]; token_ids: number[] }[]
    beforeAll(() => {
      const { note: _, ...each } = JSON.parse(readFileSync(join(stories, "reference.json"), "utf8"))
      all = Object.values(each)
    })

    it("writes the reference's tokens", async () => {
      await using model = await loadDecoder(stories, settings)
      await using cache = await model.createCache(all.length)
      // As many as can be waited for on a graphics card made of software.
      const count = device === "cpu" ? all[0]!.token_ids.length : 24
      let { logits } = await model.read(
        all.map(({ prompt_ids }) => prompt_ids),
        { cache },
      )
      const tokens = all.map((): number[] => [])
      for (let step = 0; step < count; step++) {
        for (const [row, numbers] of logits.entries()) tokens[row]!.push(numbers.indexOf(Math.max(...numbers)))
        const last = tokens.map((row) => [row.at(-1)!])
        if (step + 1 < count) ({ logits } = await model.read(last, { cache }))
      }
      expect(tokens).toEqual(all.map(({ token_ids }) => token_ids.slice(0, count)))
    })
  })
}

async function batchOf(folder: string) {
  const file = await openSafetensors(join(folder, "reference.safetensors"))
  const feeds: Record<string, Tensor> = {}
  for (const name of ["input_ids", "attention_mask", "decoder_input_ids"]) {
    const info = file.tensors.get(name)
    if (info) feeds[name] = tensor("int32", Int32Array.from(await file.read(name)), info.shape)
  }
  const shapes = Object.fromEntries([...file.tensors].map(([name, { shape }]) => [name, shape]))
  return { feeds, shapes, read: (name: string) => file.read(name) }
}

/** The adapter beside a miniature; alpha / rank is 8 / 4. */
async function adapterOf(folder: string) {
  const file = await openSafetensors(join(folder, "adapter/adapter_model.safetensors"))
  const tensors: Record<string, Tensor> = {}
  const trained: { input: string; stored: string }[] = []
  const modules = new Set<string>()
  for (const [stored, { shape }] of file.tensors) {
    const input = stored.replace("base_model.model.", "")
    const module = /^(.*)\.lora_[AB]\.weight$/.exec(input)?.[1]
    // Heads that were trained as a whole are no low-rank matrices.
    if (module === undefined) continue
    modules.add(module)
    trained.push({ input, stored })
    tensors[input] = tensor("float32", await file.read(stored), shape)
    tensors[loraInputs(module).scale] = tensor("float32", Float32Array.of(2), [])
  }
  return { trained, tensors, takes: ({ module }: { readonly module: string }) => modules.has(module) }
}

async function builtOf(kind: string, adapters: ReturnType<typeof loraSlot>) {
  const folder = join(tiny, kind)
  const form = { form: "standard", adapters } as const
  if (kind === "t5") return buildT5(await readT5Config(folder), await openSafetensors(folder), { kind: "logits" }, form)
  if (encoders.includes(kind))
    return buildEncoder(await readEncoderConfig(folder), await openSafetensors(folder), { kind: "logits" }, form)
  const opened = await openDecoder(folder)
  if ("graph" in opened) throw new Error(`${folder} holds a graph`)
  return buildPrimitiveDecoder(
    parseDecoderConfig(opened.config, folder),
    opened.checkpoint,
    { logits: true },
    { adapters },
  )
}

/** torch's losses: binary cross-entropy of encoders; cross-entropy of T5's steps, and of a decoder's next tokens. */
function addLoss(graph: GraphBuilder, kind: string, shapes: Readonly<Record<string, readonly number[]>>): void {
  const output = (value: Value) => graph.output(value, "loss")
  if (encoders.includes(kind)) {
    const logit = graph.squeeze(graph.find(OUTPUT)!, [1])
    const labels = graph.input("labels", "float32", ["batch"])
    const each = graph.sub(graph.op("Softplus", [logit]), graph.mul(logit, labels))
    output(graph.reduceMean(each, undefined, false))
    return
  }
  const labels = graph.input("labels", "int64", shapes.labels!)
  let [logits, targets] = [graph.find(kind === "t5" ? OUTPUT : "logits")!, labels]
  if (kind !== "t5") {
    logits = graph.slice(logits, [0], [-1], [1])
    targets = graph.slice(labels, [1], [2 ** 31], [1])
  }
  const real = graph.not(graph.equal(targets, NO_LABEL))
  const named = graph.where(real, targets, 0)
  const picked = graph.squeeze(graph.gatherElements(graph.logSoftmax(logits), graph.unsqueeze(named, [2]), 2), [2])
  const counted = graph.cast(real, "float32")
  const sum = graph.reduceSum(graph.mul(picked, counted), undefined, false)
  output(graph.neg(graph.div(sum, graph.reduceSum(counted, undefined, false))))
}
