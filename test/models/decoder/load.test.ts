import { cp, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { type TensorToWrite, writeSafetensors } from "../../../src/models/checkpoint/write-safetensors.js"
import { parseDecoderConfig } from "../../../src/models/decoder/config.js"
import { type DecoderOptions, loadDecoder } from "../../../src/models/decoder/load.js"
import { largestDifference, missing, reference, tiny } from "./reference.js"

describe("decoders' configurations", () => {
  const llama = {
    model_type: "llama",
    hidden_size: 64,
    intermediate_size: 112,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    vocab_size: 384,
  }

  it("have the defaults of their families", () => {
    expect(parseDecoderConfig(llama)).toMatchObject({
      keyHeads: 4,
      headWidth: 16,
      tied: false,
      windows: [0, 0],
      attentionScale: 0.25,
      ropes: [{ theta: 10_000, scaling: { kind: "none" } }, {}],
    })
    const gemma = { ...llama, model_type: "gemma3_text", num_hidden_layers: 7, sliding_window: 16 }
    expect(parseDecoderConfig(gemma)).toMatchObject({
      headWidth: 256,
      tied: true,
      embeddingScale: 8,
      attentionScale: 1 / 16,
      windows: [16, 16, 16, 16, 16, 0, 16],
    })
    expect(parseDecoderConfig(gemma).ropes.map(({ theta }) => theta)).toEqual([1e4, 1e4, 1e4, 1e4, 1e4, 1e6, 1e4])
    // Gemma 3 that also sees keeps the part for texts apart.
    const { model_type: _, ...text } = gemma
    const seeing = parseDecoderConfig({ model_type: "gemma3", text_config: text, vision_config: {} })
    expect({ ...seeing, raw: {} }).toEqual({ ...parseDecoderConfig(gemma), raw: {} })
    expect(parseDecoderConfig({ ...llama, eos_token_id: [2, 7], bos_token_id: 1 })).toMatchObject({
      endIds: [2, 7],
      beginId: 1,
    })
  })

  it.each([
    [{ model_type: "mamba" }, "model", /model_type "mamba"/],
    [{ model_type: undefined }, "model", /model_type undefined/],
    [{ rope_scaling: { rope_type: "yarn", factor: 4 } }, "model", /rope_type "yarn"/],
    [{ rope_parameters: { rope_type: "longrope", rope_theta: 1e4 } }, "model", /"longrope"/],
    [{ hidden_act: "xielu" }, "model", /"xielu"/],
    [{ partial_rotary_factor: 0.5 }, "model", /partial_rotary_factor 0.5/],
    [{ quantization_config: { quant_method: "gptq" } }, "model", /"gptq"/],
    [{ num_local_experts: 8 }, "model", /num_local_experts 8/],
    [{ model_type: "gemma3_text", use_bidirectional_attention: true }, "model", /bidirectional/],
    [{ model_type: "gemma3_text", layer_types: ["linear_attention", "full_attention"] }, "model", /linear_attention/],
    [{ model_type: "gemma3_text", layer_types: ["full_attention"] }, "data", /names 1 layers of 2/],
    [{ model_type: "gemma3_text" }, "data", /sliding_window must be a number/],
    [{ num_key_value_heads: 3 }, "data", /cannot share 3/],
    [{ hidden_size: "64" }, "data", /hidden_size must be a number/],
    [{ num_hidden_layers: 1.5 }, "data", /whole number/],
    [{ head_dim: 15 }, "data", /head_dim is 15/],
    [{ rope_scaling: { type: "linear" } }, "data", /factor must be a number/],
  ])("refuse %j", (change, code, message) => {
    const failure = (() => {
      try {
        return parseDecoderConfig({ ...llama, ...change }, "models/x/config.json")
      } catch (thrown) {
        return thrown as Error
      }
    })()
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) })
    expect((failure as Error).message).toContain("models/x/config.json: ")
  })
})

describe.skipIf(missing)("loading a decoder", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rankine-decoder-"))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** A copy of a miniature with other tensors or another configuration. */
  async function changed(
    family: string,
    name: string,
    change: (tensor: TensorToWrite) => TensorToWrite | undefined,
    config: object = {},
  ): Promise<string> {
    const place = join(folder, name)
    await cp(join(tiny, family), place, { recursive: true })
    const raw = JSON.parse(await readFile(join(tiny, family, "config.json"), "utf8"))
    await rm(join(place, "config.json"))
    await writeFile(join(place, "config.json"), JSON.stringify({ ...raw, ...config }))
    const source = await openSafetensors(join(tiny, family))
    const tensors = [...source.tensors].map(([tensor, { dtype, shape }]): TensorToWrite => {
      return { name: tensor, dtype: dtype as "F32", shape, bytes: () => source.readRaw(tensor) }
    })
    await rm(join(place, "model.safetensors"))
    await writeSafetensors(
      join(place, "model.safetensors"),
      tensors.map(change).filter((tensor) => tensor !== undefined),
    )
    return place
  }
  const failing = (place: string, options: DecoderOptions = {}) =>
    loadDecoder(place, { device: "cpu", ...options }).then(
      () => undefined,
      (thrown: Error) => thrown,
    )

  it("names tensor and file of what is wrong", async () => {
    const norm = "model.layers.1.post_attention_layernorm.weight"
    const without = await changed("llama", "without", (tensor) => (tensor.name === norm ? undefined : tensor))
    expect(await failing(without)).toMatchObject({
      code: "data",
      message: expect.stringMatching(
        /without\/model\.safetensors: no weight layers\.1\.post_attention_layernorm\.weight/,
      ),
    })
    const other = await changed("llama", "other", (tensor) => tensor, { intermediate_size: 96 })
    expect(await failing(other)).toMatchObject({
      code: "data",
      message: expect.stringMatching(
        /other\/model\.safetensors: weight model\.layers\.0\.mlp\.\w+\.weight has shape .*config\.json makes it/,
      ),
    })
    const untied = await changed("qwen2", "untied", (tensor) => tensor, { tie_word_embeddings: false })
    expect(await failing(untied)).toMatchObject({ code: "data", message: expect.stringContaining("lm_head.weight") })
    const strange = await changed("llama", "strange", (tensor) => tensor, { model_type: "rwkv" })
    expect(await failing(strange)).toMatchObject({
      code: "model",
      message: expect.stringMatching(/strange\/config\.json: .*"rwkv"/),
    })
    const cut = await changed("llama", "cut", (tensor) => tensor)
    await truncate(join(cut, "model.safetensors"), 100_000)
    expect(await failing(cut)).toMatchObject({
      code: "data",
      message: expect.stringMatching(/cut\/model\.safetensors: cut short/),
    })
    await rm(join(cut, "config.json"))
    expect(await failing(cut)).toMatchObject({ code: "not-found", message: expect.stringContaining("config.json") })
    expect(await failing(join(folder, "nowhere"))).toMatchObject({ code: "not-found" })
    expect(await failing(join(folder, "nowhere.onnx"))).toMatchObject({ code: "not-found" })
    expect(await failing(join(tiny, "llama"), { precision: "blocks" })).toMatchObject({ code: "argument" })
  })

  it("finds weights under the names of larger models, and reads half precision", async () => {
    const { rows, logits } = await reference(join(tiny, "gemma3"))
    const prefixed = await changed("gemma3", "prefixed", (tensor) => ({
      ...tensor,
      name: `language_model.${tensor.name}`,
    }))
    await using model = await loadDecoder(prefixed, { device: "cpu" })
    expect(largestDifference((await model.read(rows, { logits: "all" })).logits, logits)).toBeLessThan(1e-4)

    const half = await changed("llama", "half", (tensor) => ({
      ...tensor,
      dtype: "BF16",
      bytes: async () => {
        const words = new Uint16Array((await tensor.bytes()).slice().buffer)
        // The upper half of each float32.
        return new Uint8Array(words.filter((_, index) => index % 2 === 1).buffer)
      },
    }))
    const llama = await reference(join(tiny, "llama"))
    await using narrow = await loadDecoder(half, { device: "cpu" })
    const difference = largestDifference((await narrow.read(llama.rows, { logits: "all" })).logits, llama.logits)
    expect(difference).toBeGreaterThan(1e-3)
    expect(difference).toBeLessThan(0.5)
  })

  it("reads rows that are longer than one run, with and without a cache, as in pieces", async () => {
    const place = await changed("llama3-rope", "long", (tensor) => tensor, { max_position_embeddings: 2048 })
    await using model = await loadDecoder(place, { device: "cpu" })
    const row = Array.from({ length: 1300 }, (_, index) => 5 + ((index * 7919) % 370))
    const whole = await model.read([row, row.slice(0, 40)], { logits: [[511, 512, 1299], [39]] })
    await using cache = await model.createCache(2)
    const kept = await model.read([row, row.slice(0, 40)], { cache, logits: [[511, 512, 1299], [39]] })
    expect(largestDifference(kept.logits, whole.logits)).toBeLessThan(1e-4)
    await using pieces = await model.createCache(1, 64)
    const found: Float32Array[] = []
    for (let from = 0; from < row.length; from += 100)
      found.push((await model.read([row.slice(from, from + 100)], { cache: pieces, logits: "all" })).logits[0]!)
    const { vocabulary } = model.config
    const at = (index: number) =>
      found[Math.floor(index / 100)]!.slice((index % 100) * vocabulary, ((index % 100) + 1) * vocabulary)
    const expected = [511, 512, 1299].map(at)
    const ours = [0, 1, 2].map((index) => whole.logits[0]!.slice(index * vocabulary, (index + 1) * vocabulary))
    expect(largestDifference(ours, expected)).toBeLessThan(1e-4)
    expect(cache.lengths).toEqual([1300, 40])
  })
})
