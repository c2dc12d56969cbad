import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Bm25Index } from "../../../retrievers/bm25/index.js"
import { type Document, Random } from "../../../src/core/index.js"
import { collection, document, outcome, queryTexts } from "./collection.js"

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

async function play(seed: number, sequence: readonly Step[], fields: Record<string, number> | undefined) {
  const random = new Random(seed, "updates")
  const options = { analyzer: "whitespace", ...(fields ? { fields } : {}) }
  const index = new Bm25Index(options)
  const model = new Map<string, Document>()
  let next = 0
  const some = (count: number) => random.shuffle([...model.keys()]).slice(0, count)
  for (const step of sequence) {
    if (step === "optimize") await index.optimize()
    else if ("add" in step) {
      const fresh = Array.from({ length: step.add }, () =>
        document(random, `d${random.integer(1000)}-${next++}`, 30, 8),
      )
      await index.add(fresh)
      for (const one of fresh) model.set(one.id, one)
    } else if ("delete" in step) {
      const gone = some(step.delete)
      expect(await index.delete([...gone, "never there"])).toBe(gone.length)
      for (const id of gone) model.delete(id)
    } else {
      const changed = some(step.replace).map((id) => document(random, id, 30, 8))
      await index.add(changed, { replace: true })
      for (const one of changed) model.set(one.id, one)
    }
    expect(index.size).toBe(model.size)
  }
  const queries = queryTexts(25, seed, 30)
  const found = await index.retrieve(queries, { topK: 1 + random.integer(20) })
  const again = new Bm25Index(options)
  await again.add(model.values())
  const topK = Math.max(1, ...found.map(({ hits }) => hits.length))
  expect(outcome(await index.retrieve(queries, { topK }))).toBe(outcome(await again.retrieve(queries, { topK })))
  const ids = [...model.keys()]
  expect(await index.documents.get(ids)).toEqual(ids.map((id) => model.get(id)))
}

describe("an index that changes", () => {
  it("ranks after any sequence of additions and deletions as one built anew", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), steps, fc.boolean(), (seed, sequence, separate) =>
        play(seed, sequence, separate ? { title: 2, text: 1 } : undefined),
      ),
      { numRuns: 150 },
    )
  })

  it("keeps few segments however often documents are added", async () => {
    const documents = collection(1000, 1)
    const index = new Bm25Index({ analyzer: "whitespace" })
    for (const one of documents) await index.add([one])
    expect(index.stats).toMatchObject({ documents: 1000, deleted: 0 })
    expect(index.stats.segments).toBeLessThanOrEqual(11)
    await index.delete(documents.slice(0, 990).map(({ id }) => id))
    expect(index.size).toBe(10)
    // What is mostly deleted has been written anew, so that the memory comes back.
    expect(index.stats.deleted).toBeLessThanOrEqual(index.size)
  })

  it("adds all or nothing", async () => {
    const index = await Bm25Index.build([{ id: "a", text: "one" }], { analyzer: "whitespace" })
    const twice = [
      { id: "b", text: "two" },
      { id: "c", text: "two" },
      { id: "b", text: "three" },
    ]
    await expect(index.add(twice)).rejects.toMatchObject({ code: "data", message: expect.stringContaining('"b"') })
    const known = [
      { id: "d", text: "two" },
      { id: "a", text: "two" },
    ]
    await expect(index.add(known)).rejects.toMatchObject({ code: "data", message: expect.stringContaining('"a"') })
    expect(index.size).toBe(1)
    const [ranking] = await index.retrieve([{ id: "q", text: "two" }])
    expect(ranking!.hits).toEqual([])
  })

  it("lets additions that overlap take turns", async () => {
    const index = new Bm25Index({ analyzer: "whitespace" })
    const documents = collection(300, 2)
    await Promise.all([0, 100, 200].map((from) => index.add(documents.slice(from, from + 100))))
    expect(index.size).toBe(300)
  })
})
