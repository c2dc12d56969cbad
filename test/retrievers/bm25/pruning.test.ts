import { describe, expect, it } from "vitest"
import { Bm25Index } from "../../../retrievers/bm25/index.js"
import { Random } from "../../../src/core/index.js"
import { collection, outcome, queryTexts } from "./collection.js"

describe("pruned top-k", () => {
  it("equals exhaustive top-k on 10,000 random queries, ties included", async () => {
    let compared = 0
    let ties = 0
    for (const [size, vocabulary, longest] of [
      [3000, 40, 6],
      [9000, 3000, 40],
    ] as const) {
      const index = await Bm25Index.build(collection(size, size, vocabulary, longest), { analyzer: "whitespace" })
      for (const [topK, count] of [
        [1, 1500],
        [10, 2500],
        [37, 800],
        [200, 150],
        [2 * size, 50],
      ] as const) {
        const queries = queryTexts(count, topK, vocabulary)
        const pruned = await index.retrieve(queries, { topK, strategy: "pruned" })
        const exhaustive = await index.retrieve(queries, { topK, strategy: "exhaustive" })
        const chosen = await index.retrieve(queries, { topK, strategy: "auto" })
        expect(outcome(pruned) === outcome(exhaustive)).toBe(true)
        expect(outcome(chosen) === outcome(exhaustive)).toBe(true)
        compared += queries.length
        for (const { hits } of exhaustive) if (hits.length > 1 && hits.at(-1)!.score === hits.at(-2)!.score) ties++
      }
    }
    expect(compared).toBe(10_000)
    // The comparison means little unless the last places were often contested.
    expect(ties).toBeGreaterThan(1000)
  })

  it("holds with deleted, filtered and excluded documents, over several segments, with field weights", async () => {
    const options = { analyzer: "whitespace", fields: { title: 2.5, text: 1 } }
    const documents = collection(4000, 7, 300, 15)
    const index = await Bm25Index.build(documents.slice(0, 2500), options)
    await index.add(documents.slice(2500, 3500))
    await index.add(documents.slice(3500))
    await index.delete(documents.filter((_, i) => i % 7 === 0).map(({ id }) => id))
    expect(index.stats.segments).toBeGreaterThan(1)
    const random = new Random(3, "exclusions")
    const queries = queryTexts(500, 5, 300).map((query) => ({
      ...query,
      excludedIds: Array.from({ length: random.integer(40) }, () => documents[random.integer(documents.length)]!.id),
    }))
    const places = new Map(documents.map(({ id }, i) => [id, i]))
    for (const topK of [1, 10, 100])
      for (const filter of [undefined, { group: { $in: [1, 2] } }]) {
        const some = filter ? { topK, filter } : { topK }
        const pruned = await index.retrieve(queries, { ...some, strategy: "pruned" })
        expect(outcome(pruned)).toEqual(outcome(await index.retrieve(queries, { ...some, strategy: "exhaustive" })))
        for (const { query, hits } of pruned)
          for (const { id } of hits) {
            const at = places.get(id)!
            const hidden = query.excludedIds?.includes(id) || at % 7 === 0
            if (hidden || (filter && ![1, 2].includes(documents[at]!.metadata!.group as number))) expect.fail(id)
          }
      }
  })

  it("holds when documents with a word lie close together, and for query terms with many repetitions", async () => {
    // Runs of the same word fill whole blocks; one document holds a word 1000 times, more than a posting's eight bits can say.
    const documents = Array.from({ length: 5000 }, (_, i) => ({
      id: String(i).padStart(5, "0"),
      text: `always ${i % 3 === 0 ? "always" : ""} run${i >> 5} half${i % 2} ${i === 4321 ? "often ".repeat(1000) : i % 100 === 0 ? "often" : "seldom"}`,
    }))
    const index = await Bm25Index.build(documents, { analyzer: "whitespace", norm: "exact", b: 0 })
    const queries = ["often", "run7 often", "half1 run135 often often often", "run3 run4 run5 half0"].map(
      (text, i) => ({
        id: String(i),
        text,
      }),
    )
    for (const topK of [1, 5, 50, 5000]) {
      const pruned = await index.retrieve(queries, { topK, strategy: "pruned" })
      expect(outcome(pruned)).toEqual(outcome(await index.retrieve(queries, { topK, strategy: "exhaustive" })))
      expect(pruned[0]!.hits[0]!.id).toBe("04321")
    }
    const [ranking] = await index.retrieve([queries[0]!], { topK: 2 })
    const [most, next] = ranking!.hits
    // tf / (tf + k1) with b = 0 and k1 = 0.9, the idf cancels.
    expect(most!.score / next!.score).toBeCloseTo(1000 / 1000.9 / (1 / 1.9), 5)
  })
})
