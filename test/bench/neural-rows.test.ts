import { expect, test } from "vitest"
import { agreement } from "../../bench/lib/neural/agreement.mjs"
import { rowOf, runChild } from "../../bench/lib/neural/child.mjs"
import { observeIndexes, withCachedDocuments } from "../../bench/lib/neural/observe.mjs"
import { interleave, pairGroups } from "../../bench/lib/neural/texts.mjs"
import { compareRows } from "../../bench/lib/neural/throughput.mjs"

const participant = (name: string, rounds: number[], values?: number[], extra: object = {}) => ({
  engine: { name },
  result: { rounds, ...extra } as Record<string, unknown> & { rounds: number[] },
  ...(values ? { values: Float32Array.from(values), rows: 2 } : {}),
})

test("ratios are taken round by round, and tokens are counted once for all", () => {
  const ours = participant("rankine-fp32", [1, 2], [1, 0, 0, 1], { tokens: 100 })
  const torch = participant("st-torch", [2, 2], [1, 0, 0, 2])
  const stopped = participant("st-onnx", [])
  expect(compareRows([ours, torch, stopped], "embed")).toEqual({ tokens: 100, reference: "st-torch" })
  expect(torch.result.ratio).toEqual({ median: 1.5, minimum: 1, maximum: 2 })
  expect(torch.result.tokensPerSecond).toEqual([50, 50])
  expect(ours.result.agreement).toEqual({ lowestCosine: 1, meanCosine: 1 })
  expect(stopped.result).toEqual({ rounds: [], tokensPerSecond: [] })
})

test("int8 that gives fp32's bits is no int8", () => {
  const rows = () => [
    participant("rankine-fp32", [2], [1, 0, 0, 1]),
    participant("rankine-int8", [1], [1, 0, 0, 1]),
    participant("st-torch", [4], [1, 0, 0, 1]),
  ]
  const same = rows()
  compareRows(same, "embed")
  expect(same[1]!.result.stopped).toContain("no int8")
  expect(same[1]!.result.rounds).toEqual([])
  expect(same[2]!.result).not.toHaveProperty("ratioInt8")
  const other = rows()
  other[1]!.values![0] = 0.9
  compareRows(other, "embed")
  expect(other[1]!.result.stopped).toBeUndefined()
  expect(other[2]!.result.ratioInt8).toEqual({ median: 4, minimum: 4, maximum: 4 })
})

test("agreement is the lowest and mean cosine of vectors, and the largest difference of scores", () => {
  const found = agreement(Float32Array.of(3, 4, 1, 0), Float32Array.of(6, 8, 1, 1), 2)
  expect(found.lowestCosine).toBeCloseTo(Math.SQRT1_2, 6)
  expect(found.meanCosine).toBeCloseTo((1 + Math.SQRT1_2) / 2, 6)
  expect(agreement(Float32Array.of(1, 2), Float32Array.of(1.5, 0), 1)).toEqual({ largestDifference: 2 })
})

test("lists are taken in turn, and pairs are runs of documents", () => {
  expect(interleave([[1, 2, 3], [10], [20, 21]])).toEqual([1, 10, 20, 2, 21, 3])
  expect(pairGroups(["p", "q", "r"], ["a", "b", "c", "d", "e"], 2)).toEqual([
    { query: "p", documents: ["a", "b"] },
    { query: "q", documents: ["c", "d"] },
  ])
})

test("a script that fails is a row with its reason", async () => {
  const options = { threads: 1, limits: { seconds: 30 } }
  await expect(runChild("growth.mjs", { file: "no-such-file.json" }, options)).rejects.toThrow(/exit 1.*no-such-file/)
  expect(await rowOf("m", "growth.mjs", { file: "no-such-file.json" }, options)).toMatchObject({
    name: "m",
    absent: expect.stringContaining("no-such-file"),
  })
  await expect(runChild("growth.mjs", { file: "/dev/stdin" }, { threads: 1, limits: { seconds: 0 } })).rejects.toThrow(
    "stopped: over 0 min",
  )
})

test("documents are asked of the cache and queries of the model", () => {
  class Model {
    #name = "model"
    get name() {
      return this.#name
    }
    embed(texts: readonly string[], side: string) {
      return `${this.#name} ${side} ${texts}`
    }
    encode(texts: readonly string[], side: string) {
      return this.embed(texts, side)
    }
  }
  const cached = { embed: () => "cached", encode: () => "cached" }
  const encoder = withCachedDocuments(new Model(), cached)
  expect(encoder.name).toBe("model")
  expect(encoder.embed(["a"], "query")).toBe("model query a")
  expect(encoder.embed(["a"], "document")).toBe("cached")
  expect(encoder.encode(["a"], "document")).toBe("cached")
})

test("indexes that are built are kept sight of", async () => {
  class DenseIndex {
    constructor(readonly stats: { truncated: number }) {}
    static async build(_: unknown, { encoder }: { encoder: { cut: number } }) {
      return new DenseIndex({ truncated: encoder.cut })
    }
  }
  const load = async (path: string) => (path.includes("dense") ? { DenseIndex } : undefined)
  const indexes = await observeIndexes({ load })
  expect(indexes.truncated()).toBe(0)
  expect(await DenseIndex.build([], { encoder: { cut: 7 } })).toBeInstanceOf(DenseIndex)
  await DenseIndex.build([], { encoder: { cut: 3 } })
  expect(indexes.truncated()).toBe(7)
  expect(indexes.cached()).toBe(false)
})
