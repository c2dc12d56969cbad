import { describe, expect, it } from "vitest"
import { biEncoder, embeddingScorer } from "../../../rerankers/pointwise/index.js"
import { describeReranker } from "../../conformance/reranker.js"
import { fakeEmbedder, idsOf, rankingOf } from "./fakes.js"

describeReranker("bi-encoder", () => biEncoder(fakeEmbedder()))

describe("BiEncoderReranker", () => {
  it("orders by the cosine of query and document", async () => {
    const texts = ["xyz", "abab", "abc", "ab"]
    const [ranking] = await biEncoder(fakeEmbedder()).rerank([rankingOf("ab", texts)])
    expect(idsOf(ranking!)).toEqual(["q-1", "q-3", "q-2", "q-0"])
    expect(ranking!.scoreKind).toBe("cosine")
    const expected = [1, 1, 2 / Math.sqrt(6), 0]
    ranking!.hits.forEach(({ score }, at) => {
      expect(score).toBeCloseTo(expected[at]!, 6)
    })
  })

  it("embeds each distinct text once, queries as queries and documents as documents", async () => {
    const model = fakeEmbedder()
    const rankings = [rankingOf("ab", ["cd", "ef", "cd"], "x"), rankingOf("ab", ["ef", "ab"], "y")]
    const results = await biEncoder(model).rerank(rankings)
    expect(model.asked).toEqual([
      { side: "query", texts: ["ab"] },
      { side: "document", texts: ["cd", "ef", "ab"] },
    ])
    expect(results[0]!.usage.promptTokens + results[1]!.usage.promptTokens).toBe(4)
    expect(idsOf(results[1]!)).toEqual(["y-1", "y-0"])
  })

  it("charges a text to the first pair that has it, where the model says what each text cost", async () => {
    const model = fakeEmbedder()
    const embed: typeof model.embed = async (texts, side) => {
      const lengths = texts.map((text) => text.length)
      return { ...(await model.embed(texts, side)), lengths, tokens: lengths.reduce((sum, size) => sum + size, 0) }
    }
    const rankings = [rankingOf("abc", ["de", "f"], "x"), rankingOf("abc", ["f", "ghij"], "y")]
    const results = await biEncoder({ ...model, embed }).rerank(rankings)
    expect(results.map(({ usage }) => usage.promptTokens)).toEqual([3 + 2 + 1, 4])
  })

  it("'silent truncation': counts documents that were cut, and all of a query that was", async () => {
    const long = Array.from({ length: 20 }, () => "word").join(" ")
    const [cut] = await biEncoder(fakeEmbedder()).rerank([rankingOf("word", ["other", long])])
    expect(cut!.warnings).toEqual([{ code: "truncated", count: 1, ids: ["q-1"] }])
    const [asked] = await biEncoder(fakeEmbedder()).rerank([rankingOf(long, ["other", "word"])])
    expect(asked!.usage.truncated).toBe(2)
  })

  it("gives 0 to texts without a vector, and fails on vectors that are none", async () => {
    const { scores } = await embeddingScorer(fakeEmbedder()).score([{ query: "ab", document: "123" }])
    expect(scores).toEqual([0])
    const broken = {
      ...fakeEmbedder(),
      embed: async (texts: readonly string[]) => ({
        vectors: texts.map(() => Float32Array.of(Number.NaN)),
        tokens: 1,
        truncated: [],
      }),
    }
    await expect(biEncoder(broken).rerank([rankingOf("ab", ["cd"])])).rejects.toMatchObject({ code: "model" })
  })

  it("has another fingerprint for another model or setting", () => {
    const print = (changes: object) => embeddingScorer({ ...fakeEmbedder(), ...changes }).fingerprint
    const others = [{ fingerprint: "x" }, { fingerprint: "y" }].map(print)
    expect(new Set([...others, print({})]).size).toBe(3)
  })
})
