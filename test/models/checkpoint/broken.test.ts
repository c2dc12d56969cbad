/** Every way of loading a model says which tensor of which file is wrong. */
import { existsSync } from "node:fs"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openPeftAdapter } from "../../../src/models/checkpoint/peft.js"
import { loadDecoder } from "../../../src/models/decoder/load.js"
import { loadEncoder } from "../../../src/models/encoder/load.js"
import { loadT5 } from "../../../src/models/t5/load.js"
import type { Tensor } from "../../../src/onnx/tensor.js"
import { missing, shared, tiny } from "../encoder/reference.js"

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>
interface Parts {
  header: Header
  data: Buffer
  config: Record<string, unknown>
}

/** What is loaded, and a matrix of it. */
const loaders: Readonly<Record<string, { load(folder: string): Promise<AsyncDisposable>; matrix: string }>> = {
  bert: {
    load: (folder) => loadEncoder(folder, { device: "cpu", output: { kind: "logits" } }),
    matrix: "bert.encoder.layer.1.intermediate.dense.weight",
  },
  modernbert: {
    load: (folder) => loadEncoder(folder, { device: "cpu", output: { kind: "logits" } }),
    matrix: "model.layers.1.mlp.Wi.weight",
  },
  llama: { load: (folder) => loadDecoder(folder, { device: "cpu" }), matrix: "model.layers.1.mlp.down_proj.weight" },
  qwen2: { load: (folder) => loadDecoder(folder, { device: "cpu" }), matrix: "model.layers.1.self_attn.k_proj.weight" },
  gemma3: { load: (folder) => loadDecoder(folder, { device: "cpu" }), matrix: "model.layers.1.mlp.up_proj.weight" },
  t5: {
    load: (folder) => loadT5(folder, { device: "cpu", output: { kind: "logits" } }),
    matrix: "encoder.block.1.layer.1.DenseReluDense.wi.weight",
  },
}

interface Fault {
  /** Changes the parts, and gives what the message must say beside the file. */
  readonly spoil: (parts: Parts, matrix: string) => readonly string[]
  readonly code: string
  /** Where the fault is. */
  readonly file?: string
}

/** Gives the others their places anew, without the bytes of one. */
function without({ header, data }: Parts, name: string): { header: Header; data: Buffer } {
  const kept = Object.entries(header)
    .filter(([each]) => each !== name && each !== "__metadata__")
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0])
  let at = 0
  const pieces: Buffer[] = []
  const made: Header = {}
  for (const [each, entry] of kept) {
    const bytes = data.subarray(...entry.data_offsets)
    made[each] = { ...entry, data_offsets: [at, (at += bytes.length)] }
    pieces.push(bytes)
  }
  return { header: made, data: Buffer.concat(pieces) }
}

const faults: Readonly<Record<string, Fault>> = {
  "a missing tensor": {
    spoil: (parts, matrix) => {
      Object.assign(parts, without(parts, matrix))
      return [matrix]
    },
    code: "data",
  },
  "another shape": {
    spoil: ({ header }, matrix) => {
      const entry = header[matrix]!
      const own = [...entry.shape]
      entry.shape = [...own].reverse()
      return [matrix, `[${entry.shape.join(", ")}]`, `[${own.join(", ")}]`]
    },
    code: "data",
  },
  "another number of axes": {
    spoil: ({ header }, matrix) => {
      header[matrix]!.shape.unshift(1)
      return [matrix]
    },
    code: "data",
  },
  "a type that weights do not have": {
    spoil: ({ header }, matrix) => {
      header[matrix]!.dtype = "I32"
      return [matrix, "I32"]
    },
    code: "data",
  },
  "a type that nobody knows": {
    spoil: ({ header }, matrix) => {
      header[matrix]!.dtype = "F31"
      return [matrix, "F31"]
    },
    code: "data",
  },
  "two tensors in one place": {
    spoil: ({ header }, matrix) => {
      const { data_offsets: place } = header[matrix]!
      const other = Object.entries(header).find(([name, { dtype }]) => name !== matrix && dtype === "F32")![1]
      const length = other.data_offsets[1] - other.data_offsets[0]
      other.data_offsets = [place[0], place[0] + length]
      return ["tensor"]
    },
    code: "data",
  },
  "the end cut off": {
    spoil: (parts) => {
      parts.data = parts.data.subarray(0, parts.data.length - 100)
      return ["cut short"]
    },
    code: "data",
  },
  "an unknown architecture": {
    spoil: ({ config }) => {
      config.model_type = "perceiver"
      return ["perceiver"]
    },
    code: "model",
    file: "",
  },
}

describe.skipIf(missing)("a wrong checkpoint", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rankine-broken-"))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  let count = 0

  const copy = async (kind: string, spoil: (parts: Parts) => readonly string[]) => {
    const place = join(folder, `${kind}-${count++}`)
    await cp(join(tiny, kind), place, { recursive: true })
    const path = join(place, "model.safetensors")
    const bytes = await readFile(path)
    const length = Number(bytes.readBigUInt64LE(0))
    const parts: Parts = {
      header: JSON.parse(bytes.subarray(8, 8 + length).toString()),
      data: bytes.subarray(8 + length),
      config: JSON.parse(await readFile(join(place, "config.json"), "utf8")),
    }
    const said = spoil(parts)
    const json = Buffer.from(JSON.stringify(parts.header))
    const lead = Buffer.alloc(8)
    lead.writeBigUInt64LE(BigInt(json.length))
    await rm(path, { force: true })
    await rm(join(place, "config.json"), { force: true })
    await writeFile(path, Buffer.concat([lead, json, parts.data]))
    await writeFile(join(place, "config.json"), JSON.stringify(parts.config))
    return { place, said }
  }
  const failureOf = async (load: Promise<unknown>): Promise<{ code: string; message: string }> =>
    load.then(
      () => expect.fail("it was loaded"),
      (thrown) => thrown,
    )

  const table = Object.entries(loaders).flatMap(([kind, loader]) =>
    Object.entries(faults).map(([what, fault]) => [kind, what, loader, fault] as const),
  )
  it.each(table)("%s with %s", async (kind, _what, { load, matrix }, { spoil, code, file = "model.safetensors" }) => {
    const { place, said } = await copy(kind, (parts) => spoil(parts, matrix))
    const failure = await failureOf(load(place))
    expect(failure).toMatchObject({ name: "RankineError", code })
    for (const part of [file === "" ? "" : join(place, file), ...said]) expect(failure.message).toContain(part)
  })

  it.each(Object.entries(loaders))("%s with a header or a config.json that is no JSON", async (kind, { load }) => {
    const { place } = await copy(kind, () => [])
    await writeFile(join(place, "config.json"), '{ "model_type": ')
    const config = await failureOf(load(place))
    expect(config).toMatchObject({ code: "data", message: expect.stringContaining(join(place, "config.json")) })
    const other = (await copy(kind, () => [])).place
    const path = join(other, "model.safetensors")
    const bytes = await readFile(path)
    bytes[8] = 0x78
    await writeFile(path, bytes)
    const header = await failureOf(load(other))
    expect(header).toMatchObject({ code: "data", message: expect.stringContaining(path) })
  })

  it("a decoder with a head of its own by config.json, and none in the file", async () => {
    const { place } = await copy("qwen2", ({ config }) => {
      config.tie_word_embeddings = false
      return []
    })
    const failure = await failureOf(loadDecoder(place, { device: "cpu" }))
    expect(failure).toMatchObject({ code: "data" })
    expect(failure.message).toContain("lm_head.weight")
    expect(failure.message).toContain(join(place, "model.safetensors"))
  })

  it("an adapter of another model", async () => {
    await using model = await loadDecoder(join(tiny, "qwen3"), { device: "cpu", adapters: true })
    const adapter = await openPeftAdapter(join(tiny, "llama/adapter"))
    const tensors: Record<string, Tensor> = Object.fromEntries(
      [...adapter.layers].flatMap(([module, { a, b, rank, inputs, outputs, scale }]) => [
        [`${module}.lora_A.weight`, { type: "float32", dims: [rank, inputs], data: a } as const],
        [`${module}.lora_B.weight`, { type: "float32", dims: [outputs, rank], data: b } as const],
        [`${module}.lora_scale`, { type: "float32", dims: [], data: Float32Array.of(scale) } as const],
      ]),
    )
    const shapes = await failureOf(model.loadAdapter(tensors))
    expect(shapes).toMatchObject({ code: "argument" })
    // Heads of qwen3 are wider than those of llama.
    expect(shapes.message).toMatch(/model\.layers\.0\.self_attn\.\w+_proj\.lora_[AB]\.weight.*\[.*\].*\[.*\]/)
    const [first] = Object.values(tensors)
    const names = await failureOf(model.loadAdapter({ "model.layers.9.mlp.up_proj.lora_A.weight": first! }))
    expect(names).toMatchObject({ code: "argument", message: expect.stringContaining("model.layers.9.mlp.up_proj") })
  })
})

describe.skipIf(missing || !existsSync(join(shared, "stories260K/stories260K.gguf")))("a wrong GGUF file", () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rankine-broken-gguf-"))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const spoilt = async (name: string, change: (bytes: Buffer) => Buffer) => {
    const path = join(folder, name)
    await writeFile(path, change(await readFile(join(shared, "stories260K/stories260K.gguf"))))
    return loadDecoder(path, { device: "cpu" }).then(
      () => expect.fail("it was loaded"),
      (thrown) => ({ path, code: thrown.code as string, message: thrown.message as string }),
    )
  }
  /** Where the description of a tensor begins: its name, axes, type and place. */
  const described = (bytes: Buffer, tensor: string) => {
    const at = bytes.indexOf(tensor)
    expect(at).toBeGreaterThan(0)
    const axes = at + tensor.length
    return { name: at, size: axes + 4, type: axes + 4 + 8 * bytes.readUInt32LE(axes) }
  }
  const tensor = "blk.1.ffn_up.weight"

  const changes: [what: string, change: (bytes: Buffer) => Buffer, parts: string[], code?: string][] = [
    ["another beginning", (bytes) => Buffer.concat([Buffer.from("GGML"), bytes.subarray(4)]), ["GGUF"]],
    ["the end cut off", (bytes) => bytes.subarray(0, bytes.length - 2000), ["cut short within tensor"]],
    [
      "a type that nobody knows",
      (bytes) => {
        bytes.writeUInt32LE(77, described(bytes, tensor).type)
        return bytes
      },
      [tensor, "unknown type 77"],
    ],
    [
      "a tensor that the architecture does not have",
      (bytes) => {
        bytes.write("blk.1.ffn_xy.weight", described(bytes, tensor).name)
        return bytes
      },
      ["blk.1.ffn_xy.weight"],
      "model",
    ],
    [
      "another size",
      (bytes) => {
        const { size } = described(bytes, tensor)
        bytes.writeBigUInt64LE(bytes.readBigUInt64LE(size) - 32n, size)
        return bytes
      },
      ["up_proj"],
    ],
    [
      "an unknown architecture",
      (bytes) => {
        const at = bytes.indexOf("general.architecture")
        bytes.write("mamba", bytes.indexOf("llama", at))
        return bytes
      },
      ["mamba"],
      "model",
    ],
  ]
  it.each(changes)("%s", async (what, change, parts, code = "data") => {
    const failure = await spoilt(`${what}.gguf`, change)
    expect(failure.code).toBe(code)
    for (const part of [failure.path, ...parts]) expect(failure.message).toContain(part)
  })
})
