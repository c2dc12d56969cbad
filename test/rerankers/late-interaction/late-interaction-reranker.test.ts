import { describe, expect, it } from "vitest"
import { lateInteraction, maxSimScorer } from "../../../rerankers/late-interaction/index.js"
import { LateInteractionIndex } from "../../../retrievers/late-interaction/index.js"
import { emptyRanking, type Ranking } from "../../../src/core/index.js"
import { describeReranker } from "../../conformance/reranker.js"
import { hashedTokens } from "../../retrievers/late-interaction/hashed-tokens.js"

describeReranker("late interaction", () => lateInteraction(hashedTokens()))

const ranking = (query: string, texts: readonly (string | undefined)[]): Ranking => ({
  ...emptyRanking({ id: query, text: query }, "bm25"),
  hits: texts.map((text, rank) => {
    const id = `d${rank}`
    return { id, score: 10 - rank, ...(text === undefined ? {} : { document: { id, text } }) }
  }),
})
const order = ({ hits }: Ranking) => hits.map(({ id }) => id)

describe("lateInteraction", () => {
  it("orders by the sum of the largest products, with the scores of an index without compression", async () => {
    const model = hashedTokens({ dimension: 48, directions: "random" })
    const texts = ["cold water", "warm water and fish", "fish", "cold fish in cold water", "granite"]
    const [after] = await lateInteraction(model).rerank([ranking("cold fish", texts)])
    expect(after.scoreKind).toBe("dot")
    const index = await LateInteractionIndex.build(
      texts.map((text, i) => ({ id: `d${i}`, text })),
      { encoder: model, compression: "none", strategy: "exhaustive" },
    )
    const [found] = await index.retrieve([{ id: "q", text: "cold fish" }])
    expect(after.hits.map(({ id, score }) => [id, score])).toEqual(found.hits.map(({ id, score }) => [id, score]))
    // Both words, each found in full.
    expect(after.hits[0].id).toBe("d3")
    expect(after.hits[0].score).toBeCloseTo(2, 5)
  })

  it("reads each text once, however many rankings have it", async () => {
    const model = hashedTokens()
    const texts = Array.from({ length: 300 }, (_, i) => `word${i} common`)
    const rankings = await lateInteraction(model).rerank([ranking("word7", texts), ranking("word9", texts)])
    expect(model.seen.toSorted()).toEqual(["word7", "word9", ...texts].toSorted())
    expect(rankings.map((one) => one.hits[0].id)).toEqual(["d7", "d9"])
    expect(rankings.reduce((sum, { usage }) => sum + usage.promptTokens, 0)).toBe(602)
  })

  it("counts what was cut, and keeps what has no text below, in its order", async () => {
    const model = hashedTokens({ maxLength: 2 })
    const [after] = await lateInteraction(model).rerank([
      ranking("fish", [undefined, "one two fish", "", "fish", undefined]),
    ])
    expect(order(after)).toEqual(["d3", "d1", "d0", "d2", "d4"])
    expect(after.usage).toMatchObject({ truncated: 1 })
    const warnings = Object.fromEntries(after.warnings.map(({ code, ids }) => [code, ids]))
    expect(warnings).toMatchObject({ truncated: ["d1"], "missing-document": ["d0", "d4"], "missing-text": ["d2"] })
  })

  it("stops at its budget with every document in place", async () => {
    const [after] = await lateInteraction(hashedTokens()).rerank(
      [ranking("granite", ["water", "fish", "granite", "granite granite"])],
      { budget: { maxCalls: 3 } },
    )
    expect(after.status).toBe("partial")
    expect(order(after)).toEqual(["d2", "d0", "d1", "d3"])
  })

  it("throws or marks what fails, and stops when it is told to", async () => {
    const reranker = lateInteraction(hashedTokens())
    const given = [ranking("fish", ["water"]), ranking("fish", ["explode"]), ranking("cold", ["notanumber"])]
    await expect(reranker.rerank(given)).rejects.toMatchObject({ code: "model" })
    const after = await reranker.rerank(given, { onError: "mark" })
    expect(after.map(({ status, error }) => [status, error?.code])).toEqual([
      ["ranked", undefined],
      ["failed", "model"],
      ["failed", "model"],
    ])
    await expect(reranker.rerank(given, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" })
  })

  it("has a fingerprint of its model", () => {
    const fingerprints = ["one", "two", "one"].map((checksum) => maxSimScorer(hashedTokens({ checksum })).fingerprint)
    expect(fingerprints[0]).not.toBe(fingerprints[1])
    expect(fingerprints[0]).toBe(fingerprints[2])
  })
})
