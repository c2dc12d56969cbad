import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { writeSafetensors } from "../../../src/models/checkpoint/write-safetensors.js"
import { parseDecoderConfig } from "../../../src/models/decoder/config.js"
import { loadDecoder } from "../../../src/models/decoder/load.js"
import { buildPrimitiveDecoder } from "../../../src/models/decoder/primitive.js"
import { bytesOf } from "../../../src/onnx/data-type.js"
import { createSession } from "../../../src/onnx/session.js"
import { tensor } from "../../../src/onnx/tensor.js"
import { installed } from "../encoder/reference.js"
import { weight } from "../t5/weights.js"
import { largestDifference } from "./reference.js"

interface Case {
  readonly name: string
  readonly config: Record<string, unknown>
  readonly older: Record<string, unknown> | null
  readonly tensors: Record<string, number[]>
  readonly rows: number[][]
  /** After the last tokens of each row. */
  readonly logits: number[][][]
}

const fixture = join(import.meta.dirname, "fixtures/shapes.json")
const cases: Case[] = JSON.parse(await readFile(fixture, "utf8"))
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-decoder-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The checkpoint of a case, with the weights that the fixture's script made. */
async function written({ name, tensors, config }: Case): Promise<{ place: string; config: typeof config }> {
  const place = join(folder, name.replaceAll(/\W/g, "-"))
  if (!existsSync(`${place}.safetensors`))
    await writeSafetensors(
      `${place}.safetensors`,
      Object.entries(tensors).map(([tensorName, shape]) => ({
        name: tensorName,
        dtype: "F32" as const,
        shape,
        bytes: () => bytesOf(weight(tensorName, shape)),
      })),
    )
  return { place: `${place}.safetensors`, config }
}

describe.skipIf(!installed("onnxruntime-node")).each(cases)("$name", (given) => {
  const frozen = given.logits.map((row) => Float32Array.from(row.flat()))

  it("gives transformers' logits, at once and token by token", async () => {
    const { place, config } = await written(given)
    const checkpoint = await openSafetensors(place)
    await using model = await loadDecoder({ checkpoint, config }, { device: "cpu" })
    const count = given.logits[0]!.length
    const places = given.rows.map(({ length }) => Array.from({ length: count }, (_, index) => length - count + index))
    const { logits } = await model.read(given.rows, { logits: places })
    expect(largestDifference(logits, frozen)).toBeLessThan(1e-4)

    await using cache = await model.createCache(2)
    await model.read(
      given.rows.map((row) => row.slice(0, -count)),
      { cache, logits: "none" },
    )
    for (let step = 0; step < count; step++) {
      const read = await model.read(
        given.rows.map((row) => [row.at(step - count)!]),
        { cache },
      )
      const expected = given.logits.map((row) => Float32Array.from(row[step]!))
      expect(largestDifference(read.logits, expected), `step ${step}`).toBeLessThan(1e-4)
    }
  })

  it("gives them with primitive operators, padded behind", async () => {
    const { place, config: raw } = await written(given)
    const config = parseDecoderConfig(raw)
    const built = await buildPrimitiveDecoder(config, await openSafetensors(place), { logits: true })
    await using session = await createSession(built.model, { device: "cpu", externalData: built.folder })
    const length = Math.max(...given.rows.map((row) => row.length)) + 2
    const feed = (values: (row: number[]) => number[]) => {
      const padded = given.rows.map((row) => [...values(row), ...new Array(length - row.length).fill(0)])
      return tensor("int32", Int32Array.from(padded.flat()), [given.rows.length, length])
    }
    const feeds = { input_ids: feed((row) => row), attention_mask: feed((row) => row.map(() => 1)) }
    const data = (await session.run(feeds)).logits!.data as Float32Array
    const count = given.logits[0]!.length
    const ours = given.rows.map((row, index) => {
      const end = (index * length + row.length) * config.vocabulary
      return data.subarray(end - count * config.vocabulary, end)
    })
    expect(largestDifference(ours, frozen)).toBeLessThan(1e-4)
  })

  it.skipIf(!given.older)("is the same model in an older version's config.json", () => {
    const { raw, ...config } = parseDecoderConfig(given.config)
    const { raw: olderRaw, ...older } = parseDecoderConfig(given.older!)
    expect(older).toEqual(config)
    expect(olderRaw).not.toEqual(raw)
  })
})
