import { existsSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { first, rankGpt, rankZephyr, reasonRank, tourRank } from "../../../rerankers/listwise/index.js"
import { loadPrompt } from "../../../rerankers/prompts/index.js"
import { emptyRanking } from "../../../src/core/index.js"
import { type LocalLanguageModel, loadLanguageModel } from "../../../src/models/index.js"

const folder = "../shared/models/stories260K"
const texts = ["a cat sat", "the owl flew at night", "Lily had a ball", "it was hot", "one day"]
const ranking = {
  ...emptyRanking({ id: "q", text: "owl" }, "bm25" as const),
  hits: texts.map((text, at) => ({ id: `d${at}`, score: -at, document: { id: `d${at}`, text } })),
}

describe.skipIf(!existsSync(folder))("listwise methods on stories260K", () => {
  let model: LocalLanguageModel
  beforeAll(async () => {
    model = await loadLanguageModel(folder, { maxLength: 2048 })
  })
  afterAll(() => model[Symbol.asyncDispose]())

  it("FIRST orders by the likelihoods of the letters, as they are found one by one", async () => {
    const prompt = await loadPrompt("first")
    const { messages } = prompt.render({ query: "owl", documents: texts.map((text) => ({ text })) })
    const before = [messages.map(({ content }) => content).join("\n\n"), "\n", "["].join("")
    const likely = await model.logLikelihood([..."ABCDE"].map((letter) => ({ prompt: before, continuation: letter })))
    const expected = likely
      .map(({ logprob, tokens }, at) => ({ at, logprob, count: tokens.length }))
      .sort((a, b) => b.logprob - a.logprob)
    expect(expected.every(({ count }) => count === 1)).toBe(true)
    const [ranked] = await (await first(model, { window: 5 })).rerank([ranking])
    expect(ranked!.hits.map(({ id }) => id)).toEqual(expected.map(({ at }) => `d${at}`))
    expect(ranked!.usage).toMatchObject({ calls: 1, completionTokens: 0, repaired: 0 })
  })

  it.each([
    ["rank-gpt", rankGpt],
    ["rank-zephyr", rankZephyr],
    ["reason-rank", reasonRank],
    ["tour-rank", tourRank],
  ] as const)("%s survives a model that tells stories", async (_, method) => {
    const [ranked] = await (await method(model, { maxTokens: 20 })).rerank([ranking])
    expect(ranked!.hits.map(({ id }) => id).sort()).toEqual(["d0", "d1", "d2", "d3", "d4"])
    expect(ranked!.usage.calls).toBeGreaterThan(0)
    expect(ranked!.usage.completionTokens).toBeGreaterThan(0)
    expect(ranked!.status).toBe("ranked")
  })
})
