import { existsSync } from "node:fs"
import { mkdtemp, readdir, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { buildDecoder } from "../../../src/models/decoder/build.js"
import { parseDecoderConfig } from "../../../src/models/decoder/config.js"
import { loadDecoder } from "../../../src/models/decoder/load.js"
import { localSession } from "../../../src/models/decoder/local-session.js"
import { type DecoderSource, openDecoder } from "../../../src/models/decoder/open.js"
import { madeBytes, weightsFolder } from "../../../src/models/decoder/weights-folder.js"
import { createSession } from "../../../src/onnx/session.js"
import { largestDifference } from "./reference.js"

const models = join(import.meta.dirname, "../../../../shared/models")

/** A checkpoint of Q8_0 blocks that lies nowhere: every tensor repeats one block, whose weights are small. */
function large(layers: number, width: number, intermediate: number): DecoderSource {
  const vocabulary = 256
  const config = {
    model_type: "llama",
    hidden_size: width,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: width / 128,
    num_key_value_heads: width / 128,
    vocab_size: vocabulary,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    max_position_embeddings: 512,
    tie_word_embeddings: true,
  }
  const tensors = new Map<
    string,
    DecoderSource["checkpoint"]["tensors"] extends ReadonlyMap<string, infer T> ? T : never
  >()
  const add = (name: string, shape: number[]) => {
    const count = shape.reduce((product, size) => product * size, 1)
    const blocks = shape.length === 2
    const length = blocks ? (count / 32) * 34 : count * 4
    tensors.set(name, {
      dtype: blocks ? "Q8_0" : "F32",
      shape,
      file: "/nowhere/large.gguf",
      offset: 0,
      length,
      inPlace: false,
    })
  }
  add("model.embed_tokens.weight", [vocabulary, width])
  add("model.norm.weight", [width])
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`
    for (const kind of ["q", "k", "v", "o"]) add(`${at}.self_attn.${kind}_proj.weight`, [width, width])
    for (const kind of ["gate", "up"]) add(`${at}.mlp.${kind}_proj.weight`, [intermediate, width])
    add(`${at}.mlp.down_proj.weight`, [width, intermediate])
    for (const kind of ["input", "post_attention"]) add(`${at}.${kind}_layernorm.weight`, [width])
  }
  const readRaw = async (name: string) => {
    const { length, shape } = tensors.get(name)!
    const bytes = new Uint8Array(length)
    if (shape.length === 1) {
      new Float32Array(bytes.buffer).fill(1)
      return bytes
    }
    let state = name.length * 7919 + 1
    const block = Uint8Array.from({ length: 34 * 4099 }, (_, at) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      // A scale of about 0.0005.
      return at % 34 === 0 ? 0 : at % 34 === 1 ? 0x10 : state >>> 24
    })
    bytes.set(block.subarray(0, Math.min(block.length, length)))
    for (let filled = Math.min(block.length, length); filled < length; filled *= 2)
      bytes.copyWithin(filled, 0, Math.min(filled, length - filled))
    return bytes
  }
  const checkpoint = {
    files: ["/nowhere/large.gguf"],
    tensors,
    metadata: {},
    readRaw,
    read: async (name: string) => new Float32Array((await readRaw(name)).buffer),
    checksum: async () => "large",
  }
  return { checkpoint, config, place: "large" } as DecoderSource
}

describe("weights that are made", () => {
  it("get a folder where they are more than a graph should hold", async () => {
    const small = large(1, 256, 512)
    expect(await weightsFolder(small.checkpoint, "blocks")).toBeUndefined()
    const big = large(8, 4096, 14336)
    expect(madeBytes(big.checkpoint, "blocks")).toBeGreaterThan(2 ** 31)
    const folder = (await weightsFolder(big.checkpoint, "blocks"))!
    expect((await stat(folder.path)).isDirectory()).toBe(true)
    await folder.remove()
    expect(existsSync(folder.path)).toBe(false)
  })

  it.skipIf(!existsSync(models)).each([
    ["tiny/llama", "fp32"],
    ["tiny/gemma3", "int4-weights"],
    ["tiny/qwen2", "int8"],
    ["stories260K/stories260K.gguf", "fp32"],
  ] as const)("give the same numbers from a file as from the graph (%s, %s)", async (name, precision) => {
    const path = join(models, name)
    await using inline = await loadDecoder(path, { device: "cpu", precision, contextLength: 128 })
    const source = (await openDecoder(path)) as DecoderSource
    const folder = await mkdtemp(join(tmpdir(), "weights-test-"))
    try {
      const config = parseDecoderConfig(source.config, name)
      const built = await buildDecoder(config, source.checkpoint, 128, {
        precision,
        sideBySide: true,
        weightsFolder: folder,
      })
      expect(built.folder).toBe(folder)
      expect(await readdir(folder)).toEqual(["weights"])
      const session = await createSession(built.model, { device: "cpu", externalData: folder })
      await using apart = await localSession({ session, config, contextLength: 128 }, { checksum: "", precision })
      const rows = [
        [1, 5, 9, 2],
        [7, 3, 3, 8, 4, 6],
      ]
      const [first, second] = await Promise.all([inline.read(rows), apart.read(rows)])
      expect(largestDifference(first.logits, second.logits)).toBe(0)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  // Five gigabytes of memory, two minutes.
  it.skipIf(!process.env.RANKINE_SLOW_TESTS)(
    "load where they are more than 2 GiB",
    async () => {
      await using model = await loadDecoder(large(8, 4096, 16384), { device: "cpu", precision: "blocks" })
      const { logits } = await model.read([[1, 2, 3], [200]])
      for (const row of logits) {
        expect(row.every(Number.isFinite)).toBe(true)
        expect(new Set(row).size).toBeGreaterThan(10)
      }
    },
    600_000,
  )
})
