import { existsSync } from "node:fs"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { buildEncoder } from "../../../src/models/encoder/build.js"
import { readEncoderConfig } from "../../../src/models/encoder/config.js"
import type { EncoderOptions, EncoderRow } from "../../../src/models/encoder/load.js"
import { loadEncoder } from "../../../src/models/encoder/load.js"
import { readModel } from "../../../src/onnx/protobuf.js"
import { families, largestDifference, missing, reference, tiny } from "./reference.js"

async function logitsOf(folder: string, rows: readonly EncoderRow[], options: EncoderOptions = {}): Promise<number[]> {
  await using model = await loadEncoder(folder, { device: "cpu", output: { kind: "logits" }, ...options })
  return (await model.run(rows)).flatMap((row) => [...row])
}

describe.skipIf(missing)("miniatures, straight from safetensors", () => {
  it.each(families)("%s: logits as torch's, within 1e-4, in both forms of attention", async (family) => {
    const { rows, logits } = await reference(family)
    for (const attention of ["fused", "standard"] as const) {
      const ours = await logitsOf(join(tiny, family), rows, { attention })
      expect(largestDifference(ours, logits), attention).toBeLessThan(1e-4)
    }
  })

  it.each(families)("%s: a row's logits are the same alone and beside longer ones, within 1e-5", async (family) => {
    const { rows } = await reference(family)
    const short = rows.map(({ ids }, index) => ({ ids: ids.slice(0, 5 + index) }))
    const all = [...short, ...rows]
    const together = await logitsOf(join(tiny, family), all)
    const alone = await logitsOf(join(tiny, family), all, { batch: { maxRows: 1 } })
    expect(largestDifference(together, alone)).toBeLessThan(1e-5)
    // The comparison must be able to fail: rows differ among themselves by far more.
    expect(Math.abs(together[0] - together[1])).toBeGreaterThan(1e-3)
  })
})

describe.skipIf(!existsSync(join(tiny, "../splade-tiny")))("the sparse head", () => {
  it("never multiplies tokens with more than a block of the vocabulary", async () => {
    const folder = join(tiny, "../splade-tiny")
    const config = await readEncoderConfig(folder)
    const { model } = await buildEncoder(config, await openSafetensors(folder), { kind: "terms" })
    const { graph } = readModel(model)
    const rows = new Map(graph.initializers.map(({ name, dims }) => [name, dims[0]]))
    const columns = graph.nodes.filter(({ op }) => op === "Gemm").map(({ inputs }) => rows.get(inputs[1])!)
    expect(Math.max(...columns)).toBeLessThanOrEqual(1024)
    expect(columns.filter((count) => count > 512).reduce((sum, count) => sum + count, 0)).toBe(config.vocabulary)
    // Weights stay in their file: the model itself is small.
    expect(model.length).toBeLessThan(100_000)
  })
})

describe.skipIf(missing)("loadEncoder", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rankine-encoder-"))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("pools as plain arithmetic over the token vectors does", async () => {
    const { rows } = await reference("bert")
    const load = (options: EncoderOptions) => loadEncoder(join(tiny, "bert"), { device: "cpu", ...options })
    await using hidden = await load({})
    const width = hidden.width
    const tokens = await hidden.run(rows)
    expect(tokens.map(({ length }) => length)).toEqual(rows.map(({ ids }) => ids.length * width))
    const column = (row: Float32Array, component: number) =>
      Array.from({ length: row.length / width }, (_, token) => row[token * width + component])
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
    const expected: Record<string, (values: readonly number[]) => number> = {
      cls: (values) => values[0],
      last: (values) => values.at(-1)!,
      max: (values) => Math.max(...values),
      mean: (values) => sum(values) / values.length,
      "mean-sqrt-length": (values) => sum(values) / Math.sqrt(values.length),
      "weighted-mean": (values) =>
        sum(values.map((value, index) => value * (index + 1))) / ((values.length * (values.length + 1)) / 2),
    }
    for (const [pooling, arithmetic] of Object.entries(expected)) {
      for (const normalize of [false, true]) {
        await using model = await load({ output: { kind: "pooled", pooling: pooling as "mean", normalize } })
        const pooled = await model.run(rows)
        for (const [index, row] of tokens.entries()) {
          const plain = Array.from({ length: width }, (_, component) => arithmetic(column(row, component)))
          const scale = normalize ? 1 / Math.sqrt(sum(plain.map((value) => value * value))) : 1
          const wanted = plain.map((value) => value * scale)
          expect(largestDifference([...pooled[index]], wanted), `${pooling} ${normalize}`).toBeLessThan(1e-5)
        }
      }
    }
  })

  it("loads half-precision weights", async () => {
    const place = join(folder, "half")
    await cp(join(tiny, "roberta"), place, { recursive: true })
    for (const [dtype, tolerance] of [
      ["F16", 5e-3],
      ["BF16", 5e-2],
    ] as const) {
      await rm(join(place, "model.safetensors"), { force: true })
      await writeFile(join(place, "model.safetensors"), await halved(join(tiny, "roberta"), dtype))
      const { rows, logits } = await reference("roberta")
      const difference = largestDifference(await logitsOf(place, rows), logits)
      expect(difference).toBeLessThan(tolerance)
      expect(difference).toBeGreaterThan(0)
    }
  })

  it("refuses rows that the model cannot read", async () => {
    await using model = await loadEncoder(join(tiny, "bert"), { device: "cpu", output: { kind: "logits" } })
    const refused: [EncoderRow, RegExp][] = [
      [{ ids: [] }, /has no tokens/],
      [{ ids: new Array(81).fill(5) }, /has 81 tokens; this model reads 80/],
      [{ ids: [5, 384] }, /token id 384 outside the vocabulary of 384/],
      [{ ids: [5, -1] }, /outside the vocabulary/],
      [{ ids: [5, 6], typeIds: [0] }, /2 tokens and 1 token types/],
      [{ ids: [5, 6], typeIds: [0, 2] }, /token types outside 0 to 1/],
    ]
    for (const [row, message] of refused) {
      const failure = await model.run([{ ids: [5] }, row]).catch((thrown) => thrown)
      expect(failure).toMatchObject({ code: "argument" })
      expect(failure.message).toMatch(message)
      expect(failure.message).toContain("row 1")
    }
    const [first, second] = await model.run([{ ids: [5, 6, 7] }, { ids: [5, 6, 7], typeIds: [0, 1, 1] }])
    expect(first[0]).not.toBe(second[0])
    expect(await model.run([])).toEqual([])
  })

  it("says what a checkpoint lacks", async () => {
    const place = join(folder, "odd")
    await cp(join(tiny, "bert"), place, { recursive: true })
    const config = JSON.parse(await readFile(join(tiny, "bert", "config.json"), "utf8"))
    const failing = async (changes: object, options: EncoderOptions = {}) => {
      await rm(join(place, "config.json"), { force: true })
      await writeFile(join(place, "config.json"), JSON.stringify({ ...config, ...changes }))
      return loadEncoder(place, { device: "cpu", ...options }).catch((thrown) => thrown)
    }
    expect(await failing({ num_hidden_layers: 3 })).toMatchObject({
      code: "data",
      message: expect.stringContaining("encoder.layer.2.attention.self."),
    })
    expect(await failing({ intermediate_size: 128 })).toMatchObject({
      code: "data",
      message: expect.stringContaining("[112, 64] where config.json makes it [128, 64]"),
    })
    expect(await failing({ model_type: "perceiver" })).toMatchObject({
      code: "model",
      message: expect.stringContaining("perceiver"),
    })
    expect(await failing({ position_embedding_type: "relative_key" })).toMatchObject({ code: "model" })
    expect(await failing({ hidden_act: "mystery" })).toMatchObject({ code: "model" })
    expect(await failing({}, { output: { kind: "terms" } })).toMatchObject({
      code: "model",
      message: expect.stringContaining("no sparse encoder"),
    })
    await expect(loadEncoder(join(folder, "nowhere"))).rejects.toMatchObject({ code: "not-found" })
  })
})

/** The same checkpoint with every weight rounded (F16) or cut (BF16) to two bytes. */
async function halved(model: string, dtype: "F16" | "BF16"): Promise<Buffer> {
  const source = await openSafetensors(model)
  const header: Record<string, object> = {}
  const parts: Uint8Array[] = []
  let at = 0
  for (const [name, { shape }] of source.tensors) {
    const values = await source.read(name)
    const bytes = new Uint8Array(
      Uint16Array.from(values, dtype === "F16" ? toHalf : (value) => bits(value) >>> 16).buffer,
    )
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] }
    at += bytes.length
    parts.push(bytes)
  }
  const json = Buffer.from(JSON.stringify(header))
  const lead = Buffer.alloc(8)
  lead.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([lead, json, ...parts])
}

function bits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]
}

/** Round half up; weights here are small normal numbers or zero. */
function toHalf(value: number): number {
  const word = bits(value)
  const exponent = ((word >>> 23) & 255) - 112
  if (exponent <= 0) return (word >>> 16) & 0x8000
  return ((word >>> 16) & 0x8000) + ((((exponent << 23) | (word & 0x7fffff)) + 0x1000) >>> 13)
}
