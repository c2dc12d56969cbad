import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { disposeModels } from "../../src/models/index.js"
import { installed } from "../models/encoder/reference.js"
import { rankine } from "./run.js"

let scratch: string
const at = (...parts: string[]) => join(scratch, ...parts)

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "rankine-cli-neural-"))
  await mkdir(at("docs"))
  await writeFile(at("docs/birds.md"), "# Birds\n\nSwifts sleep while they fly.\n")
  await writeFile(at("docs/heat.md"), "# Heat pumps\n\nA pump moves heat against its slope.\n")
  await writeFile(
    at("lines.jsonl"),
    '{"_id": "heat", "text": "Heat pumps move warmth."}\n{"_id": "birds", "title": "Birds", "text": "Swifts sleep while they fly."}\n',
  )
})
afterAll(async () => {
  await disposeModels()
  await rm(scratch, { recursive: true, force: true })
})

describe("rankine embed", () => {
  it("writes a NumPy file and ids, and reports counts as JSON", async () => {
    const output = at("vectors.npy")
    const { code, out, err } = await rankine(["embed", "--data", at("lines.jsonl"), "--output", output, "--json"])
    expect({ code, err }).toEqual({ code: 0, err: "" })
    const report = JSON.parse(out)
    expect(report).toMatchObject({ texts: 2, truncated: 0, dimension: 128, model: "potion-base-4M" })
    expect(Object.keys(report)).toEqual(
      expect.arrayContaining(["texts", "tokens", "seconds", "tokensPerSecond", "peakMemoryBytes", "truncated"]),
    )
    expect(report.tokens).toBeGreaterThan(8)
    const bytes = await readFile(output)
    expect(bytes.subarray(0, 8)).toEqual(Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]))
    expect((10 + bytes.readUInt16LE(8)) % 64).toBe(0)
    expect(bytes.toString("latin1", 10, 128)).toContain("'descr': '<f4', 'fortran_order': False, 'shape': (2, 128)")
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset + 128, bytes.byteOffset + bytes.length))
    expect(values).toHaveLength(256)
    expect(Math.hypot(...values.subarray(128))).toBeCloseTo(1, 5)
    expect(await readFile(at("vectors.ids.txt"), "utf8")).toBe("heat\nbirds\n")
  })

  it("reads no more than --limit, and leaves nothing behind where it fails", async () => {
    const limited = await rankine(["embed", "--data", at("lines.jsonl"), "-o", at("one.npy"), "--limit", "1", "--json"])
    expect(JSON.parse(limited.out).texts).toBe(1)
    await writeFile(at("broken.jsonl"), '{"_id": "a", "text": "x"}\n{"_id": \n')
    const { code, err } = await rankine(["embed", "--data", at("broken.jsonl"), "-o", at("broken.npy")])
    expect(code).toBe(5)
    expect(err).toContain("broken.jsonl:2")
    expect(existsSync(at("broken.npy")) || existsSync(at("broken.npy.partial"))).toBe(false)
    expect((await rankine(["embed", "--data", at("docs"), "--model", "nothing"])).code).toBe(4)
  })
})

describe.skipIf(!installed("onnxruntime-node"))("commands with the embedded models", () => {
  it("rankine rerank orders a file's documents", async () => {
    const { code, out } = await rankine(["rerank", "how do birds sleep?", at("lines.jsonl"), "--json"])
    expect(code).toBe(0)
    const { hits, model, status } = JSON.parse(out)
    expect({ model, status }).toEqual({ model: "default", status: "ranked" })
    expect(hits.map(({ id }: { id: string }) => id)).toEqual(["birds", "heat"])
    const shown = await rankine(["rerank", "how do birds sleep?", at("lines.jsonl"), "-k", "1"])
    expect(shown.out).toContain("Swifts sleep")
    expect(shown.out).not.toContain("Heat pumps")
  })

  it("rankine index --pipeline default is searched by words and by meaning", async () => {
    const indexed = await rankine(["index", at("docs"), "-o", at("docs.index"), "--pipeline", "default", "--json"])
    expect(indexed.code).toBe(0)
    expect(JSON.parse(indexed.out)).toMatchObject({ documents: 2, pipeline: { retriever: { name: "fuse" } } })
    const found = await rankine(["search", at("docs.index"), "birds that slumber", "--json"])
    expect(JSON.parse(found.out).hits[0]).toMatchObject({ id: "birds.md" })
    // Again over what is there.
    expect((await rankine(["index", at("docs"), "-o", at("docs.index"), "--pipeline", "dense"])).code).toBe(0)
    expect((await rankine(["search", at("docs.index"), "birds that slumber"])).out).toContain("Swifts")
    const { code, err } = await rankine(["index", at("docs"), "-o", at("x"), "--pipeline", "dense", "--k1", "1"])
    expect(code).toBe(2)
    expect(err).toContain("k1")
  })
})
