import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { isQuantized, readWeights, scaleNameOf } from "../../../src/models/checkpoint/quantized.js"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { writeSafetensors } from "../../../src/models/checkpoint/write-safetensors.js"
import { loadEncoder } from "../../../src/models/encoder/load.js"
import { blocksOfRows, quantizeBlocks } from "../../../src/models/quantize/blocks.js"
import { quantizeCheckpoint } from "../../../src/models/quantize/quantize-checkpoint.js"
import { quantizeRows } from "../../../src/models/quantize/rows.js"
import { loadSparseEncoder } from "../../../src/models/sparse-encoder.js"
import { families, largestDifference, missing, reference, shared, tiny } from "../encoder/reference.js"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-quantize-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe("quantizeRows", () => {
  it("rounds each row by its own largest magnitude, ties to even", () => {
    const { codes, scales } = quantizeRows(Float32Array.of(127, -2.5, 1.5, 0, 0, 0, -254, 3, 2), 3)
    expect([...codes]).toEqual([127, -2, 2, 0, 0, 0, -127, 2, 1])
    expect([...scales]).toEqual([1, 0, 2])
  })
})

describe("quantizeBlocks", () => {
  it("gives back every value within half a step of its block", () => {
    const [rows, columns] = [3, 40]
    const values = Float32Array.from(
      { length: rows * columns },
      (_, index) => Math.sin(index * 7.3) * (1 + (index % 5)),
    )
    for (const bits of [4, 8] as const) {
      const { codes, scales } = quantizeBlocks(values, rows, bits, 32)
      expect(codes.length).toBe((rows * 2 * 32 * bits) / 8)
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++) {
          const scale = scales[row * 2 + Math.floor(column / 32)]
          const index = row * 64 + column
          const code = bits === 8 ? codes[index] - 128 : ((codes[index >> 1] >> (index % 2 ? 4 : 0)) & 15) - 8
          const step = Math.abs(scale)
          // The side opposite to the largest magnitude has one integer less.
          expect(Math.abs(code * scale - values[row * columns + column])).toBeLessThanOrEqual(step * 1.0001)
          if (code !== 2 ** (bits - 1) - 1)
            expect(Math.abs(code * scale - values[row * columns + column])).toBeLessThanOrEqual(step * 0.5001)
        }
    }
  })

  it("takes rows of integers over as they are", () => {
    const rows = quantizeRows(Float32Array.of(1, -2, 3, 4, 5, -6), 2)
    const { codes, scales } = blocksOfRows(rows, 16)
    expect([...codes.subarray(0, 4)]).toEqual([...rows.codes.subarray(0, 3), 0].map((code) => code + 128))
    expect([...codes.subarray(16, 19)]).toEqual([...rows.codes.subarray(3)].map((code) => code + 128))
    expect([...scales]).toEqual([...rows.scales])
  })
})

describe("writeSafetensors", () => {
  const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)

  it("writes what openSafetensors reads, each tensor aligned to its elements", async () => {
    const path = join(folder, "written.safetensors")
    const tensors = [
      { name: "odd", dtype: "I8", shape: [3], bytes: () => Uint8Array.of(1, 255, 3) },
      { name: "matrix", dtype: "F32", shape: [2, 1], bytes: async () => floats(1.5, -2) },
    ] as const
    await writeSafetensors(path, tensors, { format: "pt" })
    const file = await openSafetensors(path)
    expect([...(await file.read("matrix"))]).toEqual([1.5, -2])
    expect([...(await file.read("odd"))]).toEqual([1, -1, 3])
    expect(file.metadata).toEqual({ format: "pt" })
    expect(file.tensors.get("matrix")!.offset % 4).toBe(0)
  })

  it("leaves nothing behind where it fails", async () => {
    const place = join(folder, "failing")
    await mkdir(place)
    const path = join(place, "model.safetensors")
    const short = { name: "a", dtype: "F32", shape: [2], bytes: () => floats(1) } as const
    await expect(writeSafetensors(path, [short])).rejects.toMatchObject({ code: "argument" })
    await expect(writeSafetensors(path, [short, short])).rejects.toThrow(/two tensors are called a/)
    const broken = { ...short, bytes: () => Promise.reject(new Error("no disk")) }
    await expect(writeSafetensors(path, [broken])).rejects.toMatchObject({ code: "storage" })
    await expect(writeSafetensors(join(place, "no", "x"), [])).rejects.toMatchObject({ code: "storage" })
    expect(await readdir(place)).toEqual([])
  })
})

describe.skipIf(missing)("quantizeCheckpoint", () => {
  it.each(families)("%s: weights within half a step, and the model computes with them", async (family) => {
    const output = join(folder, family)
    const { quantized } = await quantizeCheckpoint(join(tiny, family), output)
    expect(quantized.length).toBeGreaterThan(10)
    const before = await openSafetensors(join(tiny, family, "model.safetensors"))
    const after = await openSafetensors(output)
    expect(isQuantized(after)).toBe(true)
    for (const [name, { shape }] of before.tensors) {
      const [original, kept] = [await before.read(name), await readWeights(after, name)]
      if (!quantized.includes(name)) {
        expect(kept).toEqual(original)
        continue
      }
      const scales = await after.read(scaleNameOf(name))
      original.forEach((value, index) => {
        const scale = scales[Math.floor(index / shape[1])]
        if (Math.abs(value - kept[index]) > scale * 0.501)
          throw new Error(`${name}[${index}]: ${value}, ${kept[index]}`)
      })
    }
    const { rows, logits } = await reference(family)
    for (const precision of [undefined, "fp32", "fp16", "int8-weights", "int4-weights"] as const) {
      const options = { device: "cpu", output: { kind: "logits" }, ...(precision ? { precision } : {}) } as const
      await using model = await loadEncoder(output, options)
      expect(model.precision).toBe(precision ?? "int8")
      const found = (await model.run(rows)).flatMap((row) => [...row])
      expect(largestDifference(found, logits), precision).toBeLessThan(precision === "int4-weights" ? 1 : 0.2)
    }
  })

  it("copies the other files, refuses folders with weights and models quantised before", async () => {
    const source = join(folder, "source")
    await mkdir(join(source, "onnx"), { recursive: true })
    const weights = { name: "w", dtype: "F32", shape: [32, 32], bytes: () => new Uint8Array(4096) } as const
    await writeSafetensors(join(source, "model.safetensors"), [weights])
    for (const name of ["config.json", "pytorch_model.bin", "onnx/model.onnx"])
      await writeFile(join(source, name), "{}")
    const output = join(folder, "output")
    const { bytesBefore, bytesAfter, quantized } = await quantizeCheckpoint(source, output)
    expect(quantized).toEqual(["w"])
    expect(bytesAfter).toBeLessThan(bytesBefore / 2)
    expect((await readdir(output)).sort()).toEqual(["config.json", "model.safetensors"])
    expect(bytesAfter).toBe((await stat(join(output, "model.safetensors"))).size)
    await expect(quantizeCheckpoint(source, output)).rejects.toMatchObject({ code: "argument" })
    await expect(quantizeCheckpoint(source, source)).rejects.toMatchObject({ code: "argument" })
    await expect(quantizeCheckpoint(output, join(folder, "again"))).rejects.toThrow(/quantised already/)
  })

  it("says which scales are missing", async () => {
    const place = join(folder, "scaleless")
    await mkdir(place)
    const original = await openSafetensors(join(tiny, "bert", "model.safetensors"))
    const chosen = "bert.encoder.layer.0.output.dense.weight"
    const tensors = [...original.tensors].map(([name, { dtype, shape, length }]) =>
      name === chosen
        ? { name, dtype: "I8" as const, shape, bytes: () => new Uint8Array(length / 4) }
        : { name, dtype, shape, bytes: () => original.readRaw(name) },
    )
    await writeSafetensors(join(place, "model.safetensors"), tensors)
    await writeFile(join(place, "config.json"), await readFile(join(tiny, "bert", "config.json")))
    for (const precision of ["fp32", "int8"] as const)
      await expect(loadEncoder(place, { device: "cpu", precision })).rejects.toMatchObject({
        code: "data",
        message: expect.stringContaining(`${chosen}.scale`),
      })
  })
})

const splade = join(shared, "splade-tiny")

describe.skipIf(missing || !existsSync(splade))("splade-tiny as integers", () => {
  it("takes less than 4.7 MB and gives nearly the same weights", async () => {
    const output = join(folder, "splade-tiny")
    const { bytesAfter } = await quantizeCheckpoint(splade, output)
    expect(bytesAfter).toBeLessThan(4.7e6)
    const entries = JSON.parse(await readFile(join(shared, "reference/splade-tiny.json"), "utf8")) as {
      text: string
      weights: Record<string, number>
    }[]
    await using model = await loadSparseEncoder(output, { device: "cpu", maxLength: 256 })
    const vectors = await model.encode(
      entries.map(({ text }) => text),
      "document",
    )
    for (const [index, { weights }] of entries.entries()) {
      const ours = new Map([...vectors[index].ids].map((id, at) => [id, vectors[index].weights[at]]))
      let [product, left, right] = [0, 0, 0]
      for (const [id, weight] of Object.entries(weights)) {
        const found = ours.get(Number(id)) ?? 0
        product += found * weight
        left += found * found
        right += weight * weight
      }
      expect(product / Math.sqrt(left * right), entries[index].text.slice(0, 20)).toBeGreaterThan(0.995)
    }
  })
})
