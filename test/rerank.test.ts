import { afterAll, describe, expect, it } from "vitest"
import { emptyRanking, type Reranker } from "../src/core/index.js"
import { rerank } from "../src/index.js"
import { disposeModels } from "../src/models/index.js"
import { installed } from "./models/encoder/reference.js"

const texts = [
  "Heat pumps move warmth from outside to inside.",
  "Swifts sleep while they fly, one half of the brain at a time.",
  "The boiler of a steam engine needs water.",
]

afterAll(disposeModels)

describe.skipIf(!installed("onnxruntime-node"))("rerank with the embedded models", () => {
  it("orders texts, with scores in [0, 1] and places among those that came in", async () => {
    const { hits, status, scoreKind, usage } = await rerank("how do birds sleep?", texts)
    expect(hits.map(({ index }) => index).toSorted()).toEqual([0, 1, 2])
    expect(hits[0]).toMatchObject({ index: 1, text: texts[1] })
    for (const { score } of hits) expect(score >= 0 && score <= 1).toBe(true)
    expect({ status, scoreKind }).toEqual({ status: "ranked", scoreKind: "cosine" })
    expect(usage.promptTokens).toBeGreaterThan(20)
  })

  it("gives a text the same score whatever stands beside it, alone too", async () => {
    const all = await rerank("how do birds sleep?", texts)
    const alone = await rerank("how do birds sleep?", [texts[1]!])
    expect(alone.hits[0]!.score).toBeCloseTo(all.hits[0]!.score, 5)
    const long = await rerank("how do birds sleep?", [texts[1]!, "word ".repeat(400)])
    expect(long.hits[0]!.score).toBeCloseTo(all.hits[0]!.score, 5)
    expect(long.warnings).toContainEqual(expect.objectContaining({ code: "truncated", count: 1 }))
  })

  it("is as sure of a text as of its own words", async () => {
    const { hits } = await rerank(texts[1]!, texts)
    expect(hits[0]!.score).toBeCloseTo(1, 3)
  })

  it("keeps the order of equal scores, reads titles, cuts at topK, and counts texts in other languages", async () => {
    const twice = await rerank("engine", [texts[0]!, texts[0]!, { title: "Engines", text: "of steam" }], { topK: 2 })
    expect(twice.hits.map(({ index }) => index)).toEqual([2, 0])
    const german = "Mauersegler schlafen im Flug, und das ist nicht die einzige Art, die es kann."
    expect((await rerank("how do birds sleep?", [german])).warnings).toContainEqual({
      code: "language-mismatch",
      count: 1,
    })
  })
})

describe("rerank", () => {
  const byLength: Reranker = {
    name: "by length",
    needs: "text",
    rerank: async (rankings) =>
      rankings.map((ranking) => ({
        ...emptyRanking(ranking.query, "logit"),
        hits: ranking.hits
          .map((hit) => ({ ...hit, score: hit.document!.text.length }))
          .sort((left, right) => right.score - left.score),
      })),
  }

  it("takes a reranker of the caller's", async () => {
    const { hits, scoreKind } = await rerank("", ["a", "ccc", "bb"], { model: byLength })
    expect(hits.map(({ text }) => text)).toEqual(["ccc", "bb", "a"])
    expect(scoreKind).toBe("logit")
  })

  it("answers nothing for nothing, and says what is wrong with wrong arguments", async () => {
    expect((await rerank("a", [], { model: byLength })).hits).toEqual([])
    const wrong = [
      [["a", [1]], "text 1"],
      [["a", "b"], "no list"],
      [[1, ["b"]], "query is no text"],
      [["a", ["b"], { topK: 0 }], "topK"],
    ] as unknown as readonly [Parameters<typeof rerank>, string][]
    for (const [args, message] of wrong)
      await expect(rerank(...args)).rejects.toMatchObject({
        code: "argument",
        message: expect.stringContaining(message),
      })
    await expect(rerank("a", ["b"], { model: "no-such-model" })).rejects.toMatchObject({ code: "not-found" })
  })
})
