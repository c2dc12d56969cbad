import { describe, expect, it } from "vitest"
import { type FuseOptions, fuse, fusionMethodNames, normalisationNames } from "../../../retrievers/fusion/index.js"
import {
  cut,
  type Document,
  emptyRanking,
  type Hit,
  pipeline,
  RankineError,
  type Retriever,
  type RunOptions,
  type ScoreKind,
} from "../../../src/core/index.js"
import { fakeRetriever } from "../../conformance/fake.js"
import { conformanceDocuments, describeRetriever } from "../../conformance/retriever.js"

const two = (documents: readonly Document[]) => [
  fakeRetriever(documents, { name: "one" }),
  fakeRetriever(documents, { name: "two", weight: 2 }),
]
const specs: FuseOptions[] = [
  ...fusionMethodNames.map((method) => ({ method })),
  ...normalisationNames.map((norm) => ({ method: "wsum" as const, norm, weights: [0.3, 0.7] })),
]
for (const spec of specs)
  describeRetriever(`fuse(${JSON.stringify(spec)})`, (documents) => fuse(spec, ...two(documents)), { tolerance: 1e-9 })

/** Gives the same hits for every query, or fails on the queries named in `fails`. */
function fixed(name: string, hits: readonly Hit[], kind: ScoreKind = "dot", fails: readonly string[] = []) {
  const asked: RunOptions[] = []
  const retriever: Retriever = {
    name,
    async retrieve(queries, options = {}) {
      asked.push(options)
      if (queries.some((query) => fails.includes(query.id))) throw new RankineError("network", `${name} is down`)
      return queries.map((query) => ({ ...emptyRanking(query, kind), hits: hits.slice(0, options.topK) }))
    },
  }
  return Object.assign(retriever, { asked })
}
const ab = [
  { id: "a", score: 2 },
  { id: "b", score: 1 },
]
const bc = [
  { id: "b", score: 9 },
  { id: "c", score: 8 },
]
const q = { id: "q", text: "?" }
const r = { id: "r", text: "!" }

describe("fuse", () => {
  it("fuses by reciprocal ranks by default", async () => {
    const [ranking] = await fuse(fixed("x", ab), fixed("y", bc)).retrieve([q])
    expect(ranking!.hits.map((hit) => hit.id)).toEqual(["b", "a", "c"])
    expect(ranking!.scoreKind).toBe("ordinal")
  })

  it("says which kind its scores are", async () => {
    const kindOf = async (options: FuseOptions, kinds: [ScoreKind, ScoreKind]) =>
      (await fuse(options, fixed("x", ab, kinds[0]), fixed("y", bc, kinds[1])).retrieve([q]))[0]!.scoreKind
    expect(await kindOf({ method: "wsum" }, ["bm25", "cosine"])).toBe("dot")
    expect(await kindOf({ method: "wsum", norm: "rank" }, ["bm25", "cosine"])).toBe("ordinal")
    expect(await kindOf({ method: "combmax", norm: "none" }, ["cosine", "cosine"])).toBe("cosine")
    expect(await kindOf({ method: "combmax", norm: "none" }, ["cosine", "bm25"])).toBe("dot")
  })

  it("retrieves depth hits from each, and at least topK and 1000 by default", async () => {
    const x = fixed("x", ab)
    await fuse({ depth: 7 }, x).retrieve([q], { topK: 3 })
    await fuse(x).retrieve([q], { topK: 3 })
    await fuse(x).retrieve([q], { topK: 5000 })
    expect(x.asked.map((options) => options.topK)).toEqual([7, 1000, 5000])
  })

  it("refuses to fuse ordinal scores by score, and says how to do it", async () => {
    const fusing = (options: FuseOptions) =>
      fuse(options, fixed("bm25", ab, "bm25"), fixed("llm", bc, "ordinal")).retrieve([q])
    await expect(fusing({ method: "wsum" })).rejects.toMatchObject({ code: "score-kind" })
    await expect(fusing({ method: "combsum" })).rejects.toThrow(/llm only carry an order: fuse by rank/)
    expect((await fusing({ method: "wsum", norm: "borda" }))[0]!.status).toBe("ranked")
    expect((await fusing({ method: "rrf" }))[0]!.status).toBe("ranked")
    const nested = fuse({ method: "wsum" }, fixed("z", ab), fuse(fixed("x", ab), fixed("y", bc)))
    await expect(nested.retrieve([q])).rejects.toMatchObject({ code: "score-kind" })
  })

  it("throws when one retriever fails, and tells the others to stop", async () => {
    const slow: Retriever = {
      name: "slow",
      retrieve: (_, options) =>
        new Promise((_, reject) => options!.signal!.addEventListener("abort", () => reject(new Error("stopped")))),
    }
    await expect(fuse(fixed("x", ab, "dot", ["q"]), slow).retrieve([q])).rejects.toMatchObject({ code: "network" })
  })

  it("marks queries that one retriever fails on as partial, and those that all fail on as failed", async () => {
    const fused = fuse(fixed("x", ab, "dot", ["q", "r"]), fixed("y", bc, "dot", ["r"]))
    const [partial, failed] = await fused.retrieve([q, r], { onError: "mark" })
    expect(partial).toMatchObject({
      status: "partial",
      error: { code: "network", message: "x is down" },
      warnings: [{ code: "failed-retriever", count: 1, ids: ["x"] }],
    })
    expect(partial!.hits.map((hit) => hit.id)).toEqual(["b", "c"])
    expect(failed).toMatchObject({ status: "failed", hits: [], warnings: [{ count: 2, ids: ["x", "y"] }] })
  })

  it("gives each list its own weight when one before it fails", async () => {
    const options = { method: "wsum", norm: "none", weights: [5, 1, 2] } as const
    const fused = fuse(options, fixed("x", ab, "dot", ["q"]), fixed("y", ab), fixed("z", bc))
    const [ranking] = await fused.retrieve([q], { onError: "mark" })
    expect(ranking!.hits.map(({ id, score }) => [id, score])).toEqual([
      ["b", 1 + 18],
      ["c", 16],
      ["a", 2],
    ])
  })

  it("marks a query whose scores are NaN, and leaves the others", async () => {
    const odd: Retriever = {
      name: "odd",
      retrieve: async (queries) =>
        queries.map((query) => ({
          ...emptyRanking(query, "dot"),
          hits: [{ id: "a", score: query.id === "q" ? Number.NaN : 1 }],
        })),
    }
    await expect(fuse(odd).retrieve([q, r])).rejects.toMatchObject({ code: "score-kind" })
    const rankings = await fuse(odd).retrieve([q, r], { onError: "mark" })
    expect(rankings.map((ranking) => ranking.status)).toEqual(["failed", "ranked"])
  })

  it("adds up warnings and usage, and keeps the worst status", async () => {
    const documents = [{ id: "a", text: "fish" }]
    const [ranking] = await fuse(...two(documents)).retrieve([{ id: "q", text: "" }])
    expect(ranking!.warnings).toEqual([{ code: "empty-query", count: 2 }])
    expect(ranking!.usage.calls).toBe(2)
    const cutShort: Retriever = {
      name: "p",
      retrieve: async (queries) =>
        queries.map((query) => ({ ...emptyRanking(query, "dot"), status: "partial" as const })),
    }
    expect((await fuse(cutShort, fixed("x", ab)).retrieve([q]))[0]!.status).toBe("partial")
  })

  it("explains each hit by list, with the list's own explanation below", async () => {
    const options = { method: "wsum", norm: "min-max", weights: [0.25, 0.75] } as const
    const fused = fuse(options, ...two(conformanceDocuments))
    const [ranking] = await fused.retrieve([{ id: "q", text: "cold fish" }], { explain: true })
    const [part] = ranking!.hits[0]!.explanation!.details!
    expect(part!.description).toBe("one: rank 1, score 2, weight 0.25")
    expect(part!.value).toBe(0.25)
    expect(part!.details![0]).toMatchObject({ value: 2, details: [{ value: 1 }, { value: 1 }] })
    expect(ranking!.stages.map((trace) => trace.stage)).toEqual(["one", "two", "wsum(one, two)"])
    expect(ranking!.stages[0]!.hits!.length).toBe(ranking!.stages[0]!.output)
  })

  it("hands out the documents of all its retrievers", async () => {
    const fused = fuse(fakeRetriever([{ id: "a", text: "1" }]), fakeRetriever([{ id: "b", text: "2" }]))
    expect((await fused.documents!.get(["b", "x", "a"])).map((document) => document?.text)).toEqual([
      "2",
      undefined,
      "1",
    ])
  })

  it("stands in a pipeline", async () => {
    const [ranking] = await pipeline(fuse(...two(conformanceDocuments)), cut(2)).retrieve([{ id: "q", text: "fish" }])
    expect(ranking!.hits).toHaveLength(2)
    expect(ranking!.stages.map((trace) => trace.stage)).toEqual(["one", "two", "rrf(one, two)", "cut(2)"])
  })

  it("refuses options that make no sense", () => {
    expect(() => fuse()).toThrow(/at least one retriever/)
    expect(() => fuse({ depth: 0 }, fixed("x", ab))).toThrow(/depth/)
    expect(() => fuse({ weights: [1] }, fixed("x", ab), fixed("y", bc))).toThrow(/1 weights for 2 lists/)
  })

  it("tells two retrievers of the same name apart", async () => {
    const [ranking] = await fuse(fixed("x", ab), fixed("x", bc)).retrieve([q], { explain: true })
    expect(ranking!.stages.map((trace) => trace.stage).slice(0, 2)).toEqual(["x", "x #2"])
  })
})
