import { describe, expect, it } from "vitest"
import { SparseIndex } from "../../../retrievers/sparse/index.js"
import type { Ranking } from "../../../src/core/index.js"
import { documentsOf, model, randomVectors } from "./vectors.js"

const outcome = (rankings: readonly Ranking[]) =>
  rankings.map(({ hits }) => hits.map(({ id, score }) => `${id} ${score}`).join()).join("\n")

describe("pruned top-k of learned weights", () => {
  it("equals exhaustive top-k on thousands of queries, ties, deletions, filters and exclusions included", async () => {
    const names = Array.from({ length: 9000 }, (_, i) => `d${(i * 7919) % 9000}`)
    const documents = documentsOf(names)
    const vectors = randomVectors(9000, 25, 1)
    const index = await SparseIndex.build(documents.slice(0, 7000), {
      model,
      given: { vectors: vectors.slice(0, 7000), model },
      step: 1 / 8,
    })
    await index.add(documents.slice(7000), { given: { vectors: vectors.slice(7000), model } })
    await index.delete(names.filter((_, i) => i % 9 === 0))
    expect(index.stats.segments).toBe(2)
    let ties = 0
    let compared = 0
    for (const [topK, terms, count] of [
      [1, 4, 800],
      [10, 12, 800],
      [50, 60, 300],
      [500, 6, 100],
    ] as const) {
      // Whole numbers as weights of the query make ties common.
      const asked = randomVectors(count, terms, topK).map(({ ids, weights }) => ({
        ids,
        weights: weights.map(Math.ceil),
      }))
      const queries = asked.map((_, i) => ({ id: `${i}`, text: "given", excludedIds: names.slice(i, i + (i % 30)) }))
      for (const filter of [undefined, { group: { $in: [0, 3] } }]) {
        const options = { topK, given: { vectors: asked, model }, ...(filter ? { filter } : {}) }
        const exhaustive = await index.retrieve(queries, { ...options, strategy: "exhaustive" })
        expect(outcome(await index.retrieve(queries, { ...options, strategy: "pruned" })) === outcome(exhaustive)).toBe(
          true,
        )
        compared += queries.length
        for (const { hits } of exhaustive) if (hits.length > 1 && hits.at(-1)!.score === hits.at(-2)!.score) ties++
      }
    }
    expect(compared).toBe(4000)
    expect(ties).toBeGreaterThan(400)
  })
})
