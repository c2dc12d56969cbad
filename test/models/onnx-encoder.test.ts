/** Exported graphs against graphs built here from the same weights, and against numbers of other implementations. */
import { existsSync } from "node:fs"
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadEmbedder } from "../../src/models/embedder.js"
import { type EncoderOptions, loadEncoder } from "../../src/models/encoder/load.js"
import { loadStaticEmbedder } from "../../src/models/static-embedder.js"
import { loadTokenizer } from "../../src/models/tokenizer.js"
import { GraphBuilder } from "../../src/onnx/graph.js"
import { encodeModel } from "../../src/onnx/protobuf.js"

const shared = join(import.meta.dirname, "../../../shared/models")

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

const close = (given: ArrayLike<number>, wanted: ArrayLike<number>, within = 1e-5) => {
  expect(given.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) expect(Math.abs(given[i] - wanted[i]), `component ${i}`).toBeLessThan(within)
}

const VOCABULARY = 40
const WIDTH = 96
/** The vector of token `id` in a table that any test can compute by itself. */
const component = (id: number, at: number) => Math.sin(id * 7 + at * 3)

describe.skipIf(!installed("onnxruntime-node"))("an exported encoder", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rankine-onnx-"))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  interface ExportShape {
    readonly output: string
    readonly opset?: number
    readonly mask?: string
    readonly type?: "int64" | "int32"
  }

  /** A model whose token vectors are rows of a table: what an encoder without layers would be. */
  async function exported(name: string, { output, opset = 21, mask = "attention_mask", type = "int64" }: ExportShape) {
    const graph = new GraphBuilder("export")
    const ids = graph.input("input_ids", type, ["batch", "sequence"])
    graph.input(mask, type, ["batch", "sequence"])
    const numbers = Float32Array.from({ length: VOCABULARY * WIDTH }, (_, at) =>
      component(Math.floor(at / WIDTH), at % WIDTH),
    )
    const table = graph.initializer("output", "float32", [VOCABULARY, WIDTH], new Uint8Array(numbers.buffer))
    graph.output(graph.gather(table, ids, 0), output)
    const place = join(folder, name)
    await mkdir(join(place, "onnx"), { recursive: true })
    await writeFile(
      join(place, "config.json"),
      JSON.stringify({ model_type: "something-new", vocab_size: VOCABULARY, hidden_size: WIDTH }),
    )
    const model = graph.build()
    await writeFile(join(place, "onnx", "model.onnx"), encodeModel({ ...model, opsets: { "": opset } }))
    return place
  }

  const rows = [{ ids: [5, 6, 7] }, { ids: [9] }, { ids: [1, 2, 3, 4, 39] }]
  const column = (ids: readonly number[], at: number) => ids.map((id) => component(id, at))
  const settings: EncoderOptions = { device: "cpu", batch: { maxRows: 2 } }

  it("of an unknown architecture is pooled inside the graph, whatever its opset and the width of its ids", async () => {
    const norm = (vector: number[]) => vector.map((value) => value / Math.hypot(...vector))
    const wanted = {
      mean: (ids: readonly number[]) =>
        Array.from({ length: WIDTH }, (_, at) => column(ids, at).reduce((a, b) => a + b) / ids.length),
      max: (ids: readonly number[]) => Array.from({ length: WIDTH }, (_, at) => Math.max(...column(ids, at))),
      cls: (ids: readonly number[]) => Array.from({ length: WIDTH }, (_, at) => component(ids[0], at)),
      last: (ids: readonly number[]) => Array.from({ length: WIDTH }, (_, at) => component(ids.at(-1)!, at)),
    }
    for (const opset of [13, 17, 18, 21]) {
      const type = opset === 17 ? "int32" : "int64"
      const place = await exported(`opset-${opset}`, { output: "last_hidden_state", opset, type })
      for (const pooling of Object.keys(wanted) as (keyof typeof wanted)[]) {
        await using model = await loadEncoder(place, {
          ...settings,
          output: { kind: "pooled", pooling, normalize: true },
        })
        expect(model).toMatchObject({ width: WIDTH, maxLength: 512, precision: "fp32" })
        const vectors = await model.run(rows)
        for (const [index, { ids }] of rows.entries()) close(vectors[index], norm(wanted[pooling](ids)))
      }
    }
  })

  it("gives token vectors, logits and SPLADE's weights", async () => {
    const place = await exported("tokens", { output: "token_embeddings" })
    await using hidden = await loadEncoder(place, settings)
    const [vectors] = await hidden.run([{ ids: [5, 6] }])
    close(
      vectors,
      Array.from({ length: 2 * WIDTH }, (_, at) => component(at < WIDTH ? 5 : 6, at % WIDTH)),
    )
    const logits = await exported("terms", { output: "logits", opset: 17 })
    await using terms = await loadEncoder(logits, { ...settings, output: { kind: "terms" } })
    const weights = await terms.run(rows)
    rows.forEach(({ ids }, index) => {
      const wanted = Array.from({ length: WIDTH }, (_, at) => Math.log1p(Math.max(0, ...column(ids, at))))
      close(weights[index], wanted)
    })
  })

  it("keeps its large weights in its own file, and its checksum follows them", async () => {
    const place = await exported("places", { output: "last_hidden_state" })
    const checksum = async (): Promise<string> => {
      await using model = await loadEncoder(place, settings)
      return model.checksum
    }
    const first = await checksum()
    const path = join(place, "onnx", "model.onnx")
    const bytes = await readFile(path)
    bytes[bytes.indexOf(Buffer.from(Float32Array.of(component(5, 0)).buffer))] ^= 1
    await writeFile(path, bytes)
    expect(await checksum()).not.toBe(first)
  })

  it("is refused by name where it is something else", async () => {
    const failure = async (place: string, options: EncoderOptions = {}) => {
      const outcome = await loadEncoder(place, { ...settings, ...options }).catch((thrown) => thrown)
      return outcome as { code: string; message: string }
    }
    const pixels = await exported("pixels", { output: "last_hidden_state", mask: "pixel_mask" })
    expect(await failure(pixels)).toMatchObject({ code: "model", message: expect.stringContaining("pixel_mask") })
    const other = await exported("other", { output: "boxes" })
    expect(await failure(other)).toMatchObject({ code: "model", message: expect.stringContaining("boxes") })
    expect(await failure(other, { output: { kind: "logits" } })).toMatchObject({ code: "model" })
    const old = await exported("old", { output: "last_hidden_state", opset: 11 })
    expect(await failure(old)).toMatchObject({ code: "model", message: expect.stringContaining("opset 11") })
    expect(await failure(old, { onnxPrecision: "q8" })).toMatchObject({
      code: "not-found",
      message: expect.stringContaining("onnx/model_quantized.onnx"),
    })
    await writeFile(join(old, "onnx", "model_fp16.onnx"), "")
    expect((await failure(old, { onnxPrecision: "q4" })).message).toContain("onnx/model_fp16.onnx")
    const bare = join(folder, "bare")
    await mkdir(bare)
    await writeFile(join(bare, "config.json"), JSON.stringify({ model_type: "nomic_bert" }))
    const unknown = await failure(bare)
    expect(unknown.code).toBe("model")
    for (const part of ["nomic_bert", "onnx/model.onnx", "modernbert"]) expect(unknown.message).toContain(part)
    expect(await failure(old, { file: "../model.onnx" })).toMatchObject({ code: "argument" })
    await writeFile(join(old, "onnx", "model.onnx"), "<html>not here</html>")
    expect(await failure(old)).toMatchObject({ code: "data" })
  })

  it("is refused before it is loaded where memory does not suffice", async () => {
    const place = await exported("large", { output: "last_hidden_state" })
    const outcome = await loadEncoder(place, { ...settings, availableMemory: 2 ** 20 }).catch((thrown) => thrown)
    expect(outcome).toMatchObject({
      code: "model",
      message: expect.stringMatching(/would take about .* MiB .* 1 MiB are free/),
    })
  })
})

describe.skipIf(!installed("onnxruntime-node") || !existsSync(shared))("exports of static embeddings", () => {
  for (const name of ["potion-base-4M-int8", "model2vec-fixture-vocab-quantized"])
    it(`${name} gives what our static embedder gives`, async () => {
      const texts = ["what is the capital of france", "Bananas are yellow and rich in potassium.", "gravity"]
      const place = join(shared, name)
      const model = await loadStaticEmbedder(place)
      const wanted = await model.encode(texts, "document")
      const tokenizer = await loadTokenizer(place)
      const rows = texts.map((text) => ({ ids: tokenizer.encode(text, { special: false }).ids }))
      const output = { kind: "pooled", pooling: "mean", normalize: true } as const
      await using encoder = await loadEncoder(place, { device: "cpu", output })
      const vectors = await encoder.run(rows)
      for (const [index, vector] of wanted.entries()) close(vectors[index], vector)
    })
})

describe.skipIf(!installed("onnxruntime-node") || !existsSync(shared))("an export beside safetensors", () => {
  it("is left aside where safetensors are there, unless it is asked for", async () => {
    const both = await mkdtemp(join(tmpdir(), "rankine-both-"))
    try {
      await cp(join(shared, "tiny", "bert"), both, { recursive: true })
      await mkdir(join(both, "onnx"))
      await writeFile(join(both, "onnx", "model.onnx"), "no graph")
      await using built = await loadEncoder(both, { device: "cpu" })
      expect(built.width).toBe(64)
      await expect(loadEncoder(both, { device: "cpu", weights: "onnx" })).rejects.toMatchObject({ code: "data" })
    } finally {
      await rm(both, { recursive: true, force: true })
    }
  })
})

/** Made by `torch.onnx.export` of all-MiniLM-L6-v2 with output `last_hidden_state`: too large to carry. */
const miniLm = process.env.RANKINE_TEST_MINILM_ONNX ?? ""

describe.skipIf(
  !installed("onnxruntime-node") || !existsSync(join(miniLm, "onnx", "model.onnx")) || !existsSync(shared),
)("an export of all-MiniLM-L6-v2 (RANKINE_TEST_MINILM_ONNX)", () => {
  it("gives the vectors of sentence-transformers", async () => {
    const references: { text: string; embedding: number[] }[] = JSON.parse(
      await readFile(join(shared, "reference", "all-MiniLM-L6-v2.json"), "utf8"),
    )
    await using model = await loadEmbedder(miniLm, { device: "cpu", weights: "onnx", maxLength: 256 })
    const vectors = await model.encode(
      references.map(({ text }) => text),
      "document",
    )
    for (const [index, { embedding }] of references.entries()) close(vectors[index], embedding)
  })
})
