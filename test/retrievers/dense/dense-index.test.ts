import { describe, expect, it } from "vitest"
import { DenseIndex, type IndexKind } from "../../../retrievers/dense/index.js"
import type { Document, Query } from "../../../src/core/index.js"
import { conformanceDocuments, describeRetriever } from "../../conformance/retriever.js"
import { hasHnsw, hasUsearch } from "./available.js"
import { hashedWords } from "./hashed-words.js"

const kinds: readonly IndexKind[] = [
  "flat",
  "flat-int8",
  "flat-binary",
  ...(hasHnsw ? (["hnsw"] as const) : []),
  ...(hasUsearch ? (["usearch"] as const) : []),
]

for (const index of kinds)
  describeRetriever(
    `dense (${index})`,
    // The few documents are all candidates: what is checked is the contract.
    (documents) =>
      DenseIndex.build(documents, {
        encoder: hashedWords(),
        index,
        ...(index.startsWith("flat-") ? { oversample: 10 } : {}),
      }),
    { lexical: false },
  )
describeRetriever(
  "dense (dot)",
  (documents) => DenseIndex.build(documents, { encoder: hashedWords(), metric: "dot" }),
  {
    lexical: false,
  },
)
describeRetriever(
  "dense after additions, replacements and deletions",
  async (documents) => {
    const changed = { ...documents[1]!, text: "something else" }
    const index = await DenseIndex.build([...documents.slice(0, 1), changed, { id: "gone", text: "fish fish" }], {
      encoder: hashedWords(),
      batchSize: 2,
    })
    await index.add(documents.slice(1), { replace: true })
    await index.delete(["gone"])
    return index
  },
  { lexical: false },
)

const documents: readonly Document[] = [
  { id: "a", title: "Steam", text: "steam engines" },
  { id: "b", text: "heat pumps" },
  { id: "c", text: "cold water" },
]
const query = (text: string, more: Partial<Query> = {}): Query => ({ id: "q", text, ...more })
const ids = (hits: readonly { id: string }[]) => hits.map(({ id }) => id)

describe("DenseIndex", () => {
  it("scores the cosine of title and text with the query", async () => {
    const index = await DenseIndex.build(documents, { encoder: hashedWords() })
    const [ranking] = await index.retrieve([query("steam")], { topK: 1 })
    // steam twice and engines once: 2 / sqrt(5).
    expect(ranking!.hits).toEqual([{ id: "a", score: Math.fround(2 / Math.sqrt(5)) }])
    expect(ranking!.scoreKind).toBe("cosine")
    expect(ranking!.usage).toMatchObject({ calls: 1, promptTokens: 1, truncated: 0 })
    const byDot = await DenseIndex.build(documents, { encoder: hashedWords(), metric: "dot" })
    expect((await byDot.retrieve([query("steam steam")], { topK: 1 }))[0]).toMatchObject({
      scoreKind: "dot",
      hits: [{ id: "a", score: 4 }],
    })
  })

  it("refuses another model's vectors, and says which is which", async () => {
    const index = await DenseIndex.build(documents, { encoder: hashedWords({ name: "first", checksum: "one" }) })
    const vectors = [new Float32Array(512).fill(1)]
    const other = hashedWords({ name: "second", checksum: "two" })
    await expect(index.add([{ id: "d", text: "x" }], { given: { vectors, model: other } })).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/first .*checksum one.*second .*checksum two.*checksum differ/),
    })
    const short = hashedWords({ dimension: 64, checksum: "one" })
    await expect(index.add([{ id: "d", text: "x" }], { given: { vectors, model: short } })).rejects.toMatchObject({
      message: expect.stringContaining("dimension differ"),
    })
    expect(index.size).toBe(3)
    // Another name for the same weights is the same model.
    const renamed = hashedWords({ name: "renamed", checksum: "one" })
    expect(await index.add([{ id: "d", text: "x" }], { given: { vectors, model: renamed } })).toBe(1)
    expect(renamed.seen).toEqual([])
    for (const count of [0, 2])
      await expect(
        index.add([{ id: "e", text: "x" }], {
          given: { vectors: vectors.concat(vectors).slice(0, count), model: renamed },
        }),
      ).rejects.toMatchObject({ code: "argument" })
  })

  it("counts texts that were cut, at indexing and in queries", async () => {
    const encoder = hashedWords({ maxLength: 2 })
    const index = await DenseIndex.build(documents, { encoder })
    expect(index.warnings).toEqual([{ code: "truncated", count: 1, ids: ["a"] }])
    expect(index.stats).toMatchObject({ documents: 3, truncated: 1, zeroVectors: 0 })
    const [long, short] = await index.retrieve([query("one two three"), query("heat")])
    expect(long!.warnings).toEqual([{ code: "truncated", count: 1 }])
    expect(long!.usage.truncated).toBe(1)
    expect(short!.warnings).toEqual([])
    // Tokens of queries encoded together add up to what the model read.
    expect(long!.usage.promptTokens + short!.usage.promptTokens).toBe(3)
    await index.add([{ id: "a", text: "short" }], { replace: true })
    expect(index.warnings).toEqual([])
  })

  it("counts documents without a direction, and answers such queries without hits", async () => {
    const index = await DenseIndex.build([...documents, { id: "empty", text: "" }, { id: "dots", text: "..." }], {
      encoder: hashedWords(),
    })
    expect(index.warnings).toEqual([{ code: "empty-document", count: 2, ids: ["empty", "dots"] }])
    const [nothing, unknown, known] = await index.retrieve([query(""), query("?!"), query("heat")])
    expect(nothing).toMatchObject({ hits: [], warnings: [{ code: "empty-query", count: 1 }], status: "ranked" })
    expect(unknown).toMatchObject({ hits: [], warnings: [{ code: "no-known-terms", count: 1 }] })
    expect(ids(known!.hits)).toEqual(["b", "a", "c", "dots", "empty"])
    expect(known!.hits[4]!.score).toBe(0)
    await index.delete(["empty"])
    expect(index.stats.zeroVectors).toBe(1)
  })

  it("refuses vectors with NaN, and names the document", async () => {
    const bad = { id: "bad", text: "notanumber" }
    await expect(DenseIndex.build([...documents, bad], { encoder: hashedWords() })).rejects.toMatchObject({
      code: "data",
      message: expect.stringMatching(/"bad".*NaN/),
    })
    const index = await DenseIndex.build(documents, { encoder: hashedWords() })
    await expect(index.add([{ id: "d", text: "fine" }, bad])).rejects.toMatchObject({ code: "data" })
    expect(index.size).toBe(3)
    expect(await index.documents!.get(["d", "bad"])).toEqual([undefined, undefined])
  })

  it("marks only the queries at fault, or throws, as asked", async () => {
    const index = await DenseIndex.build(documents, { encoder: hashedWords() })
    const queries = [
      query("heat"),
      query("explode"),
      query("notanumber"),
      { id: "q", text: undefined } as unknown as Query,
      query("steam"),
    ]
    const rankings = await index.retrieve(queries, { onError: "mark", topK: 1 })
    expect(rankings.map(({ status }) => status)).toEqual(["ranked", "failed", "failed", "failed", "ranked"])
    expect(rankings.map(({ error }) => error?.code)).toEqual([undefined, "model", "data", "argument", undefined])
    expect(ids(rankings[4]!.hits)).toEqual(["a"])
    for (const one of queries.slice(1, 4)) await expect(index.retrieve([queries[0]!, one])).rejects.toThrow()
  })

  it("refuses collections and documents it cannot index", async () => {
    const encoder = hashedWords()
    const build = (some: readonly unknown[]) => DenseIndex.build(some as Document[], { encoder })
    await expect(build([])).rejects.toMatchObject({ code: "data", message: expect.stringContaining("empty") })
    await expect(build([{ text: "no id" }])).rejects.toMatchObject({ code: "data" })
    await expect(build([{ id: "a" }])).rejects.toMatchObject({ code: "data", message: expect.stringContaining('"a"') })
    await expect(build([documents[0], documents[0]])).rejects.toMatchObject({ code: "data" })
    await expect(DenseIndex.build(documents, { encoder, batchSize: 0 })).rejects.toMatchObject({ code: "argument" })
  })

  it("hands an encoder that miscounts its failure", async () => {
    const encoder = { ...hashedWords(), embed: async () => ({ vectors: [], tokens: 0, truncated: [] }) }
    await expect(DenseIndex.build(documents, { encoder })).rejects.toMatchObject({ code: "model" })
  })

  it("takes documents as they come, in batches, and reports", async () => {
    async function* stream() {
      for (let i = 0; i < 25; i++) yield { id: `d${i}`, text: `word${i} common`, metadata: { even: i % 2 === 0 } }
    }
    const events: string[] = []
    const index = await DenseIndex.build(stream(), {
      encoder: hashedWords({ dimension: 4096 }),
      batchSize: 10,
      onProgress: ({ done, unit }) => events.push(`${done} ${unit}`),
    })
    expect(events).toEqual(["10 documents", "20 documents", "25 documents"])
    const [ranking] = await index.retrieve([query("word7 common", { excludedIds: ["d7"] })], {
      filter: { even: true },
      topK: 3,
    })
    expect(ranking!.hits.length).toBe(3)
    expect(ranking!.hits.every(({ id }) => Number(id.slice(1)) % 2 === 0)).toBe(true)
    await expect(index.add([{ id: "x", text: "x" }], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    })
  })

  it("keeps no documents where it is told not to, and then refuses filters", async () => {
    const index = await DenseIndex.build(documents, { encoder: hashedWords(), storeDocuments: false })
    expect(index.documents).toBeUndefined()
    await expect(index.retrieve([query("heat")], { filter: { id: "b" } })).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining("storeDocuments"),
    })
    expect(ids((await index.retrieve([query("heat")], { topK: 1 }))[0]!.hits)).toEqual(["b"])
  })

  it("sees a changed document through a filter asked before", async () => {
    const index = await DenseIndex.build(conformanceDocuments, { encoder: hashedWords() })
    const filter = { year: 2005 }
    const asked = async () => ids((await index.retrieve([query("granite")], { filter }))[0]!.hits)
    expect(await asked()).toEqual(["twin-a", "twin-\uFFFD", "twin-\u{1F980}"])
    await index.add([{ id: "twin-a", text: "granite", metadata: { year: 2006 } }], { replace: true })
    await index.add([{ id: "late", text: "granite", metadata: { year: 2005 } }])
    expect(await asked()).toEqual(["late", "twin-\uFFFD", "twin-\u{1F980}"])
  })

  it("lets others have their turn while it builds and searches", async () => {
    let turns = 0
    let running = true
    const others = () => {
      turns++
      if (running) setImmediate(others)
    }
    const many = Array.from({ length: 20_000 }, (_, i) => ({ id: `d${i}`, text: `word${i % 999} common words` }))
    setImmediate(others)
    const index = await DenseIndex.build(many, { encoder: hashedWords({ dimension: 256 }) })
    expect(turns).toBeGreaterThan(3)
    turns = 0
    await index.retrieve(Array.from({ length: 200 }, (_, i) => query(`word${i}`)))
    running = false
    expect(turns).toBeGreaterThan(3)
  })
})
