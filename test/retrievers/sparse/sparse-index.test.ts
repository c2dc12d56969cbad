import { describe, expect, it } from "vitest"
import { SparseIndex } from "../../../retrievers/sparse/index.js"
import type { Document, Query } from "../../../src/core/index.js"
import { conformanceDocuments, describeRetriever } from "../../conformance/retriever.js"
import { hashedTerms } from "./hashed-terms.js"
import { documentsOf, model, plainSearch, randomVectors } from "./vectors.js"

describeRetriever("sparse", (documents) => SparseIndex.build(documents, { encoder: hashedTerms() }))
describeRetriever("sparse after additions, replacements, deletions", async (documents) => {
  const changed = { ...documents[1]!, text: "something else" }
  const index = await SparseIndex.build([documents[0]!, changed, { id: "gone", text: "fish fish" }], {
    encoder: hashedTerms(),
    batchSize: 2,
  })
  await index.add(documents.slice(1), { replace: true })
  await index.delete(["gone"])
  return index
})

const documents: readonly Document[] = [
  { id: "a", title: "Steam", text: "steam engines" },
  { id: "b", text: "heat pumps" },
  { id: "c", text: "cold water" },
]
const query = (text: string, more: Partial<Query> = {}): Query => ({ id: "q", text, ...more })
const ids = (hits: readonly { id: string }[]) => hits.map(({ id }) => id)
const build = (options = {}) => SparseIndex.build(documents, { encoder: hashedTerms(), ...options })

describe("SparseIndex", () => {
  it("scores the dot product of weights in whole steps, whatever the strategy", async () => {
    const names = Array.from({ length: 700 }, (_, i) => `d${(i * 7919) % 700}`)
    const vectors = randomVectors(700, 30, 1)
    const asked = randomVectors(60, 12, 2)
    const queries = asked.map((_, i) => query("given", { id: `q${i}` }))
    for (const settings of [
      {},
      { threshold: 0, step: 1 / 16 },
      { threshold: 1.05, queryThreshold: 0.7, step: 1 / 256 },
    ]) {
      const index = await SparseIndex.build(documentsOf(names), { model, given: { vectors, model }, ...settings })
      for (const topK of [5, 1000])
        for (const strategy of ["exhaustive", "pruned", "auto"] as const) {
          const rankings = await index.retrieve(queries, { topK, strategy, given: { vectors: asked, model } })
          rankings.forEach(({ hits, scoreKind }, i) => {
            expect(scoreKind).toBe("dot")
            expect(hits).toEqual(plainSearch(asked[i]!, names, vectors, { ...settings, k: topK }))
          })
        }
    }
  })

  it("keeps the heaviest terms of documents and of queries, of equal ones the first", async () => {
    const vectors = [
      { ids: Uint32Array.of(1, 2, 3, 4), weights: Float32Array.of(1, 2, 1, 1) },
      { ids: Uint32Array.of(3), weights: Float32Array.of(1) },
    ]
    const index = await SparseIndex.build(documentsOf(["a", "b"]), { model, given: { vectors, model }, topTerms: 2 })
    expect(index.stats).toMatchObject({ postings: 3, terms: 3 })
    const ask = async (of: SparseIndex, ...terms: number[]) => {
      const vector = { ids: Uint32Array.from(terms), weights: new Float32Array(terms.length).fill(1) }
      return (await of.retrieve([query("x")], { given: { vectors: [vector], model } }))[0]!
    }
    expect((await ask(index, 1, 2)).hits).toEqual([{ id: "a", score: 3 }])
    expect((await ask(index, 3, 4)).hits).toEqual([{ id: "b", score: 1 }])
    const short = await SparseIndex.build(documentsOf(["a", "b"]), {
      model,
      given: { vectors, model },
      queryTopTerms: 1,
    })
    expect((await ask(short, 1, 2)).hits).toEqual([{ id: "a", score: 1 }])
    expect(await ask(index, 7)).toMatchObject({ hits: [], warnings: [{ code: "no-known-terms", count: 1 }] })
  })

  it("refuses another model's vectors, and says which is which", async () => {
    const index = await build({ encoder: hashedTerms({ name: "first", checksum: "one" }) })
    const vectors = randomVectors(1, 5, 3)
    const other = hashedTerms({ name: "second", checksum: "two" })
    const message = expect.stringMatching(/first .*checksum one.*second .*checksum two.*checksum differ/)
    await expect(index.add([{ id: "d", text: "x" }], { given: { vectors, model: other } })).rejects.toMatchObject({
      code: "argument",
      message,
    })
    await expect(index.retrieve([query("x")], { given: { vectors, model: other } })).rejects.toMatchObject({
      code: "argument",
      message,
    })
    for (const different of [hashedTerms({ vocabulary: 9 }), hashedTerms({ maxLength: 9 })])
      expect(() => new SparseIndex({ encoder: different, model: index.model })).toThrow(/differ/)
    expect(() => new SparseIndex({ encoder: other, queryEncoder: hashedTerms({ vocabulary: 9 }) })).toThrow(
      /same vocabulary/,
    )
    expect(() => new SparseIndex({})).toThrow(/needs an encoder/)
  })

  it("asks another encoder for queries where one is given", async () => {
    const encoder = hashedTerms()
    const queryEncoder = hashedTerms({ checksum: "cheaper", maxLength: 2, scale: 2 })
    const index = await build({ encoder, queryEncoder })
    const [ranking] = await index.retrieve([query("heat pumps water")])
    expect(queryEncoder.calls).toEqual([["heat pumps water"]])
    expect(encoder.calls.length).toBe(1)
    expect(ids(ranking!.hits)).toEqual(["b"])
    expect(ranking).toMatchObject({
      warnings: [{ code: "truncated", count: 1 }],
      usage: { truncated: 1, promptTokens: 2 },
    })
  })

  it("works without an encoder on vectors alone, and says so where it needs one", async () => {
    const vectors = randomVectors(3, 9, 4)
    const index = await SparseIndex.build(documents, { model, given: { vectors, model } })
    await expect(index.retrieve([query("heat")])).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining("no encoder for queries"),
    })
    await expect(index.add([{ id: "d", text: "x" }])).rejects.toMatchObject({ code: "argument" })
    for (const count of [0, 2])
      await expect(
        index.add([{ id: "d", text: "x" }], { given: { vectors: randomVectors(count, 9, 5), model } }),
      ).rejects.toMatchObject({ code: "argument", message: expect.stringContaining("one vector for each") })
    await expect(
      index.retrieve([query("x"), query("y")], { given: { vectors: randomVectors(1, 9, 5), model } }),
    ).rejects.toMatchObject({ code: "argument" })
    expect(index.size).toBe(3)
  })

  it("refuses malformed vectors", async () => {
    const refuse = async (terms: readonly number[], weights: readonly number[], what: string) => {
      const vectors = [{ ids: Uint32Array.from(terms), weights: Float32Array.from(weights) }]
      const index = new SparseIndex({ model })
      await expect(index.add([{ id: "d", text: "x" }], { given: { vectors, model } })).rejects.toMatchObject({
        code: "data",
        message: expect.stringContaining(what),
      })
      expect(index.size).toBe(0)
    }
    await refuse([3, 2], [1, 1], "out of order")
    await refuse([2, 2], [1, 1], "out of order")
    await refuse([200], [1], "200")
    await refuse([1], [Number.NaN], "NaN")
    await refuse([1], [-1], "-1")
    await refuse([1, 2], [1], "2 ids and 1 weights")
    await expect(
      SparseIndex.build([{ id: "n", text: "notanumber" }], { encoder: hashedTerms() }),
    ).rejects.toMatchObject({
      code: "data",
    })
  })

  it("refuses options out of range", async () => {
    for (const wrong of [
      { threshold: -1 },
      { queryThreshold: Number.NaN },
      { topTerms: 0 },
      { queryTopTerms: 1.5 },
      { step: 0.1 },
      { step: 0 },
      { batchSize: 0 },
    ])
      await expect(build(wrong)).rejects.toMatchObject({ code: "argument" })
  })

  it("refuses bad collections, all or nothing, before it encodes what follows", async () => {
    const encoder = hashedTerms()
    const index = await build({ encoder, batchSize: 2 })
    const before = index.size
    const bad: [unknown, string][] = [
      [{ id: "", text: "x" }, "no id"],
      [{ id: "x" }, "no text"],
      [{ id: "a", text: "again" }, '"a"'],
    ]
    for (const [document, message] of bad) {
      await expect(index.add([{ id: "d", text: "fine" }, document as Document])).rejects.toMatchObject({
        code: "data",
        message: expect.stringContaining(message),
      })
      expect(index.size).toBe(before)
    }
    await expect(SparseIndex.build([], { encoder })).rejects.toMatchObject({ code: "data" })
    await expect(index.add([{ id: "d", text: "explode" }])).rejects.toThrow("exploded")
    expect((await index.retrieve([query("fine again")]))[0]!.hits).toEqual([])
  })

  it("encodes in batches of the size asked for, documents with their titles", async () => {
    const encoder = hashedTerms()
    await build({ encoder, batchSize: 2 })
    expect(encoder.calls).toEqual([["Steam steam engines", "heat pumps"], ["cold water"]])
  })

  it("marks the query at fault and answers the others", async () => {
    const index = await build()
    const queries = [query("heat", { id: "1" }), query("explode", { id: "2" }), query("", { id: "3" }), query("cold")]
    await expect(index.retrieve(queries)).rejects.toMatchObject({ code: "model" })
    const rankings = await index.retrieve(queries, { onError: "mark" })
    expect(rankings.map(({ status }) => status)).toEqual(["ranked", "failed", "ranked", "ranked"])
    expect(rankings.map(({ hits }) => ids(hits))).toEqual([["b"], [], [], ["c"]])
    expect(rankings[1]!.error?.message).toContain("exploded")
    const noText = [{ id: "5" } as unknown as Query]
    expect((await index.retrieve(noText, { onError: "mark" }))[0]!.error?.code).toBe("argument")
  })

  it("counts what was read and what was cut", async () => {
    const encoder = hashedTerms({ maxLength: 3 })
    const index = await SparseIndex.build(
      [...documents, { id: "long", text: "one two three four" }, { id: "e", text: " " }],
      {
        encoder,
      },
    )
    expect(index.stats).toMatchObject({ documents: 5, truncated: 1 })
    expect(index.warnings).toEqual([
      { code: "truncated", count: 1, ids: ["long"] },
      { code: "empty-document", count: 1, ids: ["e"] },
    ])
    const rankings = await index.retrieve([query("one two"), query(""), query("steam"), query("cold water or ice")])
    expect(rankings.map(({ usage }) => [usage.calls, usage.truncated])).toEqual([
      [1, 0],
      [0, 0],
      [1, 0],
      [1, 1],
    ])
    expect(rankings.reduce((sum, { usage }) => sum + usage.promptTokens, 0)).toBe(6)
    expect(rankings[3]!.warnings).toEqual([{ code: "truncated", count: 1 }])
    await index.add([{ id: "long", text: "short" }], { replace: true })
    await index.delete(["e"])
    expect(index.warnings).toEqual([])
  })

  it("names the terms that a score is made of", async () => {
    const index = await SparseIndex.build(conformanceDocuments, { encoder: hashedTerms() })
    const [ranking] = await index.retrieve([query("fish in water")], { explain: true, topK: 2 })
    for (const { explanation, score } of ranking!.hits) {
      expect(explanation!.value).toBe(score)
      for (const part of explanation!.details!) {
        expect(["fish", "in", "water"]).toContain(part.description)
        expect(part.value).toBe(part.details![0]!.value * part.details![1]!.value)
      }
    }
  })

  it("reports progress and stops when asked", async () => {
    const seen: string[] = []
    const onProgress = ({ stage, done, total }: { stage: string; done: number; total?: number }) =>
      seen.push(`${stage} ${done}/${total}`)
    const index = await build({ batchSize: 2, onProgress })
    await index.retrieve([query("heat"), query("cold")], { onProgress })
    expect(seen).toEqual(["index 2/undefined", "index 3/undefined", "sparse 2/2"])
    const stopped = new AbortController()
    const stop = () => stopped.abort()
    await expect(
      index.add(
        [...documents].map((one) => ({ ...one, id: `${one.id}2` })),
        {
          signal: stopped.signal,
          onProgress: stop,
        },
      ),
    ).rejects.toMatchObject({ code: "aborted" })
    expect(index.size).toBe(3)
  })
})
