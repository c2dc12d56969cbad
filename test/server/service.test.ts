import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parseServerConfig } from "../../server/config.js"
import { type OpenService, openService } from "../../server/service.js"
import type { Caller } from "../../server/service-types.js"

const caller: Caller = { requestId: "r", client: "c", signal: new AbortController().signal }
const query = "how do birds sleep"
const long = `${"A heat pump moves warmth from one place to another. ".repeat(60)}Birds sleep while they fly.`

describe("the embedded models as a service", () => {
  let service: OpenService
  beforeAll(async () => {
    service = await openService(parseServerConfig({}))
  })
  afterAll(() => service[Symbol.asyncDispose]())

  it("gives scores in [0, 1], the best first", async () => {
    const documents = ["Heat pumps move warmth.", "Swifts sleep while they fly.", "", query].map((text) => ({ text }))
    const { results } = await service.rerank({ query, documents }, caller)
    expect(results.map(({ index }) => index)).toEqual([3, 1, 0, 2])
    for (const { score } of results) {
      expect(score).toBeGreaterThanOrEqual(0)
      expect(score).toBeLessThanOrEqual(1 + 1e-6)
    }
  })

  it("cuts documents to the tokens that are asked for, and counts them", async () => {
    const documents = [{ text: "the water is blue, says the book" }, { text: "the water" }]
    const cut = await service.rerank({ query, documents, maxDocumentTokens: 2 }, caller)
    const whole = await service.rerank({ query, documents, maxDocumentTokens: 100 }, caller)
    const scoreOf = ({ results }: typeof cut, index: number) => results.find((result) => result.index === index)!.score
    expect(scoreOf(cut, 0)).not.toBe(scoreOf(whole, 0))
    expect(scoreOf(cut, 1)).toBeCloseTo(scoreOf(whole, 1), 6)
    expect(cut.usage.truncated).toBe(1)
    expect(cut.warnings).toContainEqual({ code: "truncated", count: 1 })
    expect(whole.usage.truncated).toBe(0)
  })

  it("puts what has no text last, in the order of the request", async () => {
    const documents = ["", "Swifts sleep.", " ", "xyz"].map((text) => ({ text }))
    const { results } = await service.rerank({ query, documents }, caller)
    expect(results.map(({ index }) => index)).toEqual([1, 3, 0, 2])
    expect(results.slice(2).map(({ score }) => score)).toEqual([0, 0])
  })

  it("fails where nothing may be cut, and something would be", async () => {
    const refusal = { code: "argument", message: expect.stringContaining("allow truncation") }
    const pair = { query, documents: [{ text: long }] }
    await expect(service.rerank({ ...pair, truncate: false }, caller)).rejects.toMatchObject(refusal)
    expect((await service.rerank(pair, caller)).usage.truncated).toBe(1)
    await expect(
      service.rerank({ query, documents: [{ text: "short" }], truncate: false }, caller),
    ).resolves.toMatchObject({ status: "ranked" })
  })

  it("refuses a limit that it would not keep", async () => {
    const pair = { query, documents: [{ text: "a" }] }
    await expect(service.rerank({ ...pair, maxPromptTokens: 3 }, caller)).rejects.toMatchObject({
      code: "argument",
      message: expect.stringContaining("truncate_prompt_tokens"),
    })
    await expect(service.rerank({ ...pair, maxPromptTokens: 100_000 }, caller)).resolves.toBeDefined()
    await expect(service.embed({ texts: ["a"], dimension: 3 }, caller)).rejects.toMatchObject({ code: "argument" })
    const { vectors } = await service.embed({ texts: ["a"] }, caller)
    await expect(service.embed({ texts: ["a"], dimension: vectors[0]!.length }, caller)).resolves.toBeDefined()
  })

  it("says which models there are", async () => {
    await expect(service.rerank({ model: "x", query, documents: [{ text: "a" }] }, caller)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("use default"),
    })
  })
})
