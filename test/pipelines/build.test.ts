import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as z from "zod"
import { ElasticlunrRetriever } from "../../retrievers/elasticlunr/index.js"
import { MemoryDocumentStore } from "../../src/core/index.js"
import {
  buildPipeline,
  describePipeline,
  explain,
  registerRetriever,
  renderExplanation,
} from "../../src/pipelines/index.js"
import { conformanceDocuments, describeRetriever } from "../conformance/retriever.js"

const context = { documents: () => conformanceDocuments }

describeRetriever("the pipeline bm25", (documents) => buildPipeline("bm25", { documents: () => documents }))
describeRetriever(
  "a fused pipeline with stages",
  (documents) =>
    buildPipeline(
      {
        retriever: { fuse: { retrievers: ["bm25", "elasticlunr"] } },
        stages: [{ cut: 50 }, { top: { count: 1, stage: "dedupe" } }],
      },
      { documents: () => documents },
    ),
  { tolerance: 1e-9 },
)

describe("buildPipeline", () => {
  it("builds what the file says, and describes every parameter of it", async () => {
    const built = await buildPipeline(
      "pipeline:\n  name: mine\n  retriever: { fuse: { method: wsum, weights: [1, 2], retrievers: [{ bm25: { k1: 1.5 } }, elasticlunr] } }\n  stages: [{ cut: 2 }]",
      context,
    )
    const [ranking] = await built.retrieve([{ id: "q", text: "fish in water" }])
    expect(ranking!.hits).toHaveLength(2)
    const { json, text } = describePipeline(built)
    expect(json).toMatchObject({
      title: "mine",
      retriever: {
        name: "fuse",
        method: "wsum",
        norm: "min-max",
        weights: [1, 2],
        retrievers: [{ name: "bm25", k1: 1.5 }, { name: "elasticlunr" }],
      },
      stages: [{ name: "cut", count: 2 }],
    })
    expect(text).toContain("        bm25 (")
  })

  it("builds the same retriever once, and reads the collection once for each other", async () => {
    let reads = 0
    const counting = {
      documents: () => {
        reads++
        return conformanceDocuments
      },
    }
    await buildPipeline({ retriever: { fuse: { retrievers: ["bm25", { bm25: {} }, "elasticlunr"] } } }, counting)
    expect(reads).toBe(2)
  })

  it("checks a fusion before it builds indexes for it", async () => {
    const never = {
      documents: () => {
        throw new Error("read too early")
      },
    }
    const spec = { retriever: { fuse: { weights: [1], retrievers: ["bm25", "elasticlunr"] } } }
    await expect(buildPipeline(spec, never)).rejects.toThrow(/fuse: 1 weights for 2 lists/)
  })

  it("says what is missing", async () => {
    await expect(buildPipeline("bm25")).rejects.toThrow(/bm25 builds an index and there are no documents/)
    await expect(buildPipeline({ retriever: "bm25", stages: ["hydrate"] }, context)).rejects.toThrow(/pass store/)
    await expect(buildPipeline({ retriever: { elasticlunr: { titleField: "t" } } }, context)).rejects.toMatchObject({
      code: "configuration",
    })
    await expect(buildPipeline("bm25", { ...context, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    })
  })

  it("loads saved indexes, from the index directory", async () => {
    const indexDirectory = await mkdtemp(join(tmpdir(), "rankine-build-"))
    try {
      await (await ElasticlunrRetriever.build(conformanceDocuments)).save(join(indexDirectory, "page.json"))
      const built = await buildPipeline({ retriever: { elasticlunr: { index: "page.json" } } }, { indexDirectory })
      expect((await built.retrieve([{ id: "q", text: "owls" }]))[0]!.hits[0]!.id).toBe("owls")
      const missing = buildPipeline({ retriever: { bm25: { index: "none" } } }, { indexDirectory })
      await expect(missing).rejects.toMatchObject({ code: "not-found" })
    } finally {
      await rm(indexDirectory, { recursive: true })
    }
  })

  it("gives stages the texts of the context where the retriever holds none", async () => {
    registerRetriever("ids-only", {
      summary: "Ids without texts.",
      schema: z.strictObject({}),
      build: async () => ElasticlunrRetriever.build(conformanceDocuments, { storeDocuments: false }),
    })
    const store = new MemoryDocumentStore(conformanceDocuments)
    const spec = { retriever: "ids-only", stages: ["mmr"] }
    await expect(buildPipeline(spec)).rejects.toThrow(/hydrate\(store\)/)
    const [ranking] = await (await buildPipeline(spec, { store })).retrieve([{ id: "q", text: "granite fish" }])
    expect(ranking!.hits.every((hit) => hit.document !== undefined)).toBe(true)
  })
})

describe("explain", () => {
  const spec = {
    retriever: { fuse: { retrievers: ["bm25", "elasticlunr"] } },
    stages: [{ cut: 3 }, { mmr: { lambda: 0.5 } }],
  }
  const ask = async (options = {}) =>
    (await (await buildPipeline(spec, context)).retrieve([{ id: "q", text: "fish in cold water" }], options))[0]!

  it("shows terms, lists and stages of a hit", async () => {
    const ranking = await ask({ explain: true })
    const id = ranking.hits[1]!.id
    const explained = explain(ranking, id)
    expect(explained).toMatchObject({ id, rank: 2, score: ranking.hits[1]!.score, scoreKind: "ordinal" })
    expect(explained.stages.map((step) => step.stage)).toEqual([
      "bm25",
      "elasticlunr",
      "rrf(bm25, elasticlunr)",
      "cut(3)",
      "hydrate",
      "mmr(0.5)",
    ])
    expect(explained.stages.at(-1)).toMatchObject({ rank: 2, of: 3 })
    const text = renderExplanation(explained)
    expect(text).toContain(`${id} for "fish in cold water": rank 2`)
    expect(text).toMatch(/mmr: sum of\n.*relevance .*\n.*rrf: sum of\n.*bm25: rank/)
    expect(text).toMatch(/text:(fish|water)/)
  })

  it("says where a document was lost", async () => {
    const ranking = await ask({ explain: true, topK: 2 })
    const last = ranking.stages.at(-1)!.hits!.at(-1)!.id
    expect(explain(ranking, last)).toMatchObject({ lostAt: "the final cut to topK" })
    const cutting = await buildPipeline({ retriever: "bm25", stages: ["mmr", { cut: 2 }] }, context)
    const [shortened] = await cutting.retrieve([{ id: "q", text: "fish in cold water" }], { explain: true })
    const lost = shortened!.stages.at(-2)!.hits!.at(-1)!.id
    expect(explain(shortened!, lost).lostAt).toBe("cut(2)")
    expect(renderExplanation(explain(shortened!, lost))).toContain("left out by cut(2)")
  })

  it("refuses what it cannot explain", async () => {
    expect(() => explain({ ...emptyOf, hits: [] }, "x")).toThrow(/explain: true/)
    const ranking = await ask({ explain: true })
    expect(() => explain(ranking, "nobody")).toThrow(/was not retrieved/)
    const plain = await ask()
    expect(() => explain(plain, plain.hits[0]!.id)).toThrow(/explain: true/)
  })
})
const emptyOf = {
  query: { id: "q", text: "" },
  status: "ranked",
  final: true,
  scoreKind: "bm25",
  stages: [],
  warnings: [],
  usage: { calls: 0, promptTokens: 0, cachedTokens: 0, completionTokens: 0, truncated: 0, repaired: 0, seconds: 0 },
} as const
