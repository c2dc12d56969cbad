import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { loadEmbedder } from "../../../src/models/embedder.js"
import { buildEncoder } from "../../../src/models/encoder/build.js"
import { readEncoderConfig } from "../../../src/models/encoder/config.js"
import { type EncoderOptions, type EncoderRow, loadEncoder } from "../../../src/models/encoder/load.js"
import type { Precision } from "../../../src/models/encoder/precision.js"
import { modelOf } from "../../../src/onnx/ir.js"
import { encodeModel, readModel } from "../../../src/onnx/protobuf.js"
import { createSession } from "../../../src/onnx/session.js"
import { tensor } from "../../../src/onnx/tensor.js"
import { families, installed, largestDifference, missing, reference, shared, tiny } from "./reference.js"

/**
 * Largest difference of a logit from torch's. The miniatures' random weights have no redundancy that would hide rounding: their logits
 * span 0.2 to 1.9, and 4-bit weights move them by as much as half of that, so that for these only the rounding's size is bounded.
 */
const tolerances: Readonly<Record<Precision, number>> = {
  fp32: 1e-4,
  fp16: 5e-3,
  int8: 0.2,
  "int8-weights": 0.2,
  "int4-weights": 1,
}
const precisions = Object.keys(tolerances) as Precision[]

async function logitsOf(family: string, rows: readonly EncoderRow[], options: EncoderOptions): Promise<number[]> {
  await using model = await loadEncoder(join(tiny, family), { device: "cpu", output: { kind: "logits" }, ...options })
  return (await model.run(rows)).flatMap((row) => [...row])
}

describe.skipIf(missing)("precisions of the miniatures", () => {
  it.each(families)("%s: logits near torch's, the nearer the more bits", async (family) => {
    const { rows, logits } = await reference(family)
    const difference = async (precision: Precision) =>
      largestDifference(await logitsOf(family, rows, { precision }), logits)
    const measured = new Map<Precision, number>()
    for (const precision of precisions) measured.set(precision, await difference(precision))
    for (const [precision, value] of measured) expect(value, precision).toBeLessThan(tolerances[precision])
    // Each must really compute in its own precision: rounding shows, and more of it shows more.
    const order = (["fp32", "fp16", "int8-weights", "int4-weights"] as const).map((each) => measured.get(each)!)
    for (let index = 1; index < order.length; index++) expect(order[index]).toBeGreaterThan(2 * order[index - 1])
    expect(measured.get("int8")).toBeGreaterThan(2 * measured.get("fp16")!)
  })

  it.each(families)("%s: a row's logits are the same alone and beside longer ones", async (family) => {
    const { rows } = await reference(family)
    const all = [...rows.map(({ ids }, index) => ({ ids: ids.slice(0, 5 + index) })), ...rows]
    for (const precision of precisions) {
      const together = await logitsOf(family, all, { precision })
      const alone = await logitsOf(family, all, { precision, batch: { maxRows: 1 } })
      // Every token is rounded by a scale of its own. The sums of attention may still end in another last bit, which is 1e-7, or one
      // step of rounding where a value lies between two integers: far below what rounding itself costs.
      const bound = precision === "fp32" || precision === "fp16" ? 1e-5 : tolerances[precision] / 100
      expect(largestDifference(together, alone), precision).toBeLessThan(bound)
    }
  })

  it("computes int8 with the standard's operators too", async () => {
    const { rows } = await reference("bert")
    const fused = await logitsOf("bert", rows, { precision: "int8" })
    const standard = await logitsOf("bert", rows, { precision: "int8", attention: "standard" })
    expect(largestDifference(fused, standard)).toBeLessThan(1e-4)
    const refused = logitsOf("bert", rows, { precision: "int4-weights", attention: "standard" })
    await expect(refused).rejects.toMatchObject({ code: "argument", message: expect.stringContaining("fused") })
  })

  it("rounds activations to 7 bits where integer products saturate above", async () => {
    const folder = join(tiny, "bert")
    const { rows, logits } = await reference("bert")
    const config = await readEncoderConfig(folder)
    const checkpoint = await openSafetensors(folder)
    const [{ ids }] = rows
    const dims = [1, ids.length]
    const filled = (value: number) => tensor("int32", new Int32Array(ids.length).fill(value), dims)
    const found: number[][] = []
    for (const activationBits of [8, 7] as const) {
      const built = await buildEncoder(config, checkpoint, { kind: "logits" }, { precision: "int8", activationBits })
      const { graph } = readModel(built.model)
      const codes = graph.nodes.filter(({ op }) => op === "QuantizeLinear").map(({ outputs }) => outputs[0])
      // The integers themselves, beside what the model gives.
      graph.outputs.push(...codes.map((name) => ({ name, type: "uint8" as const })))
      const bytes = encodeModel(modelOf(graph))
      await using session = await createSession(bytes, { device: "cpu", externalData: built.folder })
      const outputs = await session.run({
        input_ids: tensor("int32", Int32Array.from(ids), dims),
        attention_mask: filled(1),
        token_type_ids: filled(0),
      })
      const largest = codes.map((name) => Math.max(...(outputs[name].data as Uint8Array)))
      expect(Math.max(...largest)).toBe(2 ** activationBits - 1)
      found.push([...(outputs.output.data as Float32Array)])
    }
    const torch = logits.slice(0, found[0].length)
    expect(largestDifference(found[1], torch)).toBeLessThan(2 * tolerances.int8)
    expect(largestDifference(found[0], found[1])).toBeGreaterThan(1e-4)
  })

  it("refuses a precision that is none", async () => {
    const loading = loadEncoder(join(tiny, "bert"), { device: "cpu", precision: "int3" as Precision })
    await expect(loading).rejects.toMatchObject({ code: "argument", message: expect.stringContaining("int4-weights") })
  })

  it("gives each precision a checksum of its own", async () => {
    const checksums = new Set<string>()
    for (const precision of precisions) {
      await using model = await loadEncoder(join(tiny, "bert"), { device: "cpu", precision })
      expect(model.precision).toBe(precision)
      checksums.add(model.checksum)
    }
    expect(checksums.size).toBe(precisions.length)
  })

  it.each(families)("%s: the graph in half precision, whose nodes a CPU casts", async (family) => {
    const folder = join(tiny, family)
    const { rows, logits } = await reference(family)
    const built = await buildEncoder(
      await readEncoderConfig(folder),
      await openSafetensors(folder),
      { kind: "logits" },
      { precision: "fp16", half: true, form: "standard" },
    )
    await using session = await createSession(built.model, { device: "cpu", externalData: built.folder })
    const found: number[] = []
    for (const { ids } of rows) {
      const dims = [1, ids.length]
      const filled = (value: number) => tensor("int32", new Int32Array(ids.length).fill(value), dims)
      const feeds = { input_ids: tensor("int32", Int32Array.from(ids), dims), attention_mask: filled(1) }
      const { output } = await session.run(built.withTypes ? { ...feeds, token_type_ids: filled(0) } : feeds)
      found.push(...(output.data as Float32Array))
    }
    expect(largestDifference(found, logits)).toBeLessThan(0.02)
    // All matrix products of the layers read halves; the head's are float32 again.
    const { graph } = readModel(built.model)
    expect(graph.values.get(graph.nodes.find(({ op }) => op === "Gemm")!.outputs[0])?.type).toBe("float16")
  })
})

const minilm = join(process.env.RANKINE_MODELS || join(homedir(), ".cache/rankine/models"), "all-MiniLM-L6-v2")
const numbers = join(shared, "reference/all-MiniLM-L6-v2.json")
const weightsMissing = !existsSync(join(minilm, "model.safetensors")) || !existsSync(numbers)

describe.skipIf(weightsMissing || !installed("onnxruntime-node"))("precisions of all-MiniLM-L6-v2", () => {
  it.each([
    ["fp32", 0.999999],
    ["fp16", 0.99999],
    ["int8", 0.995],
    ["int8-weights", 0.998],
    ["int4-weights", 0.9],
  ] as const)("%s: vectors have a cosine of at least %d with torch's", async (precision, least) => {
    const entries = JSON.parse(await readFile(numbers, "utf8")) as { text: string; embedding: number[] }[]
    await using model = await loadEmbedder(minilm, { device: "cpu", precision, maxLength: 256 })
    const vectors = await model.encode(
      entries.map(({ text }) => text),
      "document",
    )
    const cosines = entries.map(({ embedding }, index) =>
      embedding.reduce((sum, value, at) => sum + value * vectors[index][at], 0),
    )
    expect(Math.min(...cosines)).toBeGreaterThan(least)
  })
})
