/** What a folder is, how it is opened, and whether it is found to be right. */
import { existsSync } from "node:fs"
import { cp, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { defaultModelsDir } from "../../src/models/locate.js"
import { identifyModel, openModel } from "../../src/models/open-model.js"
import { checkModel, type ModelCheck } from "../../src/models/open-model-check.js"

const shared = join(import.meta.dirname, "../../../shared/models")
const miniLm = join(defaultModelsDir(), "all-MiniLM-L6-v2")

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-open-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe("identifyModel", () => {
  let count = 0
  async function model(config: object, modules?: readonly string[], name = `model-${count++}`): Promise<string> {
    const place = join(folder, name)
    await mkdir(place, { recursive: true })
    await writeFile(join(place, "config.json"), JSON.stringify(config))
    if (modules)
      await writeFile(join(place, "modules.json"), JSON.stringify(modules.map((type) => ({ type, path: "" }))))
    return place
  }
  const kindOf = async (place: string) => (await identifyModel(place)).kind
  const bert = (architecture: string) => ({ model_type: "bert", architectures: [architecture] })

  it("tells each kind from modules and architectures", async () => {
    const st = "sentence_transformers.models."
    expect(await kindOf(await model({}, [`${st}StaticEmbedding`, `${st}Normalize`]))).toBe("static")
    expect(await kindOf(await model({ model_type: "model2vec" }))).toBe("static")
    expect(await kindOf(await model(bert("BertModel"), [`${st}Transformer`, `${st}Pooling`, `${st}Dense`]))).toBe(
      "embedder",
    )
    expect(await kindOf(await model(bert("BertModel")))).toBe("embedder")
    const splade = ["sentence_transformers.sparse_encoder.models.MLMTransformer", "x.SpladePooling"]
    expect(await kindOf(await model(bert("BertForMaskedLM"), splade))).toBe("sparse")
    expect(await kindOf(await model(bert("BertForSequenceClassification")))).toBe("cross-encoder")
    expect(await kindOf(await model(bert("HF_ColBERT")))).toBe("late-interaction")
    expect(await kindOf(await model(bert("BertModel"), [`${st}Transformer`, "pylate.models.Dense.Dense"]))).toBe(
      "late-interaction",
    )
    expect(await kindOf(await model({ model_type: "t5", architectures: ["T5ForConditionalGeneration"] }))).toBe("t5")
    expect(await kindOf(await model({ model_type: "qwen3", architectures: ["Qwen3ForCausalLM"] }))).toBe("decoder")
    const classifier = { model_type: "qwen3", architectures: ["Qwen3ForSequenceClassification"] }
    expect(await kindOf(await model(classifier))).toBe("decoder")
  })

  it("asks where nothing tells, and takes the answer, the caller's or a registry's", async () => {
    const masked = await model(bert("BertForMaskedLM"))
    await expect(identifyModel(masked)).rejects.toMatchObject({
      code: "model",
      message: expect.stringContaining('kind "sparse"'),
    })
    expect(await identifyModel(masked, { kind: "sparse" })).toMatchObject({ kind: "sparse", reason: "asked for" })
    const silent = await model({ hidden_size: 8 }, undefined, "silent-model")
    await expect(identifyModel(silent)).rejects.toMatchObject({
      code: "model",
      message: expect.stringContaining("RANKINE_REGISTRY"),
    })
    const registry = join(folder, "own.yaml")
    await writeFile(registry, "- { name: silent-model, kind: embedder, source: mine }")
    expect(await identifyModel(silent, { registry })).toMatchObject({ kind: "embedder", name: "silent-model" })
    const known = await model(bert("BertForMaskedLM"), undefined, "splade-tiny")
    expect(await identifyModel(known)).toMatchObject({ kind: "sparse", reason: expect.stringContaining("registry") })
  })

  it("believes files that leave no doubt, and the check says that the registry disagrees", async () => {
    const place = await model(bert("BertForSequenceClassification"), undefined, "e5-small-v2")
    expect(await identifyModel(place)).toMatchObject({ kind: "cross-encoder", entry: { kind: "embedder" } })
    const { ok, findings } = await checkModel(place)
    expect(ok).toBe(false)
    expect(findings[0]).toMatchObject({
      status: "problem",
      what: expect.stringContaining("the registry says embedder"),
    })
    // No weights either: a finding, no exception.
    expect(findings.at(-1)).toMatchObject({ status: "problem", code: "not-found" })
  })

  it("does not open a decoder as something else", async () => {
    const place = await model({ model_type: "llama", architectures: ["LlamaForCausalLM"] })
    await expect(openModel(place)).rejects.toMatchObject({ code: "model", message: expect.stringContaining("decoder") })
    await expect(openModel(join(folder, "absent"), { download: false })).rejects.toMatchObject({ code: "not-found" })
  })
})

const text = ({ findings }: ModelCheck) => findings.map(({ status, what }) => `${status}: ${what}`).join("\n")

describe.skipIf(!existsSync(shared) || !installed("onnxruntime-node"))("checkModel", () => {
  it("finds models right whose numbers are those of the reference", async () => {
    for (const [name, numbers] of [
      ["potion-base-4M-int8", 38],
      ["splade-tiny", 33],
    ] as const) {
      const check = await checkModel(join(shared, name), { device: "cpu" })
      expect(check.ok, text(check)).toBe(true)
      expect(text(check)).toContain(`ok: ${numbers} numbers as`)
      expect(text(check)).toContain("the weights are those that were published")
    }
  })

  it("looks at the form of what it does not know", async () => {
    const check = await checkModel(join(shared, "model2vec-fixture-vocab-quantized"))
    expect(check).toMatchObject({ ok: true, info: { kind: "static", entry: undefined } })
    expect(text(check)).toContain("the registry does not know")
    expect(text(check)).toContain("alone and in a batch")
  })

  it("tells one changed byte among the weights", async () => {
    const place = join(folder, "copies", "potion-base-4M")
    await cp(join(shared, "potion-base-4M-int8"), place, { recursive: true })
    const file = await open(join(place, "model.safetensors"), "r+")
    await file.write(Uint8Array.of(77), 0, 1, 3_000_000)
    await file.close()
    const check = await checkModel(place)
    expect(check.ok).toBe(false)
    expect(check.findings.find(({ status }) => status === "problem")).toMatchObject({ code: "checksum" })
  })

  it("tells another tokenizer by the numbers", async () => {
    const place = join(folder, "copies", "splade-tiny")
    await cp(join(shared, "splade-tiny"), place, { recursive: true })
    const path = join(place, "tokenizer.json")
    const tokenizer = await readFile(path, "utf8")
    const changed = tokenizer
      .replace('"lowercase": true', '"lowercase": false')
      .replace('"lowercase":true', '"lowercase":false')
    expect(changed).not.toBe(tokenizer)
    await writeFile(path, changed)
    const check = await checkModel(place, { device: "cpu" })
    expect(check.findings.filter(({ status }) => status === "problem")).toMatchObject([
      { code: "model", what: expect.stringContaining("numbers differ from those of transformers") },
    ])
  })
})

describe.skipIf(!existsSync(join(miniLm, "model.safetensors")) || !installed("onnxruntime-node"))(
  "checkModel on all-MiniLM-L6-v2",
  () => {
    it("finds it right, and says what is wrong with changed prompts and poolings", async () => {
      const right = await checkModel("all-MiniLM-L6-v2", { device: "cpu" })
      expect(right.ok, text(right)).toBe(true)
      expect(text(right)).toContain("50 numbers as sentence-transformers")
      const place = join(folder, "copies", "all-MiniLM-L6-v2")
      await cp(miniLm, place, { recursive: true })
      await writeFile(
        join(place, "config_sentence_transformers.json"),
        JSON.stringify({ prompts: { query: "query: ", document: "" } }),
      )
      const prompted = await checkModel(place, { device: "cpu" })
      expect(text(prompted)).toContain('problem: the prompt of queries is "query: "')
      expect(text(prompted)).toContain("problem: numbers differ")
      await writeFile(join(place, "config_sentence_transformers.json"), "{}")
      await writeFile(join(place, "1_Pooling", "config.json"), JSON.stringify({ pooling_mode: "cls" }))
      const pooled = await checkModel(place, { device: "cpu" })
      expect(text(pooled)).toContain('problem: pooling is "cls"')
      expect(text(pooled)).toContain("problem: numbers differ")
    })
  },
)
