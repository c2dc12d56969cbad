import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { openGgufFile } from "../../../src/models/checkpoint/gguf-file.js"
import { floats, ggufBytes, type TensorGiven, type Typed, text, u32, u64 } from "./gguf-bytes.js"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rankine-gguf-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function save(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}

const values: Record<string, Typed> = {
  "general.architecture": { string: "llama" },
  "a.u8": { u8: 200 },
  "a.i8": { i8: -100 },
  "a.u16": { u16: 60000 },
  "a.i16": { i16: -30000 },
  "a.u32": { u32: 4294967295 },
  "a.i32": { i32: -5 },
  "a.f32": { f32: 0.5 },
  "a.bool": { bool: true },
  "a.u64": { u64: 2n ** 40n },
  "a.large": { u64: 2n ** 63n },
  "a.i64": { i64: -(2n ** 40n) },
  "a.f64": { f64: 0.1 },
  "a.strings": { array: [{ string: "ein" }, { string: "zwei ✓" }] },
  "a.nested": { array: [{ array: [{ i32: 1 }, { i32: 2 }] }, { array: [] }] },
}
const tensors: Record<string, TensorGiven> = {
  "one.weight": { sizes: [3, 2], type: 0, data: floats(1, 2, 3, 4, 5, 6) },
  "half.weight": { sizes: [2], type: 1, data: new Uint8Array(Uint16Array.of(0x3c00, 0xc000).buffer) },
  "blocks.weight": {
    sizes: [32, 2],
    type: 8,
    data: Uint8Array.from({ length: 68 }, (_, index) => [0x00, 0x38][index % 34] ?? (index % 34) - 2),
  },
}

describe("openGgufFile", () => {
  it.each([2, 3])("reads metadata, shapes and numbers of version %i", async (version) => {
    const file = await openGgufFile(await save(`v${version}.gguf`, ggufBytes(values, tensors, { version })))
    expect(file.version).toBe(version)
    expect(Object.fromEntries(file.values)).toEqual({
      "general.architecture": "llama",
      "a.u8": 200,
      "a.i8": -100,
      "a.u16": 60000,
      "a.i16": -30000,
      "a.u32": 4294967295,
      "a.i32": -5,
      "a.f32": 0.5,
      "a.bool": true,
      "a.u64": 2 ** 40,
      "a.large": 2n ** 63n,
      "a.i64": -(2 ** 40),
      "a.f64": 0.1,
      "a.strings": ["ein", "zwei ✓"],
      "a.nested": [[1, 2], []],
    })
    expect(file.metadata["a.f32"]).toBe("0.5")
    expect(file.metadata).not.toHaveProperty("a.strings")
    // The file names the fastest size first, everything else the slowest.
    expect(file.tensors.get("one.weight")).toMatchObject({ dtype: "F32", shape: [2, 3], length: 24 })
    expect([...(await file.read("one.weight"))]).toEqual([1, 2, 3, 4, 5, 6])
    expect([...(await file.read("half.weight"))]).toEqual([1, -2])
    // A scale of one half.
    const blocks = await file.read("blocks.weight")
    expect([...blocks]).toEqual(Array.from({ length: 64 }, (_, index) => (index % 32) / 2))
    expect((await file.readRaw("blocks.weight")).length).toBe(68)
    await expect(file.read("two.weight")).rejects.toMatchObject({ code: "not-found" })
    expect(await file.checksum()).toMatch(/^full-[0-9a-f]{32}$/)
  })

  it("reads headers of any length, and data aligned as the file says", async () => {
    const words = Array.from({ length: 60000 }, (_, index) => ({
      string: `word number ${index} of a large vocabulary`,
    }))
    const large = { "general.alignment": { u32: 64 }, "a.words": { array: words } }
    const bytes = ggufBytes(large, tensors, { alignment: 64 })
    expect(bytes.length).toBeGreaterThan(2 ** 21)
    const file = await openGgufFile(await save("large.gguf", bytes))
    expect((file.values.get("a.words") as string[])[59999]).toBe("word number 59999 of a large vocabulary")
    expect([...(await file.read("one.weight"))]).toEqual([1, 2, 3, 4, 5, 6])
  })

  const whole = ggufBytes(values, tensors)
  const one = (given: Partial<TensorGiven>) => ggufBytes({}, { "one.weight": { ...tensors["one.weight"]!, ...given } })
  const start = (version: number, tensorCount: number | bigint, valueCount: number | bigint) =>
    Buffer.concat([Buffer.from("GGUF"), u32(version), u64(tensorCount), u64(valueCount)])
  const broken: [what: string, bytes: Uint8Array, message: RegExp][] = [
    ["another kind of file", Buffer.from("PK\u0003\u0004 and more bytes"), /not a GGUF file/],
    ["an empty file", Buffer.alloc(0), /cut short within the header/],
    ["the first version", start(1, 0, 0), /version 1, where 2 and 3 are read: convert/],
    ["a big-endian file", Buffer.from([0x47, 0x47, 0x55, 0x46, 0, 0, 0, 3, 0, 0, 0, 0]), /big-endian/],
    ["a header cut short", whole.subarray(0, 200), /cut short within the header/],
    ["data cut short", whole.subarray(0, whole.length - 64), /cut short within tensor blocks.weight: \d+ bytes of \d+/],
    ["a count that makes no sense", start(3, 2n ** 60n, 0), /count of 1152921504606846976/],
    ["more tensors than there are", Buffer.concat([start(3, 2, 0), text("x")]), /cut short within the header/],
    [
      "a length beyond the file",
      Buffer.concat([start(3, 0, 1), text("a"), u32(9), u32(4), u64(2n ** 50n)]),
      /length of 1125899906842624 is wrong/,
    ],
    ["an unknown kind of value", Buffer.concat([start(3, 0, 1), text("a"), u32(13), u64(0)]), /unknown type 13/],
    [
      "arrays without end",
      Buffer.concat([start(3, 0, 1), text("a"), u32(9), ...Array.from({ length: 9 }, () => [u32(9), u64(1)]).flat()]),
      /arrays within arrays/,
    ],
    ["a type that is not read", one({ type: 10 }), /tensor one.weight has type Q2_K, which is not read \(F32, F16/],
    ["a type that nobody knows", one({ type: 99 }), /tensor one.weight has the unknown type 99/],
    [
      "rows that no blocks fill",
      one({ type: 2 }),
      /one.weight is Q4_0, whose rows must be a multiple of 32; they have 3/,
    ],
    ["five axes", one({ sizes: [1, 1, 1, 2, 3] }), /one.weight has 5 axes/],
    ["a shape beyond numbers", one({ sizes: [2 ** 40, 2 ** 40] }), /senseless shape/],
    ["a place that is not aligned", one({ offset: 4 }), /one.weight begins at 4, no multiple of 32/],
    [
      "an overlap",
      ggufBytes({}, { ...tensors, "blocks.weight": { ...tensors["blocks.weight"]!, offset: 32 } }),
      /tensor blocks.weight overlaps half.weight|tensor half.weight overlaps blocks.weight/,
    ],
  ]
  it.each(broken)("refuses %s, naming the file", async (_, bytes, message) => {
    const path = await save("broken.gguf", bytes)
    const failure = await openGgufFile(path).then(
      () => undefined,
      (thrown) => thrown,
    )
    expect(failure).toMatchObject({ code: "data" })
    expect(failure.message).toMatch(message)
    expect(failure.message).toContain("broken.gguf")
  })

  it("joins the parts of a split model", async () => {
    const split = (part: number): Record<string, Typed> => ({
      "split.no": { u16: part },
      "split.count": { u16: 2 },
      "split.tensors.count": { i32: 2 },
    })
    const { "one.weight": first, "half.weight": second } = tensors
    const begin = await save("m-00001-of-00002.gguf", ggufBytes({ ...split(0), ...values }, { "one.weight": first! }))
    await expect(openGgufFile(begin)).rejects.toMatchObject({ code: "not-found" })
    const later = await save("m-00002-of-00002.gguf", ggufBytes(split(1), { "half.weight": second! }))
    const file = await openGgufFile(begin)
    expect(file.files).toHaveLength(2)
    expect([...(await file.read("half.weight"))]).toEqual([1, -2])
    expect([...(await file.read("one.weight"))]).toHaveLength(6)
    await expect(openGgufFile(later)).rejects.toThrow(/later part of a split model/)
    await save("m-00002-of-00002.gguf", ggufBytes(split(1), { "one.weight": first! }))
    await expect(openGgufFile(begin)).rejects.toThrow(/tensor one.weight is in another part/)
    await save("m-00002-of-00002.gguf", ggufBytes(split(1)))
    await expect(openGgufFile(begin)).rejects.toThrow(/hold 1 tensors of 2/)
  })

  it("says that a file is not there", async () => {
    await expect(openGgufFile(join(folder, "nowhere.gguf"))).rejects.toMatchObject({ code: "not-found" })
    await expect(openGgufFile(folder)).rejects.toMatchObject({ code: "not-found" })
  })
})
