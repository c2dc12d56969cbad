import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadMultiVectorEncoder, type MultiVectorEncoder } from "../../src/models/multi-vector-encoder.js"

interface Expected {
  readonly ids: readonly number[]
  readonly truncated: boolean
  readonly rows: readonly number[]
}

interface Golden {
  readonly dim: number
  readonly hidden: number
  readonly queries: readonly string[]
  readonly documents: readonly string[]
  readonly files: Readonly<Record<string, unknown>>
  readonly layouts: Readonly<
    Record<
      string,
      {
        readonly files: Readonly<Record<string, Record<string, unknown>>>
        readonly queries: Expected[]
        readonly documents: Expected[]
      }
    >
  >
}

const golden = JSON.parse(
  await readFile(fileURLToPath(new URL("fixtures/multi-vector.json", import.meta.url)), "utf8"),
) as Golden
const miniature = fileURLToPath(new URL("../../../shared/models/tiny/bert/model.safetensors", import.meta.url))
const projection = Float32Array.from({ length: golden.dim * golden.hidden }, (_, i) => Math.sin(i + 1))

/** The file with one more tensor behind the others. */
function withTensor(file: Uint8Array | undefined, name: string, shape: readonly number[], data: Float32Array): Buffer {
  const bytes = Buffer.from(data.buffer)
  const length = file ? Number(Buffer.from(file).readBigUInt64LE(0)) : 0
  const header = file ? (JSON.parse(Buffer.from(file.subarray(8, 8 + length)).toString()) as object) : {}
  const body = file ? file.subarray(8 + length) : new Uint8Array()
  const entry = { dtype: "F32", shape, data_offsets: [body.length, body.length + bytes.length] }
  const text = Buffer.from(JSON.stringify({ ...header, [name]: entry }))
  const lead = Buffer.alloc(8)
  lead.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([lead, text, body, bytes])
}

describe.skipIf(!existsSync(miniature))("a late-interaction encoder", () => {
  let folder: string
  const encoders: MultiVectorEncoder[] = []
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rankine-tokens-"))
  })
  afterAll(async () => {
    for (const encoder of encoders) await encoder[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })
  let written = 0
  const write = async (
    layout: string,
    change: Readonly<Record<string, Record<string, unknown>>> = {},
  ): Promise<string> => {
    const place = join(folder, `${layout}-${written++}`)
    await mkdir(join(place, "1_Dense"), { recursive: true })
    const files: Record<string, unknown> = { ...golden.files, ...golden.layouts[layout].files }
    for (const [path, fields] of Object.entries(change)) files[path] = { ...(files[path] as object), ...fields }
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(place, path)), { recursive: true })
      await writeFile(join(place, path), JSON.stringify(content))
    }
    const weights = await readFile(miniature)
    const shape = [golden.dim, golden.hidden]
    const stanford = layout === "stanford"
    await writeFile(
      join(place, "model.safetensors"),
      stanford ? withTensor(weights, "linear.weight", shape, projection) : weights,
    )
    if (!stanford)
      await writeFile(
        join(place, "1_Dense", "model.safetensors"),
        withTensor(undefined, "linear.weight", shape, projection),
      )
    return place
  }
  const load = async (place: string, options = {}): Promise<MultiVectorEncoder> => {
    const encoder = await loadMultiVectorEncoder(place, options)
    encoders.push(encoder)
    return encoder
  }
  const furthest = (rows: Float32Array, expected: readonly number[]): number => {
    expect(rows.length).toBe(expected.length)
    return rows.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at])), 0)
  }

  for (const layout of Object.keys(golden.layouts))
    it(`gives torch's vectors for the layout of ${layout}`, async () => {
      const { queries, documents } = golden.layouts[layout]
      const encoder = await load(await write(layout))
      expect(encoder).toMatchObject({ dimension: golden.dim, queryLength: 16, maxLength: 24, pooling: "tokens" })
      for (const [side, texts, expected] of [
        ["query", golden.queries, queries],
        ["document", golden.documents, documents],
      ] as const) {
        const { vectors, tokens, truncated } = await encoder.embed(texts, side)
        expect(tokens).toBe(expected.reduce((sum, { ids }) => sum + ids.length, 0))
        expect(truncated).toEqual(expected.flatMap((one, index) => (one.truncated ? [index] : [])))
        for (const [index, { rows }] of vectors.entries())
          expect(furthest(rows, expected[index].rows)).toBeLessThan(1e-5)
        // Alone as in a batch with longer ones.
        const [alone] = await encoder.encode([texts[1]], side)
        expect(furthest(alone.rows, [...vectors[1].rows])).toBeLessThan(1e-6)
      }
    })

  it("follows the settings of the augmentation: attended, unattended, none", async () => {
    const [query] = golden.queries
    const rows = async (change: Record<string, unknown>, layout = "pylate") => {
      const name = layout === "pylate" ? "config_sentence_transformers.json" : "artifact.metadata"
      const encoder = await load(await write(layout, { [name]: change }))
      return { rows: (await encoder.encode([query], "query"))[0].rows, checksum: encoder.checksum }
    }
    const attended = await rows({})
    const unattended = await rows({ attend_to_expansion_tokens: false })
    const none = await rows({ do_query_expansion: false })
    const real = golden.layouts.stanford.queries[0].ids.filter((id) => id !== 6).length * golden.dim
    expect(none.rows.length).toBe(real)
    // What nobody looks at changes nothing, and has a vector all the same.
    expect(furthest(unattended.rows.subarray(0, real), [...none.rows])).toBeLessThan(1e-6)
    expect(furthest(attended.rows.subarray(0, real), [...none.rows])).toBeGreaterThan(1e-3)
    const stanford = golden.layouts.stanford.queries[0].rows
    expect(furthest((await rows({}, "stanford")).rows, stanford)).toBeLessThan(1e-5)
    expect(furthest((await rows({ attend_to_mask_tokens: true }, "stanford")).rows, stanford)).toBeGreaterThan(1e-3)
    expect(new Set([attended, unattended, none].map(({ checksum }) => checksum)).size).toBe(3)
  })

  it("keeps punctuation where the model says so", async () => {
    const encoder = await load(await write("stanford", { "artifact.metadata": { mask_punctuation: false } }))
    const [{ rows }] = await encoder.encode(["steam!"], "document")
    // [CLS] [D] steam ! [SEP]
    expect(rows.length).toBe(5 * golden.dim)
  })

  it("takes other lengths, and refuses those that the model cannot read", async () => {
    const place = await write("stanford")
    const encoder = await load(place, { queryLength: 20, documentLength: 8 })
    const [{ rows }] = await encoder.encode(["heat"], "query")
    expect(rows.length).toBe(20 * golden.dim)
    expect((await encoder.embed(golden.documents, "document")).truncated).toEqual([0, 3])
    for (const options of [{ queryLength: 81 }, { documentLength: 2.5 }])
      await expect(load(place, options)).rejects.toMatchObject({ code: "argument" })
  })

  it("takes any encoder's own vectors only when told to", async () => {
    const place = await write("stanford")
    await writeFile(join(place, "model.safetensors"), await readFile(miniature))
    await expect(load(place)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining('projection: "none"'),
    })
    const encoder = await load(place, { projection: "none" })
    expect(encoder.dimension).toBe(golden.hidden)
    const [query] = await encoder.encode(["heat"], "query")
    // [CLS] heat [SEP], each of length 1.
    expect(query.rows.length).toBe(3 * golden.hidden)
    for (let token = 0; token < 3; token++)
      expect(Math.hypot(...query.rows.subarray(token * golden.hidden, (token + 1) * golden.hidden))).toBeCloseTo(1, 5)
  })

  it("refuses what it would get wrong", async () => {
    const cases = [
      ["pylate", "config_sentence_transformers.json", { query_prefix: "[Query] " }, "model", "no token"],
      ["pylate", "1_Dense/config.json", { activation_function: "torch.nn.Tanh" }, "model", "Tanh"],
      ["pylate", "1_Dense/config.json", { use_residual: true }, "model", "residual"],
      ["stanford", "artifact.metadata", { dim: 9 }, "data", "dim 9"],
      ["sentence-transformers", "2_Mask/config.json", { skiplist_tasks: ["query", "document"] }, "model", "documents"],
      ["sentence-transformers", "2_Mask/config.json", { keep_only_token_ids: [7] }, "model", "images"],
      [
        "sentence-transformers",
        "sentence_bert_config.json",
        { query_expansion: { strategy: "append", length: 4 } },
        "model",
        "append",
      ],
    ] as const
    for (const [layout, file, change, code, message] of cases)
      await expect(load(await write(layout, { [file]: change }))).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message),
      })
  })

  it("stops when it is told to", async () => {
    const encoder = await load(await write("stanford"))
    await expect(encoder.embed(golden.documents, "document", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    })
    expect((await encoder.embed([], "query")).vectors).toEqual([])
  })
})
