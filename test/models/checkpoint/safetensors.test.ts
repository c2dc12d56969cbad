import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { folderOf, openSafetensors } from "../../../src/models/checkpoint/safetensors.js"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-safetensors-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

type Entry = { dtype: string; shape: unknown; data_offsets: unknown }

/** A file laid out by hand, as the format's description says. */
function fileOf(header: Record<string, Entry | Record<string, string>>, data: Uint8Array, text?: string): Buffer {
  const json = Buffer.from(text ?? JSON.stringify(header))
  const lead = Buffer.alloc(8)
  lead.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([lead, json, data])
}

async function save(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}

const two = {
  a: { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] },
  b: { dtype: "I8", shape: [3], data_offsets: [16, 19] },
}
const twoData = Buffer.concat([Buffer.from(Float32Array.of(1, -2.5, 3e10, 0.1).buffer), Buffer.from([1, 0x80, 255])])

describe("openSafetensors", () => {
  it("reads values, raw bytes, places and metadata", async () => {
    const path = await save("two.safetensors", fileOf({ __metadata__: { format: "pt" }, ...two }, twoData))
    const checkpoint = await openSafetensors(path)
    expect([...(await checkpoint.read("a"))]).toEqual([1, -2.5, Math.fround(3e10), Math.fround(0.1)])
    expect([...(await checkpoint.read("b"))]).toEqual([1, -128, -1])
    expect([...(await checkpoint.readRaw("b"))]).toEqual([1, 128, 255])
    expect(checkpoint.metadata).toEqual({ format: "pt" })
    const { offset, length, file, shape } = checkpoint.tensors.get("a")!
    expect((await readFile(file)).subarray(offset, offset + length)).toEqual(twoData.subarray(0, 16))
    expect(shape).toEqual([2, 2])
    await expect(checkpoint.read("c")).rejects.toMatchObject({ code: "not-found" })
  })

  it("converts each element type", async () => {
    // Known encodings: 1, -2, the smallest subnormal, the largest value, infinity, NaN.
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00, 0x7e00)
    const brains = Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x3dcd)
    const parts: [string, ArrayBufferView][] = [
      ["F16", halves],
      ["BF16", brains],
      ["F64", Float64Array.of(0.1, -1e300)],
      ["I64", BigInt64Array.of(-5n, 2n ** 40n)],
      ["U64", BigUint64Array.of(7n)],
      ["I32", Int32Array.of(-70000)],
      ["U32", Uint32Array.of(4000000000)],
      ["I16", Int16Array.of(-300)],
      ["U16", Uint16Array.of(65535)],
      ["U8", Uint8Array.of(200)],
      ["BOOL", Uint8Array.of(0, 1)],
    ]
    const header: Record<string, Entry> = {}
    let at = 0
    for (const [dtype, { byteLength }] of parts) {
      const size = dtype.endsWith("64") ? 8 : dtype.endsWith("32") ? 4 : dtype.endsWith("16") ? 2 : 1
      header[dtype] = { dtype, shape: [byteLength / size], data_offsets: [at, (at += byteLength)] }
    }
    const data = Buffer.concat(parts.map(([, view]) => Buffer.from(view.buffer)))
    const checkpoint = await openSafetensors(await save("types.safetensors", fileOf(header, data)))
    const read = async (name: string) => [...(await checkpoint.read(name))]
    expect(await read("F16")).toEqual([1, -2, 2 ** -24, 65504, Number.NEGATIVE_INFINITY, Number.NaN])
    expect(await read("BF16")).toEqual([1, -2, Number.POSITIVE_INFINITY, 0.10009765625])
    expect(await read("F64")).toEqual([Math.fround(0.1), Number.NEGATIVE_INFINITY])
    expect(await read("I64")).toEqual([-5, 2 ** 40])
    expect(await read("U64")).toEqual([7])
    expect(await read("I32")).toEqual([-70000])
    expect(await read("U32")).toEqual([4000000000])
    expect(await read("I16")).toEqual([-300])
    expect(await read("U16")).toEqual([65535])
    expect(await read("U8")).toEqual([200])
    expect(await read("BOOL")).toEqual([0, 1])
  })

  const broken: [what: string, bytes: Buffer, message: RegExp][] = [
    ["a file cut short", fileOf(two, twoData.subarray(0, 18)), /cut short: \d+ bytes of \d+/],
    ["a header cut short", fileOf(two, twoData).subarray(0, 40), /cut short within the header/],
    ["no header at all", Buffer.from([1, 2, 3]), /shorter than 8 bytes/],
    ["a senseless header length", Buffer.alloc(64, 255), /header's length/],
    ["a header that is not JSON", fileOf({}, twoData, "{oops"), /not valid JSON/],
    ["bytes too many", fileOf(two, Buffer.concat([twoData, Buffer.alloc(5)])), /5 bytes at its end/],
    [
      "an overlap",
      fileOf({ a: two.a, b: { dtype: "I8", shape: [3], data_offsets: [15, 18] } }, twoData.subarray(0, 18)),
      /overlaps/,
    ],
    ["a gap", fileOf({ a: two.a, b: { dtype: "I8", shape: [3], data_offsets: [17, 20] } }, Buffer.alloc(20)), /gap/],
    [
      "a size that does not fit the shape",
      fileOf({ a: { dtype: "F32", shape: [2, 3], data_offsets: [0, 16] } }, Buffer.alloc(16)),
      /takes 16 bytes where its shape needs 24/,
    ],
    [
      "a negative size",
      fileOf({ a: { dtype: "F32", shape: [-2, -2], data_offsets: [0, 16] } }, Buffer.alloc(16)),
      /no valid shape/,
    ],
    [
      "an unknown type",
      fileOf({ a: { dtype: "toString", shape: [1], data_offsets: [0, 1] } }, Buffer.alloc(1)),
      /unknown type "toString"/,
    ],
  ]
  it.each(broken)("refuses %s, naming the file", async (_, bytes, message) => {
    const path = await save("broken.safetensors", bytes)
    const failure = await openSafetensors(path).then(
      () => undefined,
      (thrown) => thrown,
    )
    expect(failure).toMatchObject({ code: "data" })
    expect(failure.message).toMatch(message)
    expect(failure.message).toContain("broken.safetensors")
  })

  it("reads a sharded model in a folder, and through links", async () => {
    const blobs = join(folder, "blobs")
    const model = join(folder, "sharded")
    await mkdir(blobs)
    await mkdir(model)
    await writeFile(join(blobs, "1"), fileOf({ a: two.a }, twoData.subarray(0, 16)))
    await writeFile(join(blobs, "2"), fileOf({ b: { ...two.b, data_offsets: [0, 3] } }, twoData.subarray(16)))
    const index = { weight_map: { a: "model-1.safetensors", b: "model-2.safetensors" } }
    await writeFile(join(model, "model.safetensors.index.json"), JSON.stringify(index))
    await symlink(join(blobs, "1"), join(model, "model-1.safetensors"))
    await expect(openSafetensors(model)).rejects.toMatchObject({ code: "not-found" })
    await symlink(join(blobs, "2"), join(model, "model-2.safetensors"))
    const checkpoint = await openSafetensors(model)
    expect([...(await checkpoint.read("b"))]).toEqual([1, -128, -1])
    expect((await checkpoint.read("a"))[1]).toBe(-2.5)
    expect(folderOf(checkpoint)).toMatch(/blobs$/)
    const bad = { weight_map: { a: "../blobs/1" } }
    await writeFile(join(model, "model.safetensors.index.json"), JSON.stringify(bad))
    await expect(openSafetensors(model)).rejects.toMatchObject({ code: "data" })
    const wrong = { weight_map: { a: "model-1.safetensors", b: "model-1.safetensors" } }
    await writeFile(join(model, "model.safetensors.index.json"), JSON.stringify(wrong))
    await expect(openSafetensors(model)).rejects.toThrow(/tensor b, which the index promises/)
  })

  it("says what a folder lacks", async () => {
    const model = join(folder, "pickled")
    await mkdir(model)
    await writeFile(join(model, "pytorch_model.bin"), "")
    await expect(openSafetensors(model)).rejects.toThrow(/save the model as safetensors/)
    await expect(openSafetensors(join(folder, "nowhere"))).rejects.toMatchObject({ code: "not-found" })
  })

  it("has a checksum that follows the content, not the name", async () => {
    const bytes = fileOf(two, twoData)
    const changed = Buffer.from(bytes)
    changed[bytes.length - 1] ^= 1
    const [first, copy, other] = await Promise.all(
      [
        await save("one.safetensors", bytes),
        await save("copy.safetensors", bytes),
        await save("changed.safetensors", changed),
      ].map(async (path) => (await openSafetensors(path)).checksum()),
    )
    expect(first).toMatch(/^full-[0-9a-f]{32}$/)
    expect(copy).toBe(first)
    expect(other).not.toBe(first)
  })
})
