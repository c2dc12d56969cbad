import { beforeAll, describe, expect, it } from "vitest"
import { dqLore, dqLoreRetriever, lowRankScores } from "../../../rerankers/dq-lore/index.js"
import { DenseIndex } from "../../../retrievers/dense/index.js"
import { emptyRanking, type Hit, noUsage, RankineError, type Ranking } from "../../../src/core/index.js"
import { type EmbeddingModel, embeddedModel, loadStaticEmbedder } from "../../../src/models/index.js"
import { describeReranker } from "../../conformance/reranker.js"

let model: EmbeddingModel
beforeAll(async () => {
  model = await loadStaticEmbedder(embeddedModel("potion-base-4M"))
})

const texts = [
  "The recipe needs two cups of flour and one egg.",
  "A train travels 60 miles in one hour.",
  "Swifts sleep while they fly.",
  "Divide the distance by the time to find the speed of a train.",
  "Bake the cake for forty minutes.",
  "Herring live in cold water.",
]

function rankingOf(text: string): Ranking {
  const hits = texts.map((each, i): Hit => ({ id: `d${i}`, score: 6 - i, document: { id: `d${i}`, text: each } }))
  return { ...emptyRanking({ id: "q", text }, "cosine"), hits }
}

describeReranker("dqLore", async () => dqLore(await loadStaticEmbedder(embeddedModel("potion-base-4M"))))

describe("dqLore", () => {
  it("orders by the low-rank scores of the model's vectors", async () => {
    const [ranking] = await dqLore(model, { dimensions: 3 }).rerank([rankingOf("How fast is the train?")])
    const [query] = await model.encode(["How fast is the train?"], "query")
    const vectors = await model.encode(texts, "document")
    const scores = lowRankScores(query!, vectors, { dimensions: 3 })
    const order = texts.map((_, at) => at).sort((left, right) => scores[right]! - scores[left]!)
    expect(ranking!.hits.map(({ id }) => id)).toEqual(order.map((at) => `d${at}`))
    expect(ranking!.hits.map(({ score }) => score)).toEqual(order.map((at) => expect.closeTo(scores[at]!, 9)))
    expect(ranking).toMatchObject({ status: "ranked", scoreKind: "dot", usage: { calls: 1 } })
    expect(
      ranking!.hits
        .slice(0, 2)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(["d1", "d3"])
  })

  it("searches with the second query, and counts what it cost", async () => {
    const reranker = dqLore(model, {
      secondQuery: ({ text }, hits) => ({
        text: `${text} ${hits.length} eggs and flour, baked as a cake`,
        usage: { ...noUsage, calls: 1, promptTokens: 7, completionTokens: 9 },
      }),
    })
    const [ranking] = await reranker.rerank([rankingOf("What do I need?")])
    expect(
      ranking!.hits
        .slice(0, 2)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(["d0", "d4"])
    expect(ranking!.usage).toMatchObject({ calls: 2, completionTokens: 9 })
    expect(reranker.describe()).toMatchObject({ method: "dq-lore", candidates: 64, dimensions: 128, secondQuery: true })
    const empty = await dqLore(model, { secondQuery: () => "" })
      .rerank([rankingOf("?")])
      .catch((error: unknown) => error)
    expect((empty as RankineError).message).toMatch(/gave no text/)
  })

  it("reranks the first candidates and leaves the others below", async () => {
    const [ranking] = await dqLore(model, { candidates: 3 }).rerank([rankingOf("What lives in cold water?")])
    expect(ranking!.hits.slice(3).map(({ id }) => id)).toEqual(["d3", "d4", "d5"])
    expect(() => dqLore(model, { candidates: 0 })).toThrow(/candidates/)
  })

  it("retrieves by the second query, whole", async () => {
    await using index = await DenseIndex.build(
      texts.map((text, i) => ({ id: `d${i}`, text })),
      { encoder: model },
    )
    const seen: string[][] = []
    const retriever = dqLoreRetriever(index, model, {
      candidates: 4,
      secondQuery: ({ text }, hits) => {
        seen.push(hits.map(({ document }) => document!.text))
        return `${text} Divide miles by hours.`
      },
    })
    const query = { id: "q", text: "How fast?", excludedIds: ["d1"] }
    const [ranking] = await retriever.retrieve([query], { topK: 3 })
    expect(seen[0]).toHaveLength(4)
    expect(ranking!.query).toBe(query)
    expect(ranking!.hits).toHaveLength(3)
    expect(ranking!.hits.map(({ id }) => id)).not.toContain("d1")
    expect(ranking!.hits[0]!.id).toBe("d3")
    await using bare = await DenseIndex.build([{ id: "a", text: "a" }], { encoder: model, storeDocuments: false })
    expect(() => dqLoreRetriever(bare, model, { secondQuery: () => "x" })).toThrow(RankineError)
  })
})
