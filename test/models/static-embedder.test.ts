import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadStaticEmbedder } from "../../src/models/static-embedder.js"
import { loadTokenizer } from "../../src/models/tokenizer.js"
import { tokenReader } from "../../src/models/word-tokens.js"

const shared = fileURLToPath(new URL("../../../shared", import.meta.url))
const potion = join(shared, "models/potion-base-4M-int8")
const quantized = join(shared, "models/model2vec-fixture-vocab-quantized")

/** A safetensors file of the tensors. */
function safetensors(tensors: Record<string, { dtype: string; shape: number[]; bytes: Uint8Array }>): Buffer {
  let offset = 0
  const header: Record<string, unknown> = {}
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] }
    offset += bytes.length
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, ...Object.values(tensors).map(({ bytes }) => bytes)])
}
const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

const vocabulary = ["[PAD]", "[UNK]", "steam", "heat", "engine", "##s", ",", "-"]
const tokenizer = {
  added_tokens: [
    { id: 1, content: "[UNK]", special: true, normalized: false, single_word: false, lstrip: false, rstrip: false },
  ],
  normalizer: {
    type: "BertNormalizer",
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: "BertPreTokenizer" },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
  },
}
const table = Float32Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? i / 2 : -(i ** 2)))
const row = (id: number) => [table[2 * id]!, table[2 * id + 1]!]
const mean = (...rows: number[][]) =>
  [0, 1].map((i) => rows.reduce((sum, one) => sum + one[i]!, 0) / Math.max(1, rows.length))

let folder: string
let count = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-static-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function model(
  tensors: Parameters<typeof safetensors>[0] = { embeddings: { dtype: "F32", shape: [8, 2], bytes: bytesOf(table) } },
  config: Record<string, unknown> | undefined = { normalize: false },
): Promise<string> {
  const path = join(folder, `model-${count++}`)
  const { mkdir } = await import("node:fs/promises")
  await mkdir(path)
  await writeFile(join(path, "model.safetensors"), safetensors(tensors))
  await writeFile(join(path, "tokenizer.json"), JSON.stringify(tokenizer))
  if (config) await writeFile(join(path, "config.json"), JSON.stringify(config))
  return path
}

describe("a static embedder", () => {
  it("takes the mean of the tokens' vectors and drops unknown tokens", async () => {
    const embedder = await loadStaticEmbedder(await model())
    const texts = ["steam", "Steam, ENGINES", "  zyzzyva heat ", "zyzzyva", ""]
    const { vectors, tokens, truncated } = await embedder.embed(texts, "document")
    const expected = [row(2), mean(row(2), row(6), row(4), row(5)), row(3), [0, 0], [0, 0]]
    for (const [i, vector] of vectors.entries()) expect([...vector]).toEqual(expected[i]!.map(Math.fround))
    expect(tokens).toBe(6)
    expect(truncated).toEqual([])
    expect(embedder).toMatchObject({ dimension: 2, pooling: "mean", normalized: false })
    expect(await embedder.encode([texts[1]!], "query")).toEqual([vectors[1]])
  })

  it("brings vectors to length 1 where config.json or the caller says so", async () => {
    for (const embedder of [
      await loadStaticEmbedder(await model(undefined, { normalize: true })),
      await loadStaticEmbedder(await model(), { normalize: true }),
    ]) {
      const [vector, zero] = await embedder.encode(["steam heat", "?"], "document")
      const [x, y] = mean(row(2), row(3)) as [number, number]
      expect([...vector!]).toEqual(
        [x / Math.hypot(x, y), y / Math.hypot(x, y)].map((value) => expect.closeTo(value, 6)),
      )
      expect([...zero!]).toEqual([0, 0])
      expect(embedder.normalized).toBe(true)
    }
  })

  it("reads int8, half floats, and groups of tokens with weights", async () => {
    const codes = Int8Array.from({ length: 16 }, (_, i) => 9 * i - 70)
    const int8 = await loadStaticEmbedder(
      await model({ embeddings: { dtype: "I8", shape: [8, 2], bytes: bytesOf(codes) } }),
    )
    expect([...(await int8.encode(["steam heat"], "query"))[0]!]).toEqual([
      (codes[4]! + codes[6]!) / 2,
      (codes[5]! + codes[7]!) / 2,
    ])
    const halves = Uint16Array.from({ length: 16 }, (_, i) => 0x3c00 + 64 * i)
    const half = await loadStaticEmbedder(
      await model({ embeddings: { dtype: "F16", shape: [8, 2], bytes: bytesOf(halves) } }),
    )
    expect([...(await half.encode(["steam"], "query"))[0]!]).toEqual([1 + 4 / 16, 1 + 5 / 16])
    const groups = await loadStaticEmbedder(
      await model({
        embeddings: { dtype: "F32", shape: [2, 2], bytes: bytesOf(Float32Array.of(1, 2, 10, 20)) },
        mapping: { dtype: "I32", shape: [8], bytes: bytesOf(Int32Array.of(0, 0, 0, 1, 1, 0, 0, 0)) },
        weights: { dtype: "F64", shape: [8], bytes: bytesOf(Float64Array.of(0, 0, 2, 3, 1, 1, 1, 1)) },
      }),
    )
    expect([...(await groups.encode(["steam heat"], "query"))[0]!]).toEqual([
      (2 * 1 + 3 * 10) / 2,
      (2 * 2 + 3 * 20) / 2,
    ])
  })

  it("cuts at maxLength after dropping unknown tokens, and counts the texts", async () => {
    const embedder = await loadStaticEmbedder(await model(), { maxLength: 2 })
    const { vectors, tokens, truncated } = await embedder.embed(
      ["zyzzyva steam zyzzyva heat", "steam heat engine"],
      "document",
    )
    expect([...vectors[0]!]).toEqual(mean(row(2), row(3)))
    expect(vectors[1]).toEqual(vectors[0])
    expect({ tokens, truncated }).toEqual({ tokens: 4, truncated: [1] })
    for (const maxLength of [0, -1, 1.5])
      await expect(loadStaticEmbedder(await model(), { maxLength })).rejects.toMatchObject({ code: "argument" })
  })

  it("says what is wrong with a model", async () => {
    const wrong = async (tensors: Parameters<typeof safetensors>[0]) => loadStaticEmbedder(await model(tensors))
    const f32 = (shape: number[]) => ({
      dtype: "F32",
      shape,
      bytes: bytesOf(new Float32Array(shape.reduce((a, b) => a * b))),
    })
    await expect(wrong({ other: f32([8, 2]) })).rejects.toMatchObject({
      code: "data",
      message: expect.stringContaining("other"),
    })
    await expect(wrong({ embeddings: f32([7, 2]) })).rejects.toMatchObject({
      code: "data",
      message: expect.stringContaining("8 tokens"),
    })
    await expect(wrong({ embeddings: f32([8, 2]), weights: f32([5]) })).rejects.toMatchObject({ code: "data" })
    const mapping = { dtype: "I32", shape: [8], bytes: bytesOf(Int32Array.of(0, 0, 0, 9, 0, 0, 0, 0)) }
    await expect(wrong({ embeddings: f32([8, 2]), mapping })).rejects.toMatchObject({ code: "data" })
    await expect(loadStaticEmbedder(join(folder, "nowhere"))).rejects.toMatchObject({ code: "not-found" })
  })

  it("tells models apart by their weights, stops at a signal, and refuses what is no text", async () => {
    const embedder = await loadStaticEmbedder(await model())
    const twin = await loadStaticEmbedder(await model())
    const other = await loadStaticEmbedder(
      await model({ embeddings: { dtype: "F32", shape: [8, 2], bytes: bytesOf(table.map((x) => x + 1)) } }),
    )
    expect(twin.checksum).toBe(embedder.checksum)
    expect(other.checksum).not.toBe(embedder.checksum)
    await expect(embedder.embed(["a"], "query", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    })
    await expect(embedder.embed(["a", 3 as unknown as string], "query")).rejects.toMatchObject({ code: "argument" })
  })
})

describe.skipIf(!existsSync(potion))("potion-base-4M-int8", () => {
  it("has the same tokens word by word as in whole texts", async () => {
    const general = await loadTokenizer(potion)
    const json = JSON.parse(await readFile(join(potion, "tokenizer.json"), "utf8")) as Record<string, unknown>
    const read = tokenReader(general, json)
    const texts = [
      "It's 3.5% [SEP] of the U.S.-based\tco-operative's\r\nrevenue (ÄÖÜ naïve) — 東京タワー 𝒳 ﬁ x\u0301y",
      "\u00a0nbsp\u2003em space\u200bzero\u0000nul \u0085 a\u2028b \ufeff bom ΣΑΣ, ΟΔΥΣΣΕΥΣ. İstanbul ẞ",
      `${"long".repeat(40)} [UNK] [MASK]ed [pad] ##s ## $5~6^7\`8|9\\0`,
      "\ud800 lone \udc00surrogates e\u0301\u0302 ½ ² ™ \u{1F980}crab",
    ]
    for (const set of ["cranfield", "nfcorpus"]) {
      const corpus = join(shared, "data", set, "corpus.jsonl")
      if (existsSync(corpus)) texts.push(...(await readFile(corpus, "utf8")).split("\n").filter(Boolean).slice(0, 400))
    }
    for (const text of texts) {
      const ids: number[] = []
      read(text, ids)
      expect(ids).toEqual(general.encode(text, { special: false }).ids.filter((id) => id !== 1))
    }
  })

  it("gives unit vectors, equal texts near and unlike ones far", async () => {
    const embedder = await loadStaticEmbedder(potion)
    expect(embedder).toMatchObject({ name: "potion-base-4M-int8", dimension: 128, normalized: true })
    const [cat, kitten, tax] = await embedder.encode(
      ["a cat sleeps", "the kitten is sleeping", "corporate tax law"],
      "document",
    )
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
    expect(dot(cat!, cat!)).toBeCloseTo(1, 6)
    expect(dot(cat!, kitten!)).toBeGreaterThan(dot(cat!, tax!) + 0.2)
  })
})

describe.skipIf(!existsSync(quantized))("the fixture of a quantised vocabulary", () => {
  it("loads, with a Unigram tokenizer, weights and a mapping", async () => {
    const embedder = await loadStaticEmbedder(quantized)
    expect(embedder).toMatchObject({ dimension: 64, normalized: true })
    const [vector] = await embedder.encode(["hello world"], "document")
    // By numpy over the Rust tokenizers.
    const expected = [-0.000601752524462273, -0.32968359111781864, 0.3118315431528012, -0.10358465754509846]
    expected.forEach((value, i) => {
      expect(vector![i]).toBeCloseTo(value, 6)
    })
    expect(Math.hypot(...vector!)).toBeCloseTo(1, 6)
  })
})
