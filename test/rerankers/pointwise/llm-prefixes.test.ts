/** What stands before all documents of a query is read once: the same scores, on a trained model. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { upr, yesNo } from "../../../rerankers/pointwise/index.js"
import { loadLanguageModel } from "../../../src/models/generation/load.js"
import { missing, shared } from "../../models/decoder/reference.js"
import { rankingOf } from "./fakes.js"

const stories = join(shared, "stories260K")

describe.skipIf(missing || !existsSync(stories))("prompts of one query", () => {
  it("give the same scores whether their beginning is read once or for each, alone or beside other queries", async () => {
    await using once = await loadLanguageModel(stories, { device: "cpu" })
    await using apart = await loadLanguageModel(stories, { device: "cpu", sharePrefixes: false })
    const prompt = join(import.meta.dirname, "fixtures/bare.yaml")
    const rankings = ["Lily", "Tim", "the dog"].map((name, query) =>
      rankingOf(
        `Once upon a time, there was a little one named ${name} who loved to play in the park`,
        Array.from({ length: 20 }, (_, at) => `One day ${name} saw ${"a big red ball and ".repeat(at % 4)}${at} birds`),
        `q${query}`,
      ),
    )
    const options = { prompt, answers: ["s", "a"], score: "logit" } as const
    const together = await (await yesNo(once, options)).rerank(rankings)
    const each = await (await yesNo(apart, options)).rerank(rankings)
    for (const [at, ranking] of together.entries()) {
      const scores = new Map(each[at]!.hits.map(({ id, score }) => [id, score]))
      expect(ranking.hits).toHaveLength(20)
      for (const { id, score } of ranking.hits) expect(Math.abs(score - scores.get(id)!)).toBeLessThan(1e-4)
      // All but one of them found query and name read, which is more than half of most prompts.
      expect(ranking.usage.cachedTokens).toBeGreaterThan(0.4 * ranking.usage.promptTokens)
      expect(each[at]!.usage.cachedTokens).toBe(0)
      const [alone] = await (await yesNo(once, options)).rerank([rankings[at]!])
      for (const { id, score } of alone!.hits)
        expect(Math.abs(score - ranking.hits.find((hit) => hit.id === id)!.score)).toBeLessThan(1e-4)
    }
  })

  it("are read with the query behind them for its likelihood", async () => {
    await using model = await loadLanguageModel(stories, { device: "cpu" })
    const prompt = join(import.meta.dirname, "fixtures/bare-document.yaml")
    const query = "Tim wanted to play with the ball"
    const [ranking] = await (await upr(model, { prompt })).rerank([
      rankingOf(query, ["Lily ate an apple", "Tim saw a ball. Tim liked the ball. Tim wanted to play with the ball"]),
    ])
    // A passage that says the same makes a model of stories expect it.
    expect(ranking!.hits.map(({ id }) => id)).toEqual(["q-1", "q-0"])
  })
})
