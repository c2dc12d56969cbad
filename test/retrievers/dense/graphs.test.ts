import { describe, expect, it } from "vitest"
import { VectorIndex, type VectorIndexOptions } from "../../../retrievers/dense/index.js"
import { Random } from "../../../src/core/index.js"
import { hasHnsw, hasUsearch } from "./available.js"
import { clusteredVectors, cosine, normalVectors, recall, search, shuffledIds } from "./vectors.js"

const ids = shuffledIds(4000, 3)
const vectors = clusteredVectors(4000, 32, 3)
const queries = clusteredVectors(60, 32, 3).map((v, i) => v.map((x, d) => x + 0.3 * Math.sin(i * 7 + d)))

const graphs = [
  { kind: "hnsw", there: hasHnsw, few: { hnsw: { m: 4, efConstruction: 20, efSearch: 10 } } },
  { kind: "usearch", there: hasUsearch, few: { usearch: { connectivity: 4, expansionAdd: 20, expansionSearch: 10 } } },
] as const

for (const { kind, there, few } of graphs)
  describe.skipIf(!there)(kind, () => {
    const make = async (options: VectorIndexOptions = {}) => {
      const index = await VectorIndex.create(32, { index: kind, ...options })
      for (let first = 0; first < ids.length; first += 1000)
        await index.add(ids.slice(first, first + 1000), vectors.slice(first, first + 1000))
      return index
    }
    const expected = (k: number, fits?: (id: string) => boolean) =>
      queries.map((query) => search(ids, vectors, query, k, cosine, fits))

    it("finds nearly all neighbours with cosines as scores, and fewer with fewer links", async () => {
      const index = await make()
      const found = index.search(queries, 10)
      expect(recall(found, expected(10))).toBeGreaterThan(0.97)
      const byId = new Map(ids.map((id, i) => [id, vectors[i]!]))
      found.forEach((hits, q) => {
        expect(hits.length).toBe(10)
        for (const { id, score } of hits)
          expect(Math.abs(score - cosine(byId.get(id)!, queries[q]!))).toBeLessThan(1e-6)
      })
      const poor = recall((await make(few)).search(queries, 10), expected(10))
      expect(poor).toBeLessThan(recall(found, expected(10)))
    })

    it("gives the same graph for the same input", async () => {
      expect((await make()).search(queries, 20)).toEqual((await make()).search(queries, 20))
    })

    it("never returns what was deleted, finds what was added later, and replaces", async () => {
      const index = await make()
      const random = new Random(5, "deleted")
      const gone = new Set(random.shuffle(ids).slice(0, 1500))
      expect(await index.delete([...gone, "never there"])).toBe(1500)
      expect(index.size).toBe(2500)
      const found = index.search(queries, 10)
      expect(found.flat().some(({ id }) => gone.has(id))).toBe(false)
      expect(
        recall(
          found,
          expected(10, (id) => !gone.has(id)),
        ),
      ).toBeGreaterThan(0.95)
      const back = [...gone].slice(0, 700)
      await index.add(
        back,
        back.map((id) => vectors[ids.indexOf(id)]!),
      )
      const there = new Set(back)
      expect(
        recall(
          index.search(queries, 10),
          expected(10, (id) => !gone.has(id) || there.has(id)),
        ),
      ).toBeGreaterThan(0.95)
      await index.add(["v5"], [queries[0]!], { replace: true })
      expect(index.search([queries[0]!], 1)[0]![0]).toMatchObject({ id: "v5", score: expect.closeTo(1, 5) })
      expect(index.size).toBe(3200 + (gone.has("v5") && !there.has("v5") ? 1 : 0))
    })

    it("is right after most of it was deleted", async () => {
      const index = await make()
      const kept = new Set(ids.slice(0, 900))
      await index.delete(ids.slice(900))
      expect(index.ids().toSorted()).toEqual([...kept].toSorted())
      expect(
        recall(
          index.search(queries, 10),
          expected(10, (id) => kept.has(id)),
        ),
      ).toBeGreaterThan(0.95)
    })

    it("filters before it takes the top k, few hidden or many", async () => {
      const index = await make()
      for (const part of [2, 10, 400]) {
        const fits = (id: string) => Number(id.slice(1)) % part === 0
        const found = index.search(queries, 8, { hidden: index.rowsWhere(fits) })
        expect(found.flat().every(({ id }) => fits(id))).toBe(true)
        expect(found.every((hits) => hits.length === 8)).toBe(true)
        expect(recall(found, expected(8, fits))).toBeGreaterThan(0.95)
      }
      const first = index.search(queries, 3)
      const excludedIds = first.map((hits) => hits.map(({ id }) => id))
      const next = index.search(queries, 3, { excludedIds })
      next.forEach((hits, q) => {
        expect(hits.length).toBe(3)
        expect(hits.some(({ id }) => excludedIds[q]!.includes(id))).toBe(false)
      })
    })

    it("orders equal vectors by id, at the cut too", async () => {
      const index = await VectorIndex.create(8, { index: kind })
      const [twin, ...others] = normalVectors(200, 8, 1)
      const twins = Array.from({ length: 60 }, (_, i) => `t${String(i).padStart(2, "0")}`)
      await index.add(
        new Random(1, "t").shuffle(twins),
        twins.map(() => twin!),
      )
      await index.add(
        others.map((_, i) => `x${i}`),
        others,
      )
      expect(index.search([twin!], 5)[0]!.map(({ id }) => id)).toEqual(twins.slice(0, 5))
      expect(index.search([twin!], 60)[0]!.map(({ id }) => id)).toEqual(twins)
    })

    it("takes a k larger than the index, an empty index, and refuses bad options", async () => {
      const index = await VectorIndex.create(4, { index: kind })
      expect(index.search([Float32Array.of(1, 0, 0, 0)], 5)).toEqual([[]])
      await index.add(["a", "b"], normalVectors(2, 4, 1))
      expect(index.search(normalVectors(1, 4, 2), 500)[0]!.length).toBe(2)
      await index.delete(["a", "b"])
      expect(index.search(normalVectors(1, 4, 2), 500)).toEqual([[]])
      const bad = kind === "hnsw" ? { hnsw: { m: 0 } } : { usearch: { connectivity: 0.5 } }
      await expect(VectorIndex.create(4, { index: kind, ...bad })).rejects.toMatchObject({ code: "argument" })
    })

    it("stops when the signal fires, and stays as it was", async () => {
      const index = await VectorIndex.create(32, { index: kind })
      await index.add(ids.slice(0, 10), vectors.slice(0, 10))
      const stop = new AbortController()
      setTimeout(() => stop.abort(), 40)
      const many = Array.from({ length: 40_000 }, (_, i) => `m${i}`)
      const adding = index.add(
        many,
        many.map((_, i) => vectors[i % 4000]!),
        { signal: stop.signal },
      )
      await expect(adding).rejects.toMatchObject({ code: "aborted" })
      expect(index.ids()).toEqual(ids.slice(0, 10))
      expect(index.search([vectors[0]!], 30)[0]!.length).toBe(10)
    })
  })
