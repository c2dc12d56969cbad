/** What every retriever must do, whatever it is made of. @module */
import { beforeAll, describe, expect, it } from "vitest"
import {
  compareIds,
  type Document,
  type Explanation,
  type Query,
  RankineError,
  type Ranking,
  type Retriever,
} from "../../src/core/index.js"

export interface RetrieverConformance {
  /** The retriever says how its scores came about when asked to. Default true. */
  readonly explains?: boolean
  /** The retriever understands `options.filter`. Default true. */
  readonly filters?: boolean
  /** The retriever gives nothing for words that no document holds: false for dense ones. Default true. */
  readonly lexical?: boolean
  /** Relative difference tolerated between a score and the sum of its parts. Default 1e-6. */
  readonly tolerance?: number
}

/** The collection that the suite searches. Four documents are equal but for their ids, whose order in UTF-8 is not that in UTF-16. */
export const conformanceDocuments: readonly Document[] = [
  { id: "penguins", title: "Penguins", text: "Penguins swim in cold water and eat fish.", metadata: { year: 2001 } },
  { id: "herons", title: "Herons", text: "Herons stand in shallow water, waiting for fish.", metadata: { year: 2010 } },
  { id: "owls", text: "Owls hunt mice at night, silently.", metadata: { year: 2020 } },
  {
    id: "trout",
    title: "Trout",
    text: "A trout is a fish of rivers and lakes; fish fear herons.",
    metadata: { year: 2020 },
  },
  { id: "twin-b", text: "granite boulders", metadata: { year: 1999 } },
  { id: "twin-\u{1F980}", text: "granite boulders", metadata: { year: 2005 } },
  { id: "twin-\uFFFD", text: "granite boulders", metadata: { year: 2005 } },
  { id: "twin-a", text: "granite boulders", metadata: { year: 2005 } },
  { id: "steam", title: "Steam", text: "Steam engines turn heat into work, said Rankine.", metadata: { year: 1859 } },
  { id: "heat", title: "Heat", text: "Heat flows from warm water to cold water.", metadata: { year: 1850 } },
]

const queries: readonly Query[] = [
  { id: "q1", text: "fish in cold water" },
  { id: "q2", text: "granite" },
  { id: "q3", text: "steam engines and heat" },
]

const twins = ["twin-a", "twin-b", "twin-\uFFFD", "twin-\u{1F980}"]

/** Runs the suite on what `build` makes of `conformanceDocuments`, which it must search by their words. */
export function describeRetriever(
  name: string,
  build: (documents: readonly Document[]) => Promise<Retriever> | Retriever,
  conformance: RetrieverConformance = {},
): void {
  const { explains = true, filters = true, lexical = true, tolerance = 1e-6 } = conformance
  describe(`${name} as a retriever`, () => {
    let retriever: Retriever
    beforeAll(async () => {
      retriever = await build(conformanceDocuments)
    })
    const retrieve = async (text: string, more: Partial<Query> = {}, options = {}): Promise<Ranking> =>
      (await retriever.retrieve([{ id: "q", text, ...more }], options))[0]!
    const ids = (ranking: Ranking) => ranking.hits.map((hit) => hit.id)
    const code = async (promise: Promise<unknown>) =>
      promise.then(
        () => "no error",
        (error: unknown) => (error instanceof RankineError ? error.code : String(error)),
      )

    it("finds what was asked for, ranked and final", async () => {
      const ranking = await retrieve("steam engines")
      expect(ranking.hits[0]!.id).toBe("steam")
      expect(ranking).toMatchObject({ status: "ranked", final: true, query: { id: "q", text: "steam engines" } })
      expect(ranking.error).toBeUndefined()
    })

    it("gives one ranking per query, in the order of the queries, alone or together", async () => {
      const together = await retriever.retrieve(queries)
      expect(together.map((ranking) => ranking.query)).toEqual(queries)
      for (const [index, query] of queries.entries()) {
        const [alone] = await retriever.retrieve([query])
        expect(alone!.hits).toEqual(together[index]!.hits)
      }
      const reversed = await retriever.retrieve(queries.toReversed())
      expect(reversed.map((ranking) => ranking.hits)).toEqual(together.map((ranking) => ranking.hits).toReversed())
      expect(await retriever.retrieve([])).toEqual([])
    })

    it("gives the same output for the same input, to callers at the same time too", async () => {
      const [first, second] = await Promise.all([retriever.retrieve(queries), retriever.retrieve(queries)])
      expect(second.map((ranking) => ranking.hits)).toEqual(first.map((ranking) => ranking.hits))
    })

    it("orders by score, equal scores by the id's UTF-8 bytes, each document once", async () => {
      for (const { hits } of await retriever.retrieve(queries)) {
        expect(new Set(hits.map((hit) => hit.id)).size).toBe(hits.length)
        hits.slice(1).forEach((hit, index) => {
          const above = hits[index]!
          expect(Number.isFinite(hit.score)).toBe(true)
          expect(above.score > hit.score || (above.score === hit.score && compareIds(above.id, hit.id) < 0)).toBe(true)
        })
      }
      expect(ids(await retrieve("granite")).slice(0, 4)).toEqual(twins)
    })

    it("cuts ties at k by the same rule", async () => {
      expect(ids(await retrieve("granite", {}, { topK: 1 }))).toEqual(twins.slice(0, 1))
      expect(ids(await retrieve("granite", {}, { topK: 3 }))).toEqual(twins.slice(0, 3))
    })

    it("takes a k larger than the collection, and refuses k that is not a whole number of at least 1", async () => {
      expect(ids(await retrieve("fish", {}, { topK: 1_000_000 }))).toEqual(ids(await retrieve("fish")))
      for (const topK of [0, -1, 1.5, Number.NaN]) expect(await code(retrieve("fish", {}, { topK }))).toBe("argument")
    })

    it("takes a smaller k as a prefix of a larger one", async () => {
      const all = ids(await retrieve("fish in cold water"))
      expect(all.length).toBeGreaterThan(2)
      for (let topK = 1; topK <= all.length; topK++)
        expect(ids(await retrieve("fish in cold water", {}, { topK }))).toEqual(all.slice(0, topK))
    })

    it("leaves out excluded ids before it takes the top k", async () => {
      const excludedIds = ["twin-a", "twin-\uFFFD", "no such id"]
      const ranking = await retrieve("granite", { excludedIds }, { topK: 2 })
      expect(ids(ranking)).toEqual(["twin-b", "twin-\u{1F980}"])
    })

    if (filters)
      it("filters before it takes the top k", async () => {
        const filter = { year: 2005 }
        expect(ids(await retrieve("granite", {}, { topK: 2, filter }))).toEqual(["twin-a", "twin-\uFFFD"])
        const byFunction = (document: { id: string }) => document.id === "twin-b"
        expect(ids(await retrieve("granite", {}, { topK: 2, filter: byFunction }))).toEqual(["twin-b"])
        expect(await code(retrieve("granite", {}, { filter: { year: { $near: 3 } } }))).toBe("argument")
      })

    it("answers an empty query without hits, and says so", async () => {
      for (const text of ["", " \n\t "]) {
        const ranking = await retrieve(text)
        if (lexical) expect(ranking.hits).toEqual([])
        expect(ranking.warnings.map((warning) => warning.code)).toContain("empty-query")
      }
    })

    if (lexical)
      it("answers unknown words without hits, and says so", async () => {
        const ranking = await retrieve("zyzzyva quokkas")
        expect(ranking.hits).toEqual([])
        expect(ranking.warnings.map((warning) => warning.code)).toContain("no-known-terms")
        expect(ranking.status).toBe("ranked")
      })

    it("takes words that every JavaScript object inherits", async () => {
      for (const text of ["constructor", "__proto__", "toString hasOwnProperty"])
        for (const hit of (await retrieve(text)).hits) expect(Number.isFinite(hit.score)).toBe(true)
    })

    it("stops when the signal has fired", async () => {
      expect(await code(retrieve("fish", {}, { signal: AbortSignal.abort() }))).toBe("aborted")
      expect(await code(retrieve("fish", {}, { signal: AbortSignal.abort(), onError: "mark" }))).toBe("aborted")
    })

    it("hands out the documents it holds", async () => {
      if (!retriever.documents) return
      const found = await retriever.documents.get(["owls", "no such id", "trout"])
      expect(found.map((document) => document?.text)).toEqual([
        conformanceDocuments[2]!.text,
        undefined,
        conformanceDocuments[3]!.text,
      ])
      expect(found[0]).toMatchObject({ id: "owls", metadata: { year: 2020 } })
    })

    it("describes itself as plain data", () => {
      const description = retriever.describe!()
      expect(description.name).toBeTruthy()
      expect(JSON.parse(JSON.stringify(description))).toEqual(description)
    })

    if (explains)
      it("explains scores whose parts add up, and only when asked", async () => {
        for (const { text } of queries) {
          const { hits } = await retrieve(text, {}, { explain: true })
          expect(hits.length).toBeGreaterThan(0)
          for (const hit of hits) {
            const explanation = hit.explanation!
            expect(explanation.value).toBe(hit.score)
            expectSum(explanation, tolerance)
          }
          const plain = await retrieve(text)
          expect(plain.hits.every((hit) => hit.explanation === undefined)).toBe(true)
          expect(plain.hits.map(({ id, score }) => ({ id, score }))).toEqual(
            hits.map(({ id, score }) => ({ id, score })),
          )
        }
      })
  })
}

function expectSum({ value, details }: Explanation, tolerance: number): void {
  if (!details) return
  const sum = details.reduce((total, part) => total + part.value, 0)
  expect(Math.abs(sum - value)).toBeLessThanOrEqual(tolerance * Math.max(1e-9, Math.abs(value)))
}
