import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as z from "zod"
import { cut, RankineError } from "../../src/core/index.js"
import {
  describePipeline,
  loadPipeline,
  parsePipeline,
  pipelineJsonSchema,
  pipelineNames,
  registerPipeline,
  registerRetriever,
  registerStage,
} from "../../src/pipelines/index.js"
import { closest } from "../../src/pipelines/suggest.js"

const failure = (input: unknown): RankineError => {
  try {
    parsePipeline(input)
  } catch (error) {
    if (error instanceof RankineError) return error
    throw error
  }
  throw new Error("it was accepted")
}

describe("parsePipeline", () => {
  it("takes names, YAML, JSON and data, with or without the outer key", () => {
    const spec = { retriever: { bm25: { k1: 0.9 } }, stages: [{ cut: 100 }] }
    expect(parsePipeline({ pipeline: spec })).toEqual(spec)
    expect(parsePipeline(spec)).toEqual(spec)
    expect(parsePipeline(JSON.stringify(spec))).toEqual(spec)
    expect(parsePipeline("pipeline:\n  retriever: { bm25: { k1: 0.9 } }\n  stages: [{ cut: 100 }]\n")).toEqual(spec)
    expect(parsePipeline("bm25")).toEqual({ name: "bm25", retriever: { bm25: {} }, stages: [] })
    expect(pipelineNames()).toEqual(expect.arrayContaining(["bm25", "elasticlunr"]))
  })

  it("fills in defaults, in parts inside parts too, and takes its own output", () => {
    const spec = parsePipeline({ retriever: "bm25", stages: ["dedupe", { top: { count: 5, stage: { mmr: {} } } }] })
    expect(spec.stages).toEqual([
      { dedupe: { threshold: 0.9, shingle: 3, analyzer: "english" } },
      { top: { count: 5, stage: { mmr: { lambda: 0.7, analyzer: "english" } } } },
    ])
    expect(parsePipeline(spec)).toEqual(spec)
  })

  const mistakes: [string, unknown, string][] = [
    ["name", "bm52", 'there is no pipeline "bm52" (did you mean "bm25"?)'],
    [
      "retriever",
      { retriever: "bm25s" },
      'pipeline.retriever: unknown name "bm25s" (did you mean "bm25"?); allowed: bm25,',
    ],
    ["retriever as key", { retriever: { bm26: {} } }, 'pipeline.retriever: unknown name "bm26" (did you mean "bm25"?)'],
    [
      "key",
      { retriever: { bm25: { analyser: "english" } } },
      'pipeline.retriever.bm25.analyser: unknown key (did you mean "analyzer"?); allowed here: index, analyzer,',
    ],
    ["type", { retriever: { bm25: { k1: "x" } } }, 'pipeline.retriever.bm25.k1: got "x"; expected number'],
    ["range", { retriever: "bm25", stages: [{ mmr: { lambda: 3 } }] }, "pipeline.stages[0].mmr.lambda: got 3; too big"],
    [
      "missing options",
      { retriever: "bm25", stages: ["cut"] },
      "pipeline.stages[0]: cut needs options: write { cut: … }",
    ],
    [
      "two keys",
      { retriever: "bm25", stages: [{ cut: 3, mmr: {} }] },
      "pipeline.stages[0]: must be a name or an object with one name as its only key",
    ],
    [
      "inner stage",
      { retriever: "bm25", stages: [{ top: { count: 3, stage: "dedup" } }] },
      'pipeline.stages[0].top.stage: unknown name "dedup" (did you mean "dedupe"?)',
    ],
    [
      "inner retriever",
      { retriever: { fuse: { retrievers: ["bm25", "elasticlnr"] } } },
      'pipeline.retriever.fuse.retrievers[1]: unknown name "elasticlnr" (did you mean "elasticlunr"?)',
    ],
    ["choice", { retriever: { fuse: { method: "rff", retrievers: ["bm25"] } } }, '(did you mean "rrf"?)'],
    ["missing", { retriever: { fuse: {} } }, "pipeline.retriever.fuse.retrievers: is missing; expected array"],
    [
      "outer key",
      { pipeline: { retriever: "bm25", stage: [] } },
      'pipeline.stage: unknown key (did you mean "stages"?); allowed here: name, retriever, stages',
    ],
    [
      "plain union",
      { retriever: { bm25: { analyzer: 3 } } },
      "pipeline.retriever.bm25.analyzer: got 3; expected string, or expected object",
    ],
    ["saved index with options", { retriever: { bm25: { index: "x", k1: 1 } } }, "a saved index has its own options"],
    ["inherited name", { retriever: "constructor" }, 'unknown name "constructor"'],
    ["a number", 3, "the top level: got 3; expected object"],
    ["nothing", {}, "pipeline: is missing; expected object"],
    ["YAML", "pipeline:\n  retriever: bm25\n   x: 3", "pipeline:2:14: "],
    ["YAML key twice", "pipeline: {retriever: bm25, retriever: bm25}", "Map keys must be unique"],
  ]
  it.each(mistakes)("%s", (_, input, message) => {
    const error = failure(input)
    expect(error.code).toBe("configuration")
    expect(error.message).toContain(message)
  })

  it("names all mistakes at once", () => {
    const error = failure({ retriever: { bm25: { k3: 1, b: 7 } }, stages: ["cut", "mrm"] })
    expect(error.message.split("\n")).toHaveLength(4)
    expect(error.details.mistakes).toHaveLength(4)
  })
})

describe("loadPipeline", () => {
  it("reads files, and names the file and what is wrong in it", async () => {
    const directory = await mkdtemp(join(tmpdir(), "rankine-pipelines-"))
    try {
      const file = join(directory, "mine.yaml")
      await writeFile(file, "pipeline:\n  retriever: bm25\n  stages:\n    - cut: 5\n")
      expect((await loadPipeline(file)).stages).toEqual([{ cut: 5 }])
      await writeFile(file, "pipeline: { retriever: bm25, stages: [{ cut: 0 }] }")
      await expect(loadPipeline(file)).rejects.toThrow(`${file}: pipeline.stages[0].cut: got 0`)
      await expect(loadPipeline(join(directory, "none.yaml"))).rejects.toMatchObject({ code: "not-found" })
      await expect(loadPipeline("elasticlnr")).rejects.toThrow(
        /neither a file nor the name.*did you mean "elasticlunr"/,
      )
      await expect(loadPipeline(directory)).rejects.toMatchObject({ code: "storage" })
      expect((await loadPipeline("bm25")).name).toBe("bm25")
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})

describe("the registry", () => {
  it("takes new parts, which files, messages and the JSON schema then know", () => {
    expect(failure({ retriever: "bm25", stages: ["halve"] }).message).toContain('unknown name "halve"')
    registerStage("halve", {
      summary: "Keeps half.",
      schema: z.strictObject({ of: z.int().default(2) }),
      build: ({ of }) => cut(of),
    })
    registerRetriever("empty", {
      summary: "Finds nothing.",
      schema: ({ stage }) => z.strictObject({ next: stage.optional() }),
      build: () => ({ name: "empty", retrieve: async () => [] }),
    })
    registerPipeline("nothing", { retriever: "empty", stages: ["halve"] })
    expect(parsePipeline("nothing")).toEqual({
      name: "nothing",
      retriever: { empty: {} },
      stages: [{ halve: { of: 2 } }],
    })
    expect(parsePipeline({ retriever: { empty: { next: { halve: { of: 4 } } } } }).retriever).toEqual({
      empty: { next: { halve: { of: 4 } } },
    })
    expect(JSON.stringify(pipelineJsonSchema())).toContain('"halve"')
    expect(failure({ retriever: "bm25", stages: ["halv"] }).message).toContain('did you mean "halve"')
  })

  it("refuses names that are taken or that no file could write", () => {
    const part = { summary: "", schema: z.strictObject({}), build: () => cut(1) }
    expect(() => registerStage("cut", part)).toThrow(/already/)
    expect(() => registerStage("Cut It", part)).toThrow(/a-z/)
    expect(() => registerPipeline("bm25", {})).toThrow(/already/)
  })
})

describe("the JSON schema", () => {
  it("has definitions for both kinds of part, and closes its objects", () => {
    const schema = pipelineJsonSchema() as { $defs: Record<string, { anyOf: Record<string, unknown>[] }> }
    const { Retriever, Stage } = schema.$defs
    for (const { anyOf } of [Retriever!, Stage!])
      for (const choice of anyOf.slice(1)) expect(choice).toMatchObject({ type: "object", additionalProperties: false })
    expect(JSON.stringify(schema)).toContain('"$ref":"#/$defs/Retriever"')
  })
})

describe("describePipeline", () => {
  it("describes a declarative form with its defaults, as data and as a tree", () => {
    const { json, text } = describePipeline({
      retriever: { fuse: { retrievers: ["bm25", { elasticlunr: { expand: true } }] } },
      stages: [{ cut: 100 }, { top: { count: 20, stage: "mmr" } }],
    })
    expect(json).toEqual({
      name: "pipeline",
      retriever: { name: "fuse", retrievers: [{ name: "bm25" }, { name: "elasticlunr", expand: true }] },
      stages: [
        { name: "cut", value: 100 },
        { name: "top", count: 20, stage: { name: "mmr", lambda: 0.7, analyzer: "english" } },
      ],
    })
    expect(text.split("\n").map((line) => line.replace(/ +#.*/, ""))).toEqual([
      "pipeline",
      "  retriever:",
      "    fuse",
      "      retrievers:",
      "        bm25",
      "        elasticlunr (expand true)",
      "  stages:",
      "    cut (value 100)",
      "    top (count 20)",
      "      stage:",
      "        mmr (lambda 0.7, analyzer english)",
    ])
  })
})

describe("closest", () => {
  it("forgives two errors, a swap being one, and no more", () => {
    expect(closest("bm52", ["bm25", "cut"])).toBe("bm25")
    expect(closest("dedpue", ["dedupe", "mmr"])).toBe("dedupe")
    expect(closest("quark", ["dedupe", "mmr"])).toBeUndefined()
    expect(closest("x", ["cut", "mmr"])).toBeUndefined()
  })
})
