import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SparseIndex } from "../../../retrievers/sparse/index.js"
import { Random } from "../../../src/core/index.js"
import type { SparseVector } from "../../../src/models/sparse-encoder.js"
import { documentsOf, model, plainSearch, randomVector, randomVectors } from "./vectors.js"

type Step = { add: number } | { delete: number } | { replace: number } | "optimize"

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 3, arbitrary: fc.record({ delete: fc.integer({ min: 1, max: 20 }) }) },
    { weight: 2, arbitrary: fc.record({ replace: fc.integer({ min: 1, max: 10 }) }) },
    { weight: 1, arbitrary: fc.constant("optimize" as const) },
  ),
  { minLength: 1, maxLength: 12 },
)

async function play(seed: number, sequence: readonly Step[]): Promise<void> {
  const random = new Random(seed, "updates")
  const index = new SparseIndex({ model })
  const known = new Map<string, SparseVector>()
  let next = 0
  const some = (count: number) => random.shuffle([...known.keys()]).slice(0, count)
  const add = async (ids: readonly string[], replace: boolean) => {
    const vectors = ids.map(() => randomVector(random, 12))
    await index.add(documentsOf(ids), { given: { vectors, model }, replace })
    ids.forEach((id, i) => {
      known.set(id, vectors[i]!)
    })
  }
  for (const step of sequence) {
    if (step === "optimize") await index.optimize()
    else if ("add" in step)
      await add(
        Array.from({ length: step.add }, () => `d${random.integer(1000)}-${next++}`),
        false,
      )
    else if ("delete" in step) {
      const gone = some(step.delete)
      expect(await index.delete([...gone, "never there"])).toBe(gone.length)
      for (const id of gone) known.delete(id)
    } else await add(some(step.replace), true)
    expect(index.size).toBe(known.size)
  }
  const asked = randomVectors(10, 8, seed)
  const queries = asked.map((_, i) => ({ id: `${i}`, text: "given" }))
  const found = await index.retrieve(queries, { topK: 20, given: { vectors: asked, model } })
  // What was built at once is checked against plain sums elsewhere; here the sums speak for the index built anew.
  found.forEach(({ hits }, i) => {
    expect(hits).toEqual(plainSearch(asked[i]!, [...known.keys()], [...known.values()], { k: 20 }))
  })
}

describe("a sparse index that changes", () => {
  it("ranks after any sequence of additions and deletions as one built anew", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), steps, (seed, sequence) => play(seed, sequence)),
      { numRuns: 100 },
    )
  })

  it("lets additions that overlap take turns", async () => {
    const index = new SparseIndex({ model })
    const vectors = randomVectors(300, 9, 1)
    const documents = documentsOf(vectors.map((_, i) => `d${i}`))
    await Promise.all(
      [0, 100, 200].map((from) =>
        index.add(documents.slice(from, from + 100), { given: { vectors: vectors.slice(from, from + 100), model } }),
      ),
    )
    expect(index.size).toBe(300)
    const same = { given: { vectors: vectors.slice(0, 1), model } }
    const twice = await Promise.allSettled([
      index.add([{ id: "one", text: "x" }], same),
      index.add([{ id: "one", text: "x" }], same),
    ])
    expect(twice.map(({ status }) => status)).toEqual(["fulfilled", "rejected"])
  })
})
