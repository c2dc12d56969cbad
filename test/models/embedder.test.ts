import { existsSync } from "node:fs"
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadEmbedder } from "../../src/models/embedder.js"
import { loadEncoder } from "../../src/models/encoder/load.js"
import { loadTokenizer } from "../../src/models/tokenizer.js"

const tiny = join(import.meta.dirname, "../../../shared/models/tiny")

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

describe.skipIf(!existsSync(tiny) || !installed("onnxruntime-node"))("loadEmbedder", () => {
  let folder: string
  beforeAll(async () => {
    folder = join(await mkdtemp(join(tmpdir(), "rankine-embedder-")), "little-bert")
    await cp(join(tiny, "bert"), folder, { recursive: true })
    const vocab = Object.fromEntries(
      Array.from({ length: 384 }, (_, id) => [["[PAD]", "[UNK]", "[CLS]", "[SEP]"][id] ?? `w${id}`, id]),
    )
    await writeFile(
      join(folder, "tokenizer.json"),
      JSON.stringify({
        added_tokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map((content, id) => ({ id, content, special: true })),
        pre_tokenizer: { type: "WhitespaceSplit" },
        post_processor: { type: "BertProcessing", cls: ["[CLS]", 2], sep: ["[SEP]", 3] },
        model: { type: "WordPiece", vocab, unk_token: "[UNK]", continuing_subword_prefix: "##" },
      }),
    )
  })
  afterAll(() => rm(join(folder, ".."), { recursive: true, force: true }))

  async function describeModel(pooling: string, prompts: object): Promise<void> {
    const module = (type: string, path: string) => ({ type: `sentence_transformers.models.${type}`, path })
    await mkdir(join(folder, "1_Pooling"), { recursive: true })
    await writeFile(join(folder, "1_Pooling/config.json"), JSON.stringify({ pooling_mode: pooling }))
    await writeFile(
      join(folder, "modules.json"),
      JSON.stringify([module("Transformer", ""), module("Pooling", "1_Pooling")]),
    )
    await writeFile(
      join(folder, "sentence_bert_config.json"),
      JSON.stringify({ max_seq_length: 10, do_lower_case: true }),
    )
    await writeFile(join(folder, "config_sentence_transformers.json"), JSON.stringify({ prompts }))
  }

  it("asks how to pool where no file says it", async () => {
    await expect(loadEmbedder(folder, { device: "cpu" })).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("modules.json"),
    })
    await using model = await loadEmbedder(folder, { device: "cpu", pooling: "cls" })
    expect(model).toMatchObject({ name: "little-bert", dimension: 64, pooling: "cls", normalized: true, maxLength: 80 })
  })

  it("follows the model's files, and counts what it cuts", async () => {
    await describeModel("cls", { query: "w7 ", document: "" })
    await using model = await loadEmbedder(folder, { device: "cpu" })
    await using plain = await loadEncoder(folder, {
      device: "cpu",
      output: { kind: "pooled", pooling: "cls", normalize: false },
    })
    const tokenizer = await loadTokenizer(folder)
    const expectVector = async (vector: Float32Array, text: string) => {
      const [wanted] = await plain.run([tokenizer.encode(text, { maxLength: 10 })])
      for (const [index, value] of wanted.entries()) expect(Math.abs(vector[index] - value)).toBeLessThan(1e-5)
    }
    const long = Array.from({ length: 30 }, (_, word) => `w${word + 5}`).join(" ")
    const { vectors, truncated, tokens } = await model.embed(["W5 w6", long, ""], "document")
    await expectVector(vectors[0], "w5 w6")
    await expectVector(vectors[1], long)
    await expectVector(vectors[2], "")
    expect(truncated).toEqual([1])
    expect(tokens).toBe(4 + 10 + 2)
    const [query] = await model.encode(["w5 w6"], "query")
    await expectVector(query, "w7 w5 w6")
    await using bare = await loadEmbedder(folder, { device: "cpu", prompts: { query: "" }, normalize: true })
    const [unit] = await bare.encode(["w5 w6"], "query")
    const scale = Math.hypot(...vectors[0])
    for (const [index, value] of vectors[0].entries()) expect(Math.abs(unit[index] - value / scale)).toBeLessThan(1e-5)
  })

  it("refuses a length that the model does not read, and stops when told", async () => {
    await expect(loadEmbedder(folder, { device: "cpu", pooling: "cls", maxLength: 81 })).rejects.toMatchObject({
      code: "argument",
    })
    await using model = await loadEmbedder(folder, { device: "cpu", pooling: "cls" })
    await expect(model.encode(["w5"], "query", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    })
  })
})
