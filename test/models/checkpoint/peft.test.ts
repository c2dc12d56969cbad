import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openPeftAdapter, type PeftLayer } from "../../../src/models/checkpoint/peft.js"
import { isPeftTarget, parsePeftConfig, peftRank, peftScale } from "../../../src/models/checkpoint/peft-config.js"
import { openSafetensors } from "../../../src/models/checkpoint/safetensors.js"
import { fromFloat32, toFloat32 } from "../../../src/models/checkpoint/tensor-type.js"
import { peftConfigOf, writePeftAdapter } from "../../../src/models/checkpoint/write-peft.js"
import { type TensorToWrite, writeSafetensors } from "../../../src/models/checkpoint/write-safetensors.js"
import { normals } from "../../onnx/helpers.js"

const tiny = resolve(import.meta.dirname, "../../../../shared/models/tiny")

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-peft-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function layer(name: string, rank: number, more: Partial<PeftLayer> = {}): PeftLayer {
  const [inputs, outputs] = [6, 4]
  const a = normals(`${name} a`, rank * inputs)
  return { a, b: normals(`${name} b`, outputs * rank), rank, inputs, outputs, scale: 2, ...more }
}

let count = 0
/** A folder with these fields and tensors. */
async function saved(
  fields: Record<string, unknown>,
  shapes: Record<string, number[]> = {},
  dtype: "F32" | "I8" = "F32",
) {
  const path = join(folder, `given-${count++}`)
  const base = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["q_proj"], ...fields }
  await mkdir(path)
  await writeFile(join(path, "adapter_config.json"), JSON.stringify(base))
  const tensors = Object.entries(shapes).map(([name, shape]): TensorToWrite => {
    const size = shape.reduce((product, each) => product * each, dtype === "F32" ? 4 : 1)
    return { name, dtype, shape, bytes: () => new Uint8Array(size) }
  })
  await writeSafetensors(join(path, "adapter_model.safetensors"), tensors)
  return path
}

describe("a PEFT adapter", () => {
  it("is read and written with every type, pattern, saved tensor and unknown field", async () => {
    const half = Uint16Array.of(0x3c00, 0x0001, 0x7bff, 0x8000)
    const layers = new Map([
      ["model.layers.0.self_attn.q_proj", layer("q", 2)],
      [
        "model.layers.1.self_attn.q_proj",
        layer("q1", 2, {
          a: toFloat32(fromFloat32(normals("b", 12), "BF16"), "BF16"),
          b: toFloat32(fromFloat32(normals("c", 8), "BF16"), "BF16"),
          dtype: "BF16",
        }),
      ],
      ["model.layers.0.mlp.up_proj", layer("u", 3, { scale: 0.5 })],
    ])
    const config = parsePeftConfig(
      {
        ...peftConfigOf(layers, { modulesToSave: ["score"], baseModel: "llama" }).raw,
        future_field: { kept: [1, null] },
      },
      "here",
    )
    const tensor = { dtype: "F16" as const, shape: [2, 2], bytes: new Uint8Array(half.buffer) }
    const first = join(folder, "first")
    await writePeftAdapter(first, { config, layers, saved: new Map([["score.weight", tensor]]) })
    const read = await openPeftAdapter(first)
    expect([...read.layers.keys()].sort()).toEqual([...layers.keys()].sort())
    for (const [name, given] of layers) expect(read.layers.get(name)).toEqual({ dtype: "F32", ...given })
    expect(read.saved.get("score.weight")).toEqual(tensor)
    expect(read.config.raw).toMatchObject({
      future_field: { kept: [1, null] },
      r: 2,
      lora_alpha: 4,
      rank_pattern: { "^model\\.layers\\.0\\.mlp\\.up_proj": 3 },
      alpha_pattern: { "^model\\.layers\\.0\\.mlp\\.up_proj": 1.5 },
      modules_to_save: ["score"],
      base_model_name_or_path: "llama",
    })
    const second = join(folder, "second")
    await writePeftAdapter(second, read)
    for (const name of ["adapter_model.safetensors", "adapter_config.json"])
      expect(await readFile(join(second, name))).toEqual(await readFile(join(first, name)))
  })

  it("has ranks and scales by the rules of PEFT", () => {
    const fields = { peft_type: "LORA", r: 8, lora_alpha: 16, target_modules: ["q_proj", "layers.1.v_proj"] }
    const plain = parsePeftConfig(fields, "here")
    expect(peftScale(plain, "a.q_proj", 8)).toBe(2)
    expect(peftScale(parsePeftConfig({ ...fields, use_rslora: true }, "here"), "a.q_proj", 4)).toBe(8)
    const patterns = { rank_pattern: { "layers\\.[01]\\.q_proj": 4, v_proj: 2 }, alpha_pattern: { "^model.v_proj": 1 } }
    const patterned = parsePeftConfig({ ...fields, ...patterns }, "here")
    expect(peftRank(patterned, "model.layers.1.q_proj")).toBe(4)
    expect(peftRank(patterned, "model.layers.11.q_proj")).toBe(8)
    expect(peftRank(patterned, "model.conv_proj")).toBe(8)
    expect(peftScale(patterned, "model.v_proj", 2)).toBe(0.5)
    expect(peftScale(patterned, "other.model.v_proj", 2)).toBe(8)
    expect(isPeftTarget(plain, "model.layers.0.q_proj")).toBe(true)
    expect(isPeftTarget(plain, "model.layers.0.xq_proj")).toBe(false)
    expect(isPeftTarget(plain, "model.layers.11.v_proj")).toBe(false)
    expect(isPeftTarget(parsePeftConfig({ ...fields, target_modules: ".*_proj" }, "here"), "model.q_proj")).toBe(true)
  })

  it("rounds floats to the nearest, ties to even", () => {
    // 1 + 2^-8 lies between 1 and the next bfloat16; 1 + 3·2^-8 between two of which the upper is even.
    const values = Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, -3.4e38, Number.NaN, Number.POSITIVE_INFINITY)
    expect([...toFloat32(fromFloat32(values, "BF16"), "BF16")]).toEqual([
      1,
      1 + 2 ** -6,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ])
    expect([...toFloat32(fromFloat32(Float32Array.of(1 + 2 ** -11, 70000), "F16"), "F16")]).toEqual([
      1,
      Number.POSITIVE_INFINITY,
    ])
  })

  const pair = { "base_model.model.q_proj.lora_A.weight": [2, 6], "base_model.model.q_proj.lora_B.weight": [4, 2] }
  const refused: [
    what: string,
    fields: Record<string, unknown>,
    shapes: Record<string, number[]>,
    code: string,
    message: RegExp,
  ][] = [
    ["another method", { peft_type: "IA3" }, {}, "model", /adapter of type "IA3" is not supported/],
    ["DoRA", { use_dora: true }, {}, "model", /DoRA \(use_dora\) is not supported/],
    ["replicated layers", { layer_replication: [[0, 2]] }, {}, "model", /layer_replication/],
    ["a changed base", { init_lora_weights: "pissa_niter_4" }, {}, "model", /began as pissa_niter_4/],
    ["a rank of 0", { r: 0 }, {}, "data", /adapter_config.json: r must be a whole number above 0, got 0/],
    ["a pattern that is none", { rank_pattern: { "(": 1 } }, {}, "data", /rank_pattern must be ranks/],
    [
      "an adapter of embeddings",
      {},
      { "base_model.model.embed_tokens.lora_embedding_A": [2, 6] },
      "model",
      /embed_tokens.lora_embedding_A is no part of plain LoRA/,
    ],
    [
      "a convolution's",
      {},
      { ...pair, "base_model.model.q_proj.lora_A.weight": [2, 6, 1, 1] },
      "model",
      /q_proj.lora_A.weight has shape \[2,6,1,1\]/,
    ],
    [
      "one half",
      {},
      { "base_model.model.q_proj.lora_A.weight": [2, 6] },
      "data",
      /q_proj.lora_A.weight is there without .*q_proj.lora_B.weight/,
    ],
    ["another rank", { r: 3 }, pair, "data", /q_proj has A \[2,6\] and B \[4,2\], where .* gives it the rank 3/],
    ["a name of another kind", {}, { "q_proj.lora_A.weight": [2, 6] }, "data", /does not begin with base_model.model./],
  ]
  it.each(refused)("is refused for %s, naming file and cause", async (_, fields, shapes, code, message) => {
    const path = await saved(fields, shapes)
    const failure = await openPeftAdapter(path).then(
      () => undefined,
      (thrown) => thrown,
    )
    expect(failure?.message).toMatch(message)
    expect(failure).toMatchObject({ code })
    expect(failure.message).toContain("adapter_")
  })

  it("is refused in types that are no floats, and where files are missing", async () => {
    await expect(openPeftAdapter(await saved({}, pair, "I8"))).rejects.toThrow(/lora_A.weight is I8, where F32/)
    await expect(openPeftAdapter(join(folder, "nowhere"))).rejects.toThrow(/adapter_config.json is missing/)
    const pickled = await saved({}, pair)
    await rm(join(pickled, "adapter_model.safetensors"))
    await writeFile(join(pickled, "adapter_model.bin"), "")
    await expect(openPeftAdapter(pickled)).rejects.toThrow(/adapter_model.bin is not read/)
  })

  it("is written only where its configuration fits its layers", async () => {
    const layers = new Map([["q_proj", layer("q", 2)]])
    const config = peftConfigOf(layers)
    const write = (given: PeftLayer, name = "q_proj") =>
      writePeftAdapter(join(folder, "wrong"), { config, layers: new Map([[name, given]]), saved: new Map() })
    await expect(write(layer("q", 3))).rejects.toThrow(/q_proj has rank 3, and 2 in the configuration/)
    await expect(write(layer("q", 2, { scale: 3 }))).rejects.toThrow(/q_proj has scale 3, and 2/)
    await expect(write(layer("q", 2, { inputs: 7 }))).rejects.toThrow(/12 and 8 numbers where A is \[2, 7\]/)
    await expect(write(layer("q", 2), "k_proj")).rejects.toThrow(/k_proj is not among the target modules/)
    expect(existsSync(join(folder, "wrong"))).toBe(false)
    expect(() => peftConfigOf(new Map())).toThrow(/without layers/)
  })
})

describe.skipIf(!existsSync(tiny))("adapters that PEFT wrote", () => {
  const names = existsSync(tiny) ? readdirSync(tiny).filter((name) => existsSync(join(tiny, name, "adapter"))) : []
  it.each(names)("come back byte for byte: %s", async (name) => {
    const source = join(tiny, name, "adapter")
    const adapter = await openPeftAdapter(source)
    const original = await openSafetensors(join(source, "adapter_model.safetensors"))
    expect(adapter.layers.size * 2 + adapter.saved.size).toBe(original.tensors.size)
    for (const { scale } of adapter.layers.values()) expect(scale).toBe(2)
    const target = join(folder, name)
    await writePeftAdapter(target, adapter)
    const again = await openSafetensors(join(target, "adapter_model.safetensors"))
    expect([...again.tensors.keys()].sort()).toEqual([...original.tensors.keys()].sort())
    for (const [tensor, { shape, dtype }] of original.tensors) {
      expect(again.tensors.get(tensor)).toMatchObject({ shape, dtype })
      expect(await again.readRaw(tensor)).toEqual(await original.readRaw(tensor))
    }
    const fields = (path: string) => JSON.parse(readFileSync(join(path, "adapter_config.json"), "utf8"))
    expect(fields(target)).toEqual(fields(source))
  })
})
