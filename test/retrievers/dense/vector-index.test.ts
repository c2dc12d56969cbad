import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type IndexKind, VectorIndex } from "../../../retrievers/dense/index.js"
import { Random } from "../../../src/core/index.js"
import { clusteredVectors, cosine, dot, normalVectors, recall, search, shuffledIds, wholeVectors } from "./vectors.js"

async function indexOf(
  ids: readonly string[],
  vectors: readonly Float32Array[],
  options: Parameters<typeof VectorIndex.create>[1] = {},
): Promise<VectorIndex> {
  const index = await VectorIndex.create(vectors[0]!.length, options)
  await index.add(ids, vectors)
  return index
}

describe("flat", () => {
  it.each([1, 3, 4, 5, 16, 31, 130, 768])(
    "equals plain arithmetic where that is exact, ties by id (%i dimensions)",
    async (dimension) => {
      const count = 1500
      const ids = shuffledIds(count, dimension)
      const vectors = wholeVectors(count, dimension, dimension)
      const queries = wholeVectors(9, dimension, dimension + 1)
      const index = await indexOf(ids, vectors, { metric: "dot" })
      for (const k of [1, 2, 10, 1000, 1500, 9000])
        expect(index.search(queries, k)).toEqual(queries.map((query) => search(ids, vectors, query, k, dot)))
    },
  )

  it("passes the borders of chunks and blocks", async () => {
    for (const count of [1, 4095, 4096, 4097, 8200]) {
      const ids = shuffledIds(count, count)
      const vectors = wholeVectors(count, 12, count)
      const queries = wholeVectors(3, 12, count + 1)
      const index = await indexOf(ids, vectors, { metric: "dot" })
      expect(index.search(queries, 40)).toEqual(queries.map((query) => search(ids, vectors, query, 40, dot)))
    }
  })

  it("gives cosines to float32's precision, and best first", async () => {
    const ids = shuffledIds(2000, 1)
    const vectors = normalVectors(2000, 100, 2)
    const queries = normalVectors(7, 100, 3)
    const byId = new Map(ids.map((id, i) => [id, vectors[i]!]))
    const index = await indexOf(ids, vectors)
    index.search(queries, 2000).forEach((hits, q) => {
      expect(hits.length).toBe(2000)
      hits.forEach(({ id, score }, rank) => {
        expect(Math.abs(score - cosine(byId.get(id)!, queries[q]!))).toBeLessThan(1e-6)
        if (rank > 0) expect(score).toBeLessThanOrEqual(hits[rank - 1]!.score)
      })
      const expected = search(ids, vectors, queries[q]!, 10, cosine)
      expect(hits.slice(0, 10).map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
    })
  })

  it("gives a query the same bits alone and among others, whatever the order of rows", async () => {
    const ids = shuffledIds(999, 4)
    const vectors = normalVectors(999, 51, 4)
    const queries = normalVectors(33, 51, 5)
    const index = await indexOf(ids, vectors)
    const together = index.search(queries, 25)
    for (const [i, query] of queries.entries()) expect(index.search([query], 25)[0]).toEqual(together[i])
    const reversed = await indexOf(ids.toReversed(), vectors.toReversed())
    expect(reversed.search(queries, 25)).toEqual(together)
  })

  it("orders negative scores, zeros of both signs, and cosines of opposite vectors", async () => {
    const index = await indexOf(
      ["b", "a", "minus", "near", "far"],
      [
        [0, 1],
        [0, -1],
        [-1, 0],
        [3, 0.1],
        [-5, -1],
      ].map((row) => Float32Array.from(row)),
    )
    const [hits] = index.search([Float32Array.of(1, 0)], 9)
    // A product with zero may be +0 or -0: the two are equal, and the id decides.
    expect(hits!.map(({ id }) => id)).toEqual(["near", "a", "b", "far", "minus"])
    expect(hits![4]!.score).toBe(-1)
  })
})

describe.each(["flat-int8", "flat-binary"] as const)("%s", (kind) => {
  const ids = shuffledIds(6000, 7)
  const vectors = clusteredVectors(6000, 256, 7)
  const queries = clusteredVectors(50, 256, 7).map((v, i) => v.map((x, d) => x + 0.3 * Math.sin(i * 7 + d)))

  it("finds nearly what exact search finds, with its scores to the last bit", async () => {
    const exact = await indexOf(ids, vectors)
    const index = await indexOf(ids, vectors, { index: kind })
    const expected = exact.search(queries, 10)
    const found = index.search(queries, 10)
    expect(recall(found, expected)).toBeGreaterThan(kind === "flat-int8" ? 0.99 : 0.97)
    found.forEach((hits, q) => {
      const scores = new Map(exact.search([queries[q]!], 6000)[0]!.map(({ id, score }) => [id, score]))
      for (const { id, score } of hits) expect(score).toBe(scores.get(id))
    })
    expect(index.exact).toBe(false)
  })

  it("finds more with more candidates, and everything with all of them", async () => {
    const expected = (await indexOf(ids, vectors)).search(queries, 10)
    const recalls: number[] = []
    for (const oversample of [1, 3, 600])
      recalls.push(recall((await indexOf(ids, vectors, { index: kind, oversample })).search(queries, 10), expected))
    expect(recalls[0]!).toBeLessThan(1)
    expect(recalls[1]!).toBeGreaterThan(recalls[0]!)
    expect(recalls[2]!).toBe(1)
  })

  it("has room in its sums for thousands of dimensions", async () => {
    const ids = shuffledIds(300, 2)
    const vectors = clusteredVectors(300, 5000, 2)
    // The largest numbers that a sum can meet: all equal and all signs right.
    vectors.push(new Float32Array(5000).fill(1))
    const queries = [new Float32Array(5000).fill(2), ...vectors.slice(0, 20)]
    const index = await indexOf([...ids, "ones"], vectors, { index: kind, oversample: 2 })
    const expected = queries.map((query) => search([...ids, "ones"], vectors, query, 5, cosine))
    expect(index.search(queries, 5)[0]![0]!.id).toBe("ones")
    expect(recall(index.search(queries, 5), expected)).toBeGreaterThan(0.9)
  })

  it("refuses oversampling below 1", async () => {
    await expect(VectorIndex.create(8, { index: kind, oversample: 0.5 })).rejects.toMatchObject({ code: "argument" })
  })
})

describe.each(["flat", "flat-int8", "flat-binary"] as const)("%s that changes", (kind: IndexKind) => {
  const steps = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 40 }) }) },
      { weight: 3, arbitrary: fc.record({ delete: fc.integer({ min: 1, max: 30 }) }) },
      { weight: 2, arbitrary: fc.record({ replace: fc.integer({ min: 1, max: 10 }) }) },
      { weight: 1, arbitrary: fc.constant({ flood: true as const }) },
    ),
    { minLength: 1, maxLength: 10 },
  )

  it("ranks after any additions and deletions as one built anew", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), steps, async (seed, sequence) => {
        const random = new Random(seed, "changes")
        // All candidates are rescored, so that the approximate kinds are exact too.
        const options = { index: kind, metric: "dot" as const, ...(kind === "flat" ? {} : { oversample: 1e6 }) }
        const index = await VectorIndex.create(6, options)
        const model = new Map<string, Float32Array>()
        let next = 0
        const fresh = (count: number) => wholeVectors(count, 6, random.integer(2 ** 31))
        const some = (count: number) => random.shuffle([...model.keys()]).slice(0, count)
        const put = (ids: readonly string[], vectors: readonly Float32Array[]) => {
          for (const [i, id] of ids.entries()) model.set(id, vectors[i]!)
        }
        for (const step of sequence) {
          if ("delete" in step) {
            const gone = some(step.delete)
            expect(await index.delete([...gone, "never there"])).toBe(gone.length)
            for (const id of gone) model.delete(id)
          } else if ("replace" in step) {
            const ids = some(step.replace)
            const vectors = fresh(ids.length)
            await index.add(ids, vectors, { replace: true })
            put(ids, vectors)
          } else if ("flood" in step) {
            // Enough deletions that the rows are compacted.
            const ids = Array.from({ length: 1200 }, () => `${random.integer(1000)}-${next++}`)
            const vectors = fresh(1200)
            await index.add(ids, vectors)
            expect(await index.delete(ids.slice(0, 1190))).toBe(1190)
            put(ids.slice(1190), vectors.slice(1190))
          } else {
            const ids = Array.from({ length: step.add }, () => `${random.integer(1000)}-${next++}`)
            const vectors = fresh(step.add)
            await index.add(ids, vectors)
            put(ids, vectors)
          }
          expect(index.size).toBe(model.size)
        }
        const ids = [...model.keys()]
        const hiddenIds = new Set(some(5))
        const hidden = index.rowsWhere((id) => !hiddenIds.has(id))
        const excludedIds = [some(2), undefined, some(1), some(9), undefined, some(3), some(1)]
        const queries = fresh(7)
        const k = 1 + random.integer(20)
        expect(index.search(queries, k, { hidden, excludedIds })).toEqual(
          queries.map((query, q) =>
            search(
              ids,
              [...model.values()],
              query,
              k,
              dot,
              (id) => !hiddenIds.has(id) && !excludedIds[q]?.includes(id),
            ),
          ),
        )
        expect(index.search(queries, k)).toEqual(
          queries.map((query) => search(ids, [...model.values()], query, k, dot)),
        )
        expect(index.ids().toSorted()).toEqual(ids.toSorted())
      }),
      { numRuns: 60 },
    )
  })
})

describe("VectorIndex", () => {
  const one = Float32Array.of(1, 0)

  it("adds all or nothing, and says what is wrong", async () => {
    const index = await VectorIndex.create(2)
    await index.add(["a"], [one])
    const attempts: [string[], Float32Array[], string, string][] = [
      [["b", "b"], [one, one], "data", '"b"'],
      [["b", "a"], [one, one], "data", '"a"'],
      [["b", "c"], [one, Float32Array.of(1, 2, 3)], "argument", "3 numbers"],
      [["b", "c"], [one, Float32Array.of(1, Number.NaN)], "data", "NaN at position 1"],
      [["b"], [Float32Array.of(Number.NEGATIVE_INFINITY, 1)], "data", "-Infinity"],
      [["b"], [Float32Array.of(3e38, 1)], "data", "length"],
      [["b"], [], "argument", "one vector for each id"],
    ]
    for (const [ids, vectors, code, message] of attempts) {
      await expect(index.add(ids, vectors)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
      expect(index.ids()).toEqual(["a"])
    }
    expect(index.search([one], 5)).toEqual([[{ id: "a", score: 1 }]])
  })

  it("never returns what was deleted after the hidden rows were chosen", async () => {
    const index = await VectorIndex.create(2)
    await index.add(["a", "b", "c"], [one, one, one])
    const hidden = index.rowsWhere((id) => id !== "a")
    await index.delete(["b"])
    expect(index.search([one], 3, { hidden })).toEqual([[{ id: "c", score: 1 }]])
  })

  it("refuses queries and settings that make no sense", async () => {
    const index = await VectorIndex.create(2)
    expect(index.search([one], 3)).toEqual([[]])
    for (const k of [0, -1, 1.5, Number.NaN]) expect(() => index.search([one], k)).toThrow(/whole number/)
    expect(() => index.search([Float32Array.of(1)], 1)).toThrow(/1 numbers and the index 2/)
    expect(() => index.search([Float32Array.of(1, Number.NaN)], 1)).toThrow(/NaN/)
    for (const dimension of [0, 2.5, -1, 20000])
      await expect(VectorIndex.create(dimension)).rejects.toMatchObject({ code: "argument" })
    await expect(VectorIndex.create(2, { index: "annoy" as IndexKind })).rejects.toMatchObject({ code: "argument" })
    await expect(VectorIndex.create(2, { metric: "l2" as "dot" })).rejects.toMatchObject({ code: "argument" })
  })

  it("gives back memory after deletions, and keeps vectors of zeros at score 0", async () => {
    const index = await VectorIndex.create(64, { metric: "cosine" })
    const ids = shuffledIds(5000, 1)
    await index.add(ids, normalVectors(5000, 64, 1))
    const bytes = index.bytes!
    for (let round = 0; round < 5; round++) {
      await index.delete(ids)
      await index.add(ids, normalVectors(5000, 64, round))
    }
    expect(index.bytes!).toBeLessThan(2.5 * bytes)
    await index.add(["zero"], [new Float32Array(64)])
    const hits = index.search(normalVectors(1, 64, 99), 5001)[0]!
    expect(hits.find(({ id }) => id === "zero")!.score).toBe(0)
  })
})
