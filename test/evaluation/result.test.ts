import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parseResult, readResult, writeResult } from "../../src/evaluation/index.js"
import { resultOf } from "./fixtures/results.js"

const result = resultOf(
  { name: "bm25", k1: 0.9, fields: { title: 2 } },
  { q1: { "nDCG@10": 1 / 3 }, q2: { "nDCG@10": 0 } },
)

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rankine-result-"))
})
afterAll(() => rm(directory, { recursive: true }))

describe("result.json", () => {
  it("comes back as it was written, unrounded, with every parameter, and leaves nothing else behind", async () => {
    const path = join(directory, "result.json")
    await writeResult(path, result)
    const back = await readResult(path)
    expect(back).toEqual(result)
    expect(back.measures["nDCG@10"]).toBe(1 / 3 / 2)
    expect(await readdir(directory)).toEqual(["result.json"])
  })

  it("keeps latencies where they are measured", () => {
    expect(parseResult({ ...result, latenciesMs: [1, 2.5] }, "x").latenciesMs).toEqual([1, 2.5])
  })

  it.each([
    ["no result", { measures: {} }, /x is not a benchmark result \(it has no "schema"\)/],
    ["nothing", null, /not a benchmark result/],
    ["another version", { ...result, schema: "rankine.result/9" }, /has the schema "rankine.result\/9"/],
    ["a missing part", { ...result, timings: undefined }, /x is not a complete benchmark result: timings: /],
    ["a wrong value", { ...result, measures: { AP: "0.5" } }, /measures\.AP: .*number/],
    ["an infinite value", { ...result, queriesPerSecond: Number.POSITIVE_INFINITY }, /queriesPerSecond: /],
    ["a negative count", { ...result, warnings: [{ code: "truncated", count: -1 }] }, /warnings\.0\.count: /],
    ["a pipeline without name", { ...result, pipeline: { k1: 1 } }, /pipeline\.name: /],
  ])("refuses %s", (_, value, message) => {
    expect(() => parseResult(value, "x")).toThrow(expect.objectContaining({ code: "data" }))
    expect(() => parseResult(value, "x")).toThrow(message)
  })

  it("names the file that cannot be read", async () => {
    await expect(readResult(join(directory, "none.json"))).rejects.toMatchObject({ code: "not-found" })
    await expect(readResult(directory)).rejects.toMatchObject({ code: "storage" })
    const broken = join(directory, "broken.json")
    await writeFile(broken, '{"schema": "rankine.res')
    await expect(readResult(broken)).rejects.toMatchObject({ code: "data", message: /broken\.json is not valid JSON/ })
    await expect(writeResult(join(directory, "no/folder.json"), result)).rejects.toMatchObject({ code: "storage" })
  })
})
