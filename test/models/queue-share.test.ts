import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { pointwise } from "../../rerankers/pointwise/index.js"
import { emptyRanking } from "../../src/core/index.js"
import { type BatchReport, loadEmbeddedScorer, openEmbedder } from "../../src/models/index.js"

describe("what a call's place in the queue depends on", () => {
  let scorer: Awaited<ReturnType<typeof loadEmbeddedScorer>>
  const reports: BatchReport[] = []
  beforeAll(async () => {
    scorer = await loadEmbeddedScorer({
      queue: { maxWaitingTokens: 3000, onBatch: (report) => void reports.push(report) },
    })
  })
  afterAll(() => scorer[Symbol.asyncDispose]())

  const ranking = (count: number, words = 40) => ({
    ...emptyRanking({ id: "q", text: "heat pumps" }, "ordinal" as const),
    hits: Array.from({ length: count }, (_, index) => ({
      id: String(index),
      score: -index,
      document: { id: String(index), text: `heat ${index} `.repeat(words) },
    })),
  })

  it("reaches the model through a reranker: times come back", async () => {
    const timings: { queue: number; inference: number }[] = []
    await pointwise(scorer).rerank([ranking(3)], { onTimings: (each) => void timings.push(each) })
    expect(timings.length).toBeGreaterThanOrEqual(2)
    for (const { queue, inference } of timings) {
      expect(queue).toBeGreaterThanOrEqual(0)
      expect(inference).toBeGreaterThan(0)
    }
    expect(reports.length).toBeGreaterThanOrEqual(2)
  })

  it("drops what the deadline has passed for", async () => {
    const late = pointwise(scorer).rerank([ranking(3)], { deadline: Date.now() - 1 })
    await expect(late).rejects.toMatchObject({ code: "budget" })
  })

  it("refuses what the queue has no room for, and answers the rest", async () => {
    const calls = Array.from({ length: 12 }, () => pointwise(scorer).rerank([ranking(20)]))
    const outcomes = await Promise.allSettled(calls)
    const codes = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.code] : []))
    expect(codes.length).toBeGreaterThan(0)
    expect(new Set(codes)).toEqual(new Set(["busy"]))
    expect(outcomes.some(({ status }) => status === "fulfilled")).toBe(true)
  })

  it("lets a small client pass by a huge one", async () => {
    const model = await loadEmbeddedScorer()
    const order: string[] = []
    const ask = async (client: string, count: number) => {
      await pointwise(model).rerank([ranking(count)], { client })
      order.push(client)
    }
    await Promise.all([ask("huge", 600), ask("small", 1)])
    expect(order).toEqual(["small", "huge"])
    await model[Symbol.asyncDispose]()
  })

  it("is no burden to a model without a queue", async () => {
    const model = await openEmbedder("potion-base-4M")
    const { vectors } = await model.embed(["heat"], "document", { client: "a", deadline: Date.now() + 1000 })
    expect(vectors).toHaveLength(1)
  })
})
