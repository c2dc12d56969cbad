import { existsSync, readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { homedir, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openGguf } from "../../../src/models/checkpoint/gguf.js"
import { llama3Divisors, llama3ScalingOf } from "../../../src/models/checkpoint/gguf-rope.js"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { floats, ggufBytes, type TensorGiven, type Typed } from "./gguf-bytes.js"

/** The real files as transformers loads them, and divisors of its rotary embeddings. */
const golden = JSON.parse(readFileSync(new URL("fixtures/gguf-models.json", import.meta.url), "utf8")) as {
  models: Record<string, { names: string[]; config: Record<string, unknown>; tensors: Record<string, GoldenTensor> }>
  rope: { theta: number; parameters: Record<string, number>; divisors: number[] }[]
}
interface GoldenTensor {
  shape: number[]
  places: number[]
  values: number[]
  sum: number
  squares: number
}
const stories = resolve(import.meta.dirname, "../../../../shared/models/stories260K")
const models = process.env.RANKINE_MODELS ?? join(homedir(), ".cache/rankine/models")

let folder: string
let made = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-gguf-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Width 8, two heads of four, one layer; more by `values` and `tensors`. */
async function open(
  architecture: string,
  values: Record<string, Typed> = {},
  tensors: Record<string, TensorGiven> = {},
  without: string[] = [],
) {
  const own: Record<string, Typed> = {
    embedding_length: { u32: 8 },
    block_count: { u32: 1 },
    feed_forward_length: { u32: 16 },
    context_length: { u32: 64 },
    "attention.head_count": { u32: 2 },
    "attention.layer_norm_rms_epsilon": { f32: 1e-6 },
    ...values,
  }
  for (const name of without) delete own[name]
  const all: Record<string, Typed> = { "general.architecture": { string: architecture } }
  for (const [name, value] of Object.entries(own))
    all[name.includes(":") ? name.replace(":", "") : `${architecture}.${name}`] = value
  const embedding = { sizes: [8, 5], type: 0, data: floats(...Array(40).fill(1)) }
  const path = join(folder, `made-${made++}.gguf`)
  await writeFile(path, ggufBytes(all, { "token_embd.weight": embedding, ...tensors }))
  return openGguf(path)
}

/** [8, 8] with its row's number in each row. */
const rows: TensorGiven = { sizes: [8, 8], type: 0, data: floats(...Array.from({ length: 64 }, (_, at) => at >> 3)) }

describe("openGguf", () => {
  it("names tensors, orders rows and says the configuration as the original did", async () => {
    const model = await open(
      "llama",
      { "attention.head_count_kv": { u32: 2 }, "rope.freq_base": { f32: 50000 } },
      { "blk.0.attn_q.weight": rows, "blk.0.attn_v.weight": rows, "output.weight": rows },
    )
    expect([...model.tensors.keys()]).toEqual([
      "model.embed_tokens.weight",
      "model.layers.0.self_attn.q_proj.weight",
      "model.layers.0.self_attn.v_proj.weight",
      "lm_head.weight",
    ])
    const query = await model.read("model.layers.0.self_attn.q_proj.weight")
    const firsts = Array.from({ length: 8 }, (_, row) => query[row * 8])
    // Pairs (0, 1), (2, 3) of each head become its halves (0, 2) and (1, 3).
    expect(firsts).toEqual([0, 2, 1, 3, 4, 6, 5, 7])
    expect(model.tensors.get("model.layers.0.self_attn.q_proj.weight")?.inPlace).toBe(false)
    expect((await model.read("model.layers.0.self_attn.v_proj.weight"))[8]).toBe(1)
    expect(model.tensors.get("model.layers.0.self_attn.v_proj.weight")).not.toHaveProperty("inPlace")
    expect(model.config).toEqual({
      model_type: "llama",
      attention_bias: false,
      mlp_bias: false,
      hidden_act: "silu",
      hidden_size: 8,
      intermediate_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 2,
      head_dim: 4,
      vocab_size: 5,
      max_position_embeddings: 64,
      rms_norm_eps: 1e-6,
      rope_theta: 50000,
      tie_word_embeddings: false,
    })
    await expect(model.read("token_embd.weight")).rejects.toMatchObject({ code: "not-found" })
  })

  it("moves rows of blocks as they are", async () => {
    // Rows of one Q8_0 block of 32, each with its number as scale (as a half) and ones in it.
    const halves = [0, 0x3c00, 0x4000, 0x4200]
    const block = (row: number) => [halves[row]! & 255, halves[row]! >> 8, ...Array(32).fill(1)]
    const keys: TensorGiven = { sizes: [32, 4], type: 8, data: Uint8Array.from([0, 1, 2, 3].flatMap(block)) }
    const model = await open(
      "llama",
      { embedding_length: { u32: 32 }, "attention.head_count": { u32: 8 }, "attention.head_count_kv": { u32: 1 } },
      { "blk.0.attn_k.weight": keys },
    )
    const name = "model.layers.0.self_attn.k_proj.weight"
    const values = await model.read(name)
    expect([0, 32, 64, 96].map((at) => values[at])).toEqual([0, 2, 1, 3])
    expect([...(await model.readRaw(name))]).toEqual([0, 2, 1, 3].flatMap(block))
  })

  it("leaves the rows of other architectures, and takes one from Gemma's norms", async () => {
    const qwen = await open(
      "qwen2",
      {},
      {
        "blk.0.attn_q.weight": rows,
        "blk.0.attn_q.bias": { ...rows, sizes: [8], data: floats(0, 1, 2, 3, 4, 5, 6, 7) },
      },
    )
    expect((await qwen.read("model.layers.0.self_attn.q_proj.weight"))[8]).toBe(1)
    expect([...(await qwen.read("model.layers.0.self_attn.q_proj.bias"))]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    const norm: TensorGiven = { sizes: [8], type: 0, data: floats(1, 1.5, 0, -2, 1, 1, 1, 1) }
    const gemma = await open(
      "gemma3",
      { "attention.sliding_window": { u32: 16 }, "attention.key_length": { u32: 4 }, block_count: { u32: 7 } },
      { "blk.0.ffn_norm.weight": norm, "blk.0.post_attention_norm.weight": norm, "blk.0.attn_q.weight": rows },
    )
    const stored = await gemma.read("model.layers.0.pre_feedforward_layernorm.weight")
    expect([...stored]).toEqual([0, 0.5, -1, -3, 0, 0, 0, 0])
    expect(gemma.tensors.has("model.layers.0.post_attention_layernorm.weight")).toBe(true)
    expect((await gemma.read("model.layers.0.self_attn.q_proj.weight"))[8]).toBe(1)
    const windowed = "sliding_attention"
    expect(gemma.config).toMatchObject({
      model_type: "gemma3_text",
      layer_types: [...Array(5).fill(windowed), "full_attention", windowed],
      sliding_window: 16,
      rope_local_base_freq: 10000,
      query_pre_attn_scalar: 4,
      tie_word_embeddings: true,
    })
  })

  it("gives Gemma 2 the windows and caps that its older files leave out", async () => {
    const two: Record<string, Typed> = { block_count: { u32: 4 }, "attention.key_length": { u32: 4 } }
    const [full, windowed] = ["full_attention", "sliding_attention"]
    expect((await open("gemma2", two)).config).toMatchObject({
      model_type: "gemma2",
      sliding_window: 4096,
      layer_types: [windowed, full, windowed, full],
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
    })
    const capped: Record<string, Typed> = {
      attn_logit_softcapping: { f32: 20 },
      "attention.sliding_window": { u32: 8 },
    }
    expect((await open("gemma2", { ...two, ...capped })).config).toMatchObject({
      sliding_window: 8,
      attn_logit_softcapping: 20,
    })
  })

  it("knows Mistral by its window, Qwen 3 by its head width, and scaled positions", async () => {
    expect((await open("llama", { "attention.sliding_window": { u32: 4096 } })).config).toMatchObject({
      model_type: "mistral",
      sliding_window: 4096,
    })
    const wide: Record<string, Typed> = { "attention.key_length": { u32: 16 }, "attention.value_length": { u32: 16 } }
    expect((await open("qwen3", wide)).config).toMatchObject({ model_type: "qwen3", head_dim: 16 })
    const linear: Record<string, Typed> = {
      "rope.scaling.type": { string: "linear" },
      "rope.scaling.factor": { f32: 8 },
    }
    expect((await open("gemma3", linear)).config.rope_scaling).toEqual({ rope_type: "linear", factor: 8 })
    const { parameters, divisors, theta } = golden.rope[2]!
    const scaled = await open(
      "llama",
      { embedding_length: { u32: 32 }, "rope.freq_base": { f32: theta } },
      { "rope_freqs.weight": { sizes: [divisors.length], type: 0, data: floats(...divisors) } },
    )
    expect(scaled.config.rope_scaling).toMatchObject({ rope_type: "llama3", factor: parameters.factor })
    expect([...scaled.tensors.keys()]).toEqual(["model.embed_tokens.weight"])
  })

  it("lists every token that ends an answer", async () => {
    const tokens = ["<s>", "</s>", "<|im_end|>", "<|end|>", "a"].map((string) => ({ string }))
    const model = await open("llama", {
      "tokenizer.ggml.tokens:": { array: tokens },
      "tokenizer.ggml.token_type:": { array: [3, 3, 3, 1, 1].map((i32) => ({ i32 })) },
      "tokenizer.ggml.bos_token_id:": { u32: 0 },
      "tokenizer.ggml.eos_token_id:": { u32: 1 },
      "tokenizer.ggml.padding_token_id:": { u32: 4294967295 },
    })
    expect(model.config).toMatchObject({ bos_token_id: 0, eos_token_id: [1, 2] })
    expect(model.config).not.toHaveProperty("pad_token_id")
  })

  it("refuses what it would compute wrongly, naming it", async () => {
    const failing: [() => Promise<unknown>, string, RegExp][] = [
      [() => open("mamba"), "model", /architecture "mamba" is not among those/],
      [() => open("llama", { expert_count: { u32: 8 } }), "model", /mixture of experts is not supported/],
      [() => open("llama", { "rope.dimension_count": { u32: 2 } }), "model", /turn 2 of a head's 4 components/],
      [
        () => open("llama", {}, { "blk.0.attn_qkv.weight": rows }),
        "model",
        /blk.0.attn_qkv.weight is not one of a llama model/,
      ],
      [() => open("llama", {}, {}, ["block_count"]), "data", /lacks llama.block_count/],
      [
        () => open("llama", { "attention.head_count_kv": { array: [{ u32: 1 }, { u32: 2 }] } }),
        "model",
        /head_count_kv with another number in each layer/,
      ],
      [() => open("llama", { "attention.head_count": { u32: 3 } }, { "blk.0.attn_q.weight": rows }), "data", /3 heads/],
      [
        () => open("llama", {}, { "rope_freqs.weight": { sizes: [2], type: 0, data: floats(3, 2) } }),
        "model",
        /not those of Llama 3's scaling/,
      ],
    ]
    for (const [attempt, code, message] of failing) {
      const failure = await attempt().then(
        () => undefined,
        (thrown) => thrown,
      )
      expect(failure?.message).toMatch(message)
      expect(failure.code).toBe(code)
    }
  })
})

describe("llama3ScalingOf", () => {
  it.each(golden.rope)(
    "finds rules for the divisors of transformers ($theta, $parameters)",
    ({ theta, parameters, divisors }) => {
      const found = llama3ScalingOf(Float32Array.from(divisors), theta)
      expect(found?.factor).toBeCloseTo(parameters.factor!, 4)
      const again = llama3Divisors(found!, theta, divisors.length)
      for (const [index, divisor] of divisors.entries()) expect(again[index]! / divisor).toBeCloseTo(1, 4)
      // Rules that publishers use come back by name.
      if (parameters.original_max_position_embeddings === 8192) expect(found).toMatchObject(parameters)
    },
  )
})

describe.skipIf(!existsSync(stories))("stories260K.gguf", () => {
  it("holds the numbers of its safetensors file", async () => {
    const model = await openGguf(join(stories, "stories260K.gguf"))
    const original = await openSafetensors(stories)
    for (const [name, { shape }] of original.tensors) {
      expect(model.tensors.get(name)?.shape, name).toEqual(shape)
      expect(await model.read(name), name).toEqual(await original.read(name))
    }
    const { torch_dtype, architectures, tie_word_embeddings, max_position_embeddings, ...config } = JSON.parse(
      readFileSync(join(stories, "config.json"), "utf8"),
    )
    expect(model.config).toMatchObject(config)
  })
})

describe.each(Object.entries(golden.models))("%s", (name, { names, config, tensors }) => {
  const path = join(models, name, "model.gguf")
  it.skipIf(!existsSync(path))("is read as transformers reads it", async () => {
    const model = await openGguf(path)
    expect([...model.tensors.keys()].sort()).toEqual(names)
    expect(model.config).toMatchObject(config)
    for (const [tensor, { shape, places, values, sum, squares }] of Object.entries(tensors)) {
      expect(model.tensors.get(tensor)?.shape, tensor).toEqual(shape)
      const found = await model.read(tensor)
      expect(
        places.map((place) => found[place]),
        tensor,
      ).toEqual(values)
      let total = 0
      let power = 0
      for (const value of found) {
        total += value
        power += value * value
      }
      expect(Math.abs(power / squares - 1), tensor).toBeLessThan(1e-9)
      expect(Math.abs(total - sum) / Math.sqrt(squares), tensor).toBeLessThan(1e-9)
    }
  })
})
