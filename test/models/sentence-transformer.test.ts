import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { readSentenceTransformer } from "../../src/models/sentence-transformer.js"

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-sentence-"))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function put(files: Record<string, unknown>): Promise<void> {
  for (const [name, value] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), JSON.stringify(value))
  }
}

const module = (type: string, path: string) => ({ type: `sentence_transformers.models.${type}`, path })
const modules = [module("Transformer", ""), module("Pooling", "1_Pooling"), module("Normalize", "2_Normalize")]

describe("readSentenceTransformer", () => {
  it("is undefined for a plain transformer", async () => {
    expect(await readSentenceTransformer(folder)).toBeUndefined()
  })

  it("reads pooling, normalisation, length, case and prompts", async () => {
    await put({
      "modules.json": modules,
      "1_Pooling/config.json": {
        word_embedding_dimension: 8,
        pooling_mode_cls_token: false,
        pooling_mode_mean_tokens: true,
      },
      "sentence_bert_config.json": { max_seq_length: 256, do_lower_case: true },
      "config_sentence_transformers.json": {
        prompts: { query: "query: ", passage: "passage: " },
        default_prompt_name: null,
      },
    })
    expect(await readSentenceTransformer(folder)).toEqual({
      transformer: folder.endsWith("/") ? folder : join(folder, ""),
      pooling: "mean",
      normalize: true,
      maxLength: 256,
      lowerCase: true,
      prompts: { query: "query: ", document: "passage: " },
    })
  })

  it("takes the transformer from its own folder, and the default prompt for both sides", async () => {
    await put({
      "modules.json": [module("Transformer", "0_Transformer"), module("Pooling", "1_Pooling")],
      "1_Pooling/config.json": { pooling_mode: "lasttoken" },
      "0_Transformer/sentence_roberta_config.json": { max_seq_length: 128 },
      "config_sentence_transformers.json": { prompts: { retrieval: "find: " }, default_prompt_name: "retrieval" },
    })
    expect(await readSentenceTransformer(folder)).toMatchObject({
      transformer: join(folder, "0_Transformer"),
      pooling: "last",
      normalize: false,
      maxLength: 128,
      lowerCase: false,
      prompts: { query: "find: ", document: "find: " },
    })
  })

  it("refuses modules and poolings that it would compute wrongly", async () => {
    const pooling = (config: object, list: unknown = modules) =>
      put({ "modules.json": list, "1_Pooling/config.json": config }).then(() => readSentenceTransformer(folder))
    await expect(pooling({ pooling_mode_cls_token: true, pooling_mode_mean_tokens: true })).rejects.toThrow(
      /pooling_mode_cls_token and pooling_mode_mean_tokens is not supported/,
    )
    await expect(pooling({})).rejects.toMatchObject({ code: "model" })
    await expect(pooling({ pooling_mode: "mean" }, [...modules, module("Dense", "3_Dense")])).rejects.toThrow(/Dense/)
    await expect(pooling({ pooling_mode: "mean" }, [module("Pooling", "1_Pooling")])).rejects.toMatchObject({
      code: "model",
    })
    await expect(pooling({ pooling_mode: "mean" }, {})).rejects.toMatchObject({ code: "data" })
    await put({ "config_sentence_transformers.json": { prompts: { query: "q: " } } })
    await expect(pooling({ pooling_mode: "mean", include_prompt: false })).rejects.toThrow(/include_prompt/)
  })
})
