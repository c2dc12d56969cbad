import { describe, expect, it } from "vitest"
import { compressions, LateInteractionIndex } from "../../../retrievers/late-interaction/index.js"
import { compareHits, type Document, documentText, type Hit, type Query, Random } from "../../../src/core/index.js"
import { conformanceDocuments, describeRetriever } from "../../conformance/retriever.js"
import { hashedTokens } from "./hashed-tokens.js"

// Every word its own centroid: the suite looks for words, and compression by fewer centroids would blur them.
const sharp = { encoder: hashedTokens(), centroids: 64 }
for (const compression of compressions)
  describeRetriever(
    `late interaction (${compression})`,
    (documents) => LateInteractionIndex.build(documents, { ...sharp, compression }),
    { lexical: false },
  )
describeRetriever(
  "late interaction (exhaustive)",
  (documents) => LateInteractionIndex.build(documents, { ...sharp, compression: "none", strategy: "exhaustive" }),
  { lexical: false },
)
describeRetriever(
  "late interaction after additions, replacements and deletions",
  async (documents) => {
    const changed = { ...documents[1], text: "something else" }
    const index = await LateInteractionIndex.build([documents[0], changed, { id: "gone", text: "fish fish" }], {
      encoder: hashedTokens(),
      compression: "int8",
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

/** Words of a few hundred, the frequent ones often; neighbouring words are no likelier together than others. */
function collection(count: number, seed: number, words = 300): Document[] {
  const random = new Random(seed, "collection")
  return Array.from({ length: count }, (_, i) => ({
    id: `d${i}`,
    text: Array.from({ length: 5 + random.integer(20) }, () => `w${Math.floor(words * random.float() ** 2)}`).join(" "),
    metadata: { group: i % 50 },
  }))
}
const asked = (count: number, seed: number): Query[] =>
  collection(count, seed).map(({ text }, i) => query(text.split(" ").slice(0, 5).join(" "), { id: `q${i}` }))
const directions = hashedTokens({ dimension: 24, directions: "random" })

/** MaxSim over all documents from the definition, in float64. */
async function definition(docs: readonly Document[], text: string, topK: number): Promise<Hit[]> {
  const { dimension } = directions
  const [{ rows: q }] = await directions.encode([text], "query")
  const vectors = await directions.encode(docs.map(documentText), "document")
  return vectors
    .map(({ rows }, i): Hit => {
      let score = 0
      for (let a = 0; a < q.length; a += dimension) {
        let most = Number.NEGATIVE_INFINITY
        for (let b = 0; b < rows.length; b += dimension) {
          let product = 0
          for (let d = 0; d < dimension; d++) product += q[a + d] * rows[b + d]
          most = Math.max(most, product)
        }
        score += most
      }
      return { id: docs[i].id, score }
    })
    .sort(compareHits)
    .slice(0, topK)
}

/** How many of the ids of `exact` are in `found`. */
const recall = (found: readonly Hit[], exact: readonly Hit[]): number => {
  const there = new Set(ids(found))
  return exact.filter(({ id }) => there.has(id)).length / exact.length
}

describe("LateInteractionIndex", () => {
  it("scores the sum of the largest products of title and text with each token of the query", async () => {
    const index = await LateInteractionIndex.build(documents, { ...sharp, compression: "none" })
    const [ranking] = await index.retrieve([query("steam engines steam rain")], { topK: 1, explain: true })
    expect(ranking.hits[0]).toMatchObject({ id: "a", score: 3 })
    expect(ranking.hits[0].explanation!.details!.map(({ value }) => value)).toEqual([1, 1, 1, 0])
    expect(ranking).toMatchObject({ scoreKind: "dot", usage: { calls: 1, promptTokens: 4, truncated: 0 } })
  })

  it("finds what the definition says, in its order, with every compression as far as it is exact", async () => {
    const docs = collection(400, 1)
    const queries = asked(20, 2)
    const exact = await Promise.all(queries.map(({ text }) => definition(docs, text, 10)))
    const lowest: Record<string, number> = {}
    for (const compression of compressions) {
      const settings = { encoder: directions, compression, centroids: 64, strategy: "exhaustive" } as const
      const rankings = await (await LateInteractionIndex.build(docs, settings)).retrieve(queries, { topK: 10 })
      const recalls = rankings.map(({ hits }, i) => recall(hits, exact[i]))
      lowest[compression] = recalls.reduce((sum, value) => sum + value, 0) / recalls.length
      if (compression !== "none") continue
      rankings.forEach(({ hits }, i) => {
        hits.forEach(({ score }, rank) => {
          expect(Math.abs(score - exact[i][rank].score)).toBeLessThan(1e-5)
        })
      })
    }
    // Float32 may order those that differ by less than it tells.
    expect(lowest.none).toBeGreaterThan(0.98)
    expect(lowest.int8).toBeGreaterThan(0.97)
    expect(lowest["residual-4"]).toBeGreaterThan(0.9)
    expect(lowest["residual-2"]).toBeGreaterThan(0.7)
  })

  it("finds nearly the same by candidates, more of it the wider it looks, and all of it in the end", async () => {
    const docs = collection(1500, 3)
    const queries = asked(30, 4)
    const settings = { encoder: directions, compression: "none", centroids: 128 } as const
    const index = await LateInteractionIndex.build(docs, settings)
    const exact = await index.retrieve(queries, { topK: 10, strategy: "exhaustive" })
    const found = async (how: object) => {
      const rankings = await index.retrieve(queries, { topK: 10, ...how })
      return rankings.reduce((sum, { hits }, i) => sum + recall(hits, exact[i].hits), 0) / queries.length
    }
    const narrow = await found({ probes: 1, candidates: 10 })
    const wide = await found({ probes: 4, candidates: 200 })
    expect(narrow).toBeGreaterThan(0.3)
    expect(wide).toBeGreaterThan(Math.max(0.95, narrow))
    expect(await found({ probes: 128, candidates: 1499 })).toBe(1)
    // A threshold that all centroids reach thins out nothing; one that none reaches leaves the rows' order.
    expect(await found({ probes: 4, candidates: 200, threshold: -2 })).toBe(wide)
    expect(await found({ probes: 4, candidates: 20, threshold: 2 })).toBeLessThan(wide)
  })

  it("scores candidates as the exhaustive search does", async () => {
    const docs = collection(800, 5)
    const index = await LateInteractionIndex.build(docs, { encoder: directions, centroids: 64 })
    const [all] = await index.retrieve(asked(1, 6), { topK: 800, strategy: "exhaustive" })
    const [some] = await index.retrieve(asked(1, 6), { topK: 20, candidates: 50 })
    const scores = new Map(all.hits.map(({ id, score }) => [id, score]))
    expect(some.hits).toHaveLength(20)
    for (const { id, score } of some.hits) expect(score).toBe(scores.get(id))
  })

  it("looks on until a filter has enough documents", async () => {
    const docs = collection(1500, 7)
    const index = await LateInteractionIndex.build(docs, {
      encoder: directions,
      centroids: 128,
      probes: 1,
      candidates: 5,
    })
    const filter = { group: 7 }
    for (const topK of [5, 25]) {
      const [ranking] = await index.retrieve([query("w1 w2")], { topK, filter })
      expect(ranking.hits).toHaveLength(topK)
      for (const { id } of ranking.hits) expect(Number(id.slice(1)) % 50).toBe(7)
    }
    const [ranking] = await index.retrieve([query("w1 w2", { excludedIds: ["d7", "d57"] })], { topK: 30, filter })
    expect(ranking.hits).toHaveLength(28)
  })

  it("gives the same index for the same documents, options and seed", async () => {
    const docs = collection(300, 8)
    const rank = async (seed: number) => {
      const index = await LateInteractionIndex.build(docs, { encoder: directions, centroids: 32, seed })
      return JSON.stringify((await index.retrieve(asked(10, 9), { topK: 20 })).map(({ hits }) => hits))
    }
    expect(await rank(1)).toBe(await rank(1))
    expect(await rank(2)).not.toBe(await rank(1))
  })

  it("encodes every document once, sample or not", async () => {
    const encoder = hashedTokens({ dimension: 24, directions: "random" })
    const docs = collection(900, 10)
    // 2 centroids are made from 128 tokens: a part of the collection.
    await LateInteractionIndex.build(docs, { encoder, centroids: 2, batchSize: 10 })
    expect(encoder.seen.toSorted()).toEqual(docs.map(({ text }) => text).toSorted())
  })

  it("takes vectors made elsewhere by the same model, and refuses another's", async () => {
    const vectors = await directions.encode(documents.map(documentText), "document")
    const index = await LateInteractionIndex.build(documents, {
      encoder: directions,
      compression: "none",
      given: { vectors, model: directions },
    })
    const encoded = await LateInteractionIndex.build(documents, { encoder: directions, compression: "none" })
    const [left, right] = await Promise.all([index, encoded].map((one) => one.retrieve([query("heat")])))
    expect(left[0].hits).toEqual(right[0].hits)
    const other = { ...directions, checksum: "other" }
    await expect(
      index.add([{ id: "d", text: "x" }], { given: { vectors: vectors.slice(0, 1), model: other } }),
    ).rejects.toMatchObject({ code: "argument", message: expect.stringContaining("checksum") })
    await expect(index.add([{ id: "d", text: "x" }], { given: { vectors, model: directions } })).rejects.toMatchObject({
      code: "argument",
    })
  })

  it("leaves the index as it was when a document cannot be added", async () => {
    const index = await LateInteractionIndex.build(documents, { ...sharp })
    const before = index.stats
    for (const [wrong, code] of [
      [
        [
          { id: "d", text: "new" },
          { id: "a", text: "again" },
        ],
        "data",
      ],
      [
        [
          { id: "d", text: "new" },
          { id: "d", text: "twice" },
        ],
        "data",
      ],
      [
        [
          { id: "d", text: "new" },
          { id: "e", text: "notanumber here" },
        ],
        "data",
      ],
      [[{ id: "", text: "no id" }], "data"],
      [[{ id: "d", text: undefined as unknown as string }], "data"],
    ] as const)
      await expect(index.add(wrong)).rejects.toMatchObject({ code })
    await expect(index.add([{ id: "d", text: "explode" }])).rejects.toThrow("exploded")
    expect(index.stats).toEqual(before)
    expect(await index.documents!.get(["d"])).toEqual([undefined])
  })

  it("counts what was cut and what has no vectors", async () => {
    const index = await LateInteractionIndex.build(
      [...documents, { id: "long", text: "a b c d e" }, { id: "none", text: "..." }],
      { encoder: hashedTokens({ maxLength: 4 }), compression: "none" },
    )
    expect(index.stats).toMatchObject({ documents: 5, tokens: 11, truncated: 1, withoutVectors: 1 })
    expect(index.warnings).toEqual([
      { code: "truncated", count: 1, ids: ["long"] },
      { code: "empty-document", count: 1, ids: ["none"] },
    ])
    const [ranking] = await index.retrieve([query("one two three four five")])
    expect(ranking.warnings).toEqual([{ code: "truncated", count: 1 }])
    expect(ranking.usage.truncated).toBe(1)
    expect(ids(ranking.hits)).not.toContain("none")
    await index.delete(["long", "none"])
    expect(index.warnings).toEqual([])
  })

  it("says what documents take, less with more compression", async () => {
    const docs = collection(200, 11)
    const sizes: number[] = []
    for (const compression of ["residual-2", "residual-4", "int8", "none"] as const) {
      const encoder = hashedTokens({ dimension: 128, directions: "random" })
      const { stats } = await LateInteractionIndex.build(docs, { encoder, compression, centroids: 16 })
      expect(stats.tokens).toBe(docs.reduce((sum, { text }) => sum + text.split(" ").length, 0))
      // What a token takes, beside the centroids and less than 48 bytes of each document.
      const bytes = { "residual-2": 36, "residual-4": 68, int8: 136, none: 516 }[compression] * stats.tokens
      expect(stats.bytes - 16 * 128 * 4 - bytes).toBeGreaterThanOrEqual(0)
      expect(stats.bytes - 16 * 128 * 4 - bytes).toBeLessThan(48 * 200)
      sizes.push(stats.bytesPerDocument)
    }
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b))
  })

  it("marks only the queries at fault, or throws, as asked", async () => {
    const index = await LateInteractionIndex.build(documents, { ...sharp })
    const queries = [query("steam"), query("explode"), query("notanumber"), query("heat")]
    await expect(index.retrieve(queries)).rejects.toMatchObject({ code: "model" })
    const rankings = await index.retrieve(queries, { onError: "mark" })
    expect(rankings.map(({ status }) => status)).toEqual(["ranked", "failed", "failed", "ranked"])
    expect(rankings.map(({ error }) => error?.code)).toEqual([undefined, "model", "data", undefined])
    await expect(index.retrieve(queries, { signal: AbortSignal.abort(), onError: "mark" })).rejects.toMatchObject({
      code: "aborted",
    })
  })

  it("refuses options that make no sense", async () => {
    const build = (options: object) => LateInteractionIndex.build(documents, { ...sharp, ...options })
    for (const options of [
      { compression: "zip" },
      { strategy: "fast" },
      { probes: 0 },
      { candidates: 1.5 },
      { threshold: Number.NaN },
      { centroids: 0 },
      { iterations: 0 },
      { seed: 0.5 },
      { batchSize: 0 },
    ])
      await expect(build(options)).rejects.toMatchObject({ code: "argument" })
    await expect(LateInteractionIndex.build([], sharp)).rejects.toMatchObject({ code: "data" })
    const bare = await build({ storeDocuments: false, strategy: "exhaustive", compression: "int8" })
    expect(bare.stats.centroids).toBe(0)
    await expect(bare.retrieve([query("heat")], { strategy: "pruned" })).rejects.toMatchObject({ code: "argument" })
    await expect(bare.retrieve([query("heat")], { filter: { a: 1 } })).rejects.toMatchObject({ code: "argument" })
  })

  it("answers while documents come and go", async () => {
    const docs = collection(1200, 12)
    const index = await LateInteractionIndex.build(docs, { encoder: directions, compression: "none", centroids: 32 })
    const queries = asked(40, 13)
    const searching = index.retrieve(queries, { topK: 1200, strategy: "exhaustive" })
    for (let first = 0; first < 1100; first += 100) {
      await index.delete(docs.slice(first, first + 100).map(({ id }) => id))
      await index.add(docs.slice(first, first + 50))
    }
    const rankings = await searching
    const living = new Set([...docs.keys()].filter((i) => i >= 1100 || i % 100 < 50).map((i) => `d${i}`))
    expect(index.size).toBe(living.size)
    for (const [i, { hits }] of rankings.entries()) {
      // Whatever was there at the time has the score that it has by itself.
      const expected = new Map((await definition(docs, queries[i].text, 1200)).map(({ id, score }) => [id, score]))
      const there = new Set(ids(hits))
      for (const { id } of docs.slice(1100)) expect(there.has(id)).toBe(true)
      for (const { id, score } of hits) expect(Math.abs(score - expected.get(id)!)).toBeLessThan(1e-5)
      if (i === 3) break
    }
    const [after] = await index.retrieve(queries.slice(0, 1), { topK: 1200 })
    expect(new Set(ids(after.hits))).toEqual(living)
  })

  it("gives back the room of deleted documents", async () => {
    const wide = hashedTokens({ dimension: 256, directions: "random" })
    const docs = collection(400, 14)
    const index = await LateInteractionIndex.build(docs, { encoder: wide, compression: "none", centroids: 8 })
    const [before] = await index.retrieve([query("w1 w2 w3", { excludedIds: docs.slice(0, 350).map(({ id }) => id) })])
    await index.delete(docs.slice(0, 350).map(({ id }) => id))
    const [after] = await index.retrieve([query("w1 w2 w3")])
    expect(after.hits).toEqual(before.hits)
    expect(index.stats.documents).toBe(50)
  })

  it("lets others have their turn while it builds and searches", async () => {
    let turns = 0
    let running = true
    const others = () => {
      turns++
      if (running) setImmediate(others)
    }
    setImmediate(others)
    try {
      const docs = collection(1500, 15)
      const wide = hashedTokens({ dimension: 128, directions: "random" })
      const index = await LateInteractionIndex.build(docs, { encoder: wide, centroids: 256 })
      expect(turns).toBeGreaterThan(10)
      turns = 0
      await index.retrieve(asked(60, 16), { strategy: "exhaustive" })
      expect(turns).toBeGreaterThan(10)
    } finally {
      running = false
    }
  })
})

it("has a collection that its suite can tell apart", () => {
  const words = new Set(
    conformanceDocuments.flatMap((one) =>
      documentText(one)
        .toLowerCase()
        .match(/\p{L}+/gu),
    ),
  )
  expect(words.size).toBeLessThan(64)
})
