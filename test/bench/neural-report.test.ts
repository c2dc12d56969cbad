import { expect, test } from "vitest"
import { checkNeuralMarks } from "../../bench/lib/neural/marks.mjs"
import { readOptions } from "../../bench/lib/neural/options.mjs"
import { drawGrowth } from "../../bench/lib/neural/plot.mjs"
import { renderNeural } from "../../bench/lib/neural/report.mjs"

const run = {
  date: "2026-01-02T03:04:05.000Z",
  machine: { processor: "P", cores: 2, memoryBytes: 2 ** 33, system: "S", node: "20", commit: "abc", changed: false },
  settings: { threads: 2, rounds: 3 },
}
const quality = (name: string, value: number) => ({
  name,
  measures: { "nDCG@10": value, "R@100": 0.5 },
  p50Ms: 1,
  p99Ms: 2,
  indexSeconds: 3,
  peakBytes: 2 ** 20,
  truncated: 7,
  failed: 0,
  unanswered: 1,
})

const result = {
  ...run,
  parts: {
    embed: {
      title: "Embedding",
      task: "embed",
      items: 10,
      maxLength: 256,
      tokens: 1000,
      reference: "st-torch",
      rows: [
        { engine: "rankine-fp32", label: "ours", rounds: [1, 2, 4], tokensPerSecond: [1000, 500, 250], peakBytes: 2e8 },
        {
          engine: "st-torch",
          label: "torch",
          version: "6",
          rounds: [2, 2, 2],
          tokensPerSecond: [500, 500, 500],
          ratio: { median: 1.25, minimum: 1, maximum: 2 },
          agreement: { meanCosine: 1, lowestCosine: 0.99 },
        },
        { engine: "st-onnx", label: "onnx", rounds: [], stopped: "failed at load: no such file" },
        { engine: "flashrank", label: "FlashRank", absent: "not installed (npm run bench:setup)" },
      ],
      run,
    },
    growth: { rows: [{ name: "m", texts: 3000, tokens: 9, seconds: 1, first: 2 ** 20, last: 1.5 * 2 ** 20 }], run },
    nearest: {
      vectors: 9,
      queries: 3,
      dimension: 2,
      rows: [],
      kills: { kind: "hnsw", kills: 2, whole: 1, damaged: 1 },
    },
    quality: {
      collections: [
        { name: "a", rows: [quality("bm25", 0.4), quality("hybrid", 0.45), { name: "ce", absent: "not measured" }] },
        { name: "b", rows: [quality("bm25", 0.3), quality("hybrid", 0.31)] },
      ],
      run,
    },
  },
}

test("the report has speeds, ratios, and a reason for every row without figures", () => {
  const text = renderNeural(result, [])
  expect(text).toContain("| ours | 500 (250–1,000) |")
  expect(text).toContain("1.25× (1.00×–2.00×)")
  expect(text).toContain("- onnx: failed at load: no such file.")
  expect(text).toContain("- FlashRank: not installed (npm run bench:setup).")
  expect(text).toContain("- ce: not measured.")
  expect(text).toContain("lost or damaged: 1")
  expect(text).toContain("| m | 3,000 | 9 | 1.00 | 1.00 | 1.50 | 50.0 % |")
  expect(text).toContain("| hybrid | 0.4500 | 0.3100 | 0.3800 |")
  expect(text).toContain("| bm25 | 0.4000 | 0.5000 | 1.00 | 2.00 | 3.00 | 1.00 | 7 | 0 | 1 |")
  expect(text.match(/commit abc/g)).toHaveLength(1)
})

test("a trial says that it is none of the results", () => {
  const settings = { ...run.settings, limit: 40 }
  const trial = { ...result, parts: { growth: { ...result.parts.growth, run: { ...run, settings } } } }
  expect(renderNeural(trial, [])).toContain("only the first 40 items: a trial, no result")
})

test("marks are read from what was measured, and left out where nothing was", () => {
  const marks = checkNeuralMarks(result, [
    { name: "speed", measure: "speed", part: "embed", engine: "rankine-fp32", peer: "st-torch", atLeast: 1.3 },
    { name: "other", measure: "speed", part: "embed", engine: "rankine-fp32", peer: "st-onnx", atLeast: 1 },
    { name: "int8", measure: "speed", part: "embed", engine: "rankine-int8", peer: "st-torch", atLeast: 2 },
    { name: "growth", measure: "growth", model: "m", atMost: 1.05 },
    { name: "kills", measure: "damaged", atMost: 0 },
    { name: "gain", measure: "gain", pipeline: "hybrid", over: "bm25", collections: ["a", "b"], atLeast: 0.02 },
    { name: "half", measure: "gain", pipeline: "ce", over: "bm25", collections: ["a"], atLeast: 0.02 },
    { name: "near", measure: "distance", pipeline: "bm25", expected: 0.41, collections: ["a"], atMost: 0.005 },
    { name: "delay", measure: "delay", atMost: 20 },
  ])
  expect(marks.map(({ name, value, met }) => [name, value, met])).toEqual([
    ["speed", "1.25×", false],
    ["growth", "1.500×", false],
    ["kills", "1", false],
    ["gain", "0.0300", true],
    ["near", "0.0100", false],
  ])
})

test("every mark of the file can be checked", () => {
  expect(checkNeuralMarks({ parts: {} })).toEqual([])
  const names = checkNeuralMarks(result).map(({ name }) => name)
  expect(names).toContain("fp32 against sentence-transformers on torch")
})

test("the plot has one line a model, through every sample", async () => {
  const svg = await drawGrowth({
    rows: [
      { name: "first-model", every: 1000, samples: [1e8, 1.1e8, 1.2e8] },
      { name: "second-model", every: 1000, samples: [2e8, 2e8] },
      { name: "absent-model" },
    ],
  })
  expect(svg).toMatch(/^<svg[^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
  const lines = [...svg.matchAll(/<path d="(M[^"]+)" stroke="#/g)].map(([, path]) => path!.split("L").length)
  expect(lines).toEqual([3, 2])
  expect(svg).toContain(">first-model</text>")
  expect(svg).not.toContain("absent-model")
})

test("the command line refuses what it does not know", () => {
  expect(readOptions(["--parts", "embed,growth", "--peers", "st-torch"])).toMatchObject({
    parts: ["embed", "growth"],
    engines: ["st-torch"],
    threads: 2,
  })
  expect(() => readOptions(["--parts", "embd"])).toThrow("--parts: there is no embd; there are embed, ")
  expect(() => readOptions(["--rounds", "0"])).toThrow("--rounds must be a number above 0")
})
