import { describe, expect, it } from "vitest"
import { gradedRelevance, proRank, qwen3Reranker, upr, yesNo } from "../../../rerankers/pointwise/index.js"
import type { Ranking } from "../../../src/core/index.js"
import { logProbabilities } from "../../../src/models/generation/choose-token.js"
import { hashedLogits } from "../../models/generation/fake-decoder.js"
import { idsOf, rankingOf } from "./fakes.js"
import { judge, sharedWords } from "./judge.js"

const texts = ["the cat", "owls eat mice at night", "owls sleep", "what owls eat", undefined, "mice eat"]
const query = "what do owls eat"

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const scoresOf = ({ hits }: Ranking) => Object.fromEntries(hits.map(({ id, score }) => [id, score]))

describe("yesNo", () => {
  const says = (text: string) => ({ yes: sharedWords(text), " yes": 5, no: 1, " no": 3 })

  it("scores each document by the probability of yes, in the spelling that the model has", async () => {
    await using model = judge({ says })
    const reranker = await yesNo(model)
    const [ranking] = await reranker.rerank([rankingOf(query, texts)])
    // Words in common: 0, 2, 1, 3, none to read, 1.
    expect(idsOf(ranking!)).toEqual(["q-3", "q-1", "q-2", "q-5", "q-0", "q-4"])
    const scores = scoresOf(ranking!)
    for (const [id, shared] of [
      ["q-3", 3],
      ["q-1", 2],
      ["q-2", 1],
      ["q-5", 1],
      ["q-0", 0],
    ] as const)
      expect(scores[id]).toBeCloseTo(sigmoid(shared - 1), 6)
    expect(ranking).toMatchObject({ scoreKind: "probability", status: "ranked", final: true })
    expect(ranking!.warnings).toEqual([{ code: "missing-document", count: 1, ids: ["q-4"] }])
    expect(ranking!.usage).toMatchObject({ calls: 5, completionTokens: 0, repaired: 0 })
    expect(reranker.describe()).toMatchObject({
      name: "yes-no",
      model: "judge",
      prompt: "yes-no",
      answers: ["yes", "no"],
      sum: false,
      promptHash: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
    // The query stands before the documents: all but one find it read.
    const begin = model.read[0]!.indexOf("Passage: ")
    expect(ranking!.usage.cachedTokens).toBeGreaterThanOrEqual(4 * (begin / 2))
  })

  it("adds spellings where asked, and gives differences of logits", async () => {
    await using model = judge({ says })
    const reranker = await yesNo(model, { sum: true, score: "logit" })
    expect(reranker.describe().answers).toEqual(["yes", " yes", "no", " no"])
    const [ranking] = await reranker.rerank([rankingOf(query, texts)])
    expect(ranking!.scoreKind).toBe("logit")
    const other = Math.log(Math.exp(1) + Math.exp(3))
    expect(ranking!.hits[0]!.score).toBeCloseTo(Math.log(Math.exp(3) + Math.exp(5)) - other, 5)
  })

  it("asks by true and false, and by words of one's own", async () => {
    await using model = judge({ says: (text) => ({ true: sharedWords(text), false: 0, "7": 1, "8": 2 }) })
    const [ranking] = await (await yesNo(model, { answers: "true-false" })).rerank([rankingOf(query, texts)])
    expect(ranking!.hits[0]!.score).toBeCloseTo(sigmoid(3), 6)
    expect(model.read[0]).toContain("true or false")
    const [other] = await (await yesNo(model, { answers: ["7", "8"] })).rerank([rankingOf(query, texts)])
    expect(other!.hits[0]!.score).toBeCloseTo(sigmoid(-1), 6)
  })

  it("refuses words that are no single token, and says what to do", async () => {
    await using model = judge()
    await expect(yesNo(model, { answers: ["perhaps", "no"] })).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/no single token for "perhaps".*name answers/),
    })
    await expect(yesNo(model, { answers: ["no", "no"] })).rejects.toMatchObject({ code: "argument" })
    await expect(yesNo(model, { answers: ["no", "NO"], sum: true })).rejects.toMatchObject({ code: "argument" })
    await expect(yesNo(model, { maxLength: 0 })).rejects.toMatchObject({ code: "argument" })
    await expect(yesNo(model, { maxLength: 40 })).rejects.toMatchObject({
      code: "argument",
      message: expect.stringMatching(/maxLength/),
    })
  })

  it("gives the same scores whether beginnings are shared or not, for many queries at once", async () => {
    await using shared = judge()
    await using plain = judge({ sharePrefixes: false })
    const rankings = Array.from({ length: 6 }, (_, at) =>
      rankingOf(
        `${query} ${at}`,
        Array.from({ length: 9 }, (_, rank) => `passage ${rank} of ${at}`),
        `q${at}`,
      ),
    )
    const ours = await (await yesNo(shared)).rerank(rankings)
    const theirs = await (await yesNo(plain)).rerank(rankings)
    expect(ours.map(({ hits }) => hits)).toEqual(theirs.map(({ hits }) => hits))
    expect(shared.decoder.tokens).toBeLessThan(0.7 * plain.decoder.tokens)
    // Alone they are scored as in company.
    const [alone] = await (await yesNo(shared)).rerank([rankings[4]!])
    expect(alone!.hits).toEqual(ours[4]!.hits)
  })

  it("streams better and better rankings, and ends within a budget", async () => {
    await using model = judge({ says })
    const reranker = await yesNo(model, { chunk: 2 })
    const seen: Ranking[] = []
    for await (const ranking of reranker.stream([rankingOf(query, texts)])) seen.push(ranking)
    expect(seen.map(({ final }) => final)).toEqual([false, false, true])
    expect(seen.map((ranking) => idsOf(ranking)[0])).toEqual(["q-1", "q-3", "q-3"])
    for (const ranking of seen) expect(idsOf(ranking).sort()).toEqual(idsOf(rankingOf(query, texts)).sort())
    const [partial] = await reranker.rerank([rankingOf(query, texts)], { budget: { maxCalls: 2 } })
    expect(partial!.status).toBe("partial")
    expect(idsOf(partial!)).toEqual(["q-1", "q-0", "q-2", "q-3", "q-5", "q-4"])
  })

  it("names a model that gives no numbers", async () => {
    await using model = judge({ says: () => ({ yes: Number.NaN, no: 0 }) })
    const reranker = await yesNo(model)
    await expect(reranker.rerank([rankingOf(query, texts)])).rejects.toMatchObject({ code: "model" })
    const [marked] = await reranker.rerank([rankingOf(query, texts)], { onError: "mark" })
    expect(marked!.status).toBe("failed")
    expect(idsOf(marked!)).toEqual(idsOf(rankingOf(query, texts)))
  })
})

describe("proRank", () => {
  const says = (text: string) => ({ "1": sharedWords(text), "0": 2 })

  it("scores by the difference of two logits, or by a probability", async () => {
    await using model = judge({ says })
    const [ranking] = await (await proRank(model)).rerank([rankingOf(query, texts)])
    expect(ranking!.scoreKind).toBe("logit")
    expect(ranking!.hits.slice(0, 5).map(({ score }) => score)).toEqual([1, 0, -1, -1, -2])
    const [normalised] = await (await proRank(model, { normalise: 9 })).rerank([rankingOf(query, texts)])
    expect(normalised!.scoreKind).toBe("probability")
    expect(normalised!.hits[0]!.score).toBeCloseTo(sigmoid(1 - 4.5), 9)
    await expect(proRank(model, { normalise: Number.NaN })).rejects.toMatchObject({ code: "argument" })
  })

  it("cuts only the document of a pair that is too long, and gives the query three quarters", async () => {
    await using model = judge({ says })
    const long = Array.from({ length: 400 }, (_, at) => `w${at}`).join(" ")
    const reranker = await proRank(model, { maxLength: 1000 })
    const [ranking] = await reranker.rerank([rankingOf("short query", ["short", long])])
    expect(ranking!.warnings).toEqual([{ code: "truncated", count: 1, ids: ["q-1"] }])
    const prompt = model.read.find((text) => text.includes("document: w0"))!
    expect(prompt).toContain("query: short query\n")
    expect(prompt).toMatch(/Relevance:\s*assistant\n$/)
    // Filled up to a few tokens.
    const length = model.codec.encode({ prompt }).length
    expect(length).toBeGreaterThan(930)
    expect(length).toBeLessThanOrEqual(1000)
    model.read.length = 0
    await reranker.rerank([rankingOf(long, ["short"])])
    const asked = /query: (.*)\n/.exec(model.read[0]!)![1]!
    expect(long.startsWith(asked)).toBe(true)
    // The words of the prompt leave less than three quarters here; with a longer limit they do not.
    expect(model.codec.encodePlain(asked).length).toBeLessThanOrEqual(750)
    expect(model.read[0]).toContain("document: short\n")
  })
})

describe("qwen3Reranker", () => {
  it("takes a query's own instruction, else the method's", async () => {
    await using model = judge({ says: (text) => ({ yes: sharedWords(text), no: 0 }) })
    const ranking = rankingOf(query, texts)
    const own = { ...ranking, query: { ...ranking.query, instruction: "Find <Document>: answers" } }
    const reranker = await qwen3Reranker(model)
    const [scored] = await reranker.rerank([own])
    expect(scored!.scoreKind).toBe("probability")
    expect(scored!.hits[0]!.score).toBeCloseTo(sigmoid(3), 6)
    // It cannot forge the frame.
    expect(model.read[0]).toContain("<Instruct>: Find (Document): answers\n<Query>: what do owls eat\n<Document>: ")
    model.read.length = 0
    await (await qwen3Reranker(model, { instruction: "Find owls" })).rerank([ranking])
    expect(model.read[0]).toContain("<Instruct>: Find owls\n")
    expect(model.read[0]).toMatch(/assistant\n<think>\n\n<\/think>\n\n$/)
  })
})

describe("gradedRelevance", () => {
  it("scores by the expected grade", async () => {
    const logits = (text: string) => ({ "0": 0, "1": 0.5, "2": sharedWords(text), "3": 1, "4": -1 })
    await using model = judge({ says: logits })
    const [ranking] = await (await gradedRelevance(model)).rerank([rankingOf(query, texts)])
    const expected = (shared: number) => {
      const weights = [0, 0.5, shared, 1, -1].map(Math.exp)
      return (
        weights.reduce((sum, weight, grade) => sum + weight * grade, 0) / weights.reduce((sum, weight) => sum + weight)
      )
    }
    const scores = scoresOf(ranking!)
    expect(scores["q-3"]).toBeCloseTo(expected(3), 6)
    expect(scores["q-0"]).toBeCloseTo(expected(0), 6)
    expect(model.read[0]).toContain("0 (irrelevant), 1 (")
    expect(model.read[0]).toContain("Grade (0 to 4):")
  })

  it("takes letters for more grades than there are digits", async () => {
    await using model = judge({ says: () => ({ K: 3, A: 3 }) })
    const letters = [..."ABCDEFGHIJK"]
    const [ranking] = await (await gradedRelevance(model, { grades: letters })).rerank([rankingOf(query, texts)])
    expect(ranking!.hits[0]!.score).toBeCloseTo(5, 3)
    await expect(gradedRelevance(model, { grades: 10 })).rejects.toMatchObject({
      message: expect.stringMatching(/letters/),
    })
    await expect(gradedRelevance(model, { grades: ["0", "10"] })).rejects.toMatchObject({ code: "argument" })
    await expect(gradedRelevance(model, { grades: 4, meanings: ["a"] })).rejects.toMatchObject({ code: "argument" })
  })
})

describe("upr", () => {
  it("scores by the likelihood of the query after the document", async () => {
    await using model = judge()
    const [ranking] = await (await upr(model)).rerank([rankingOf(query, ["one passage", "another one"])])
    expect(ranking!.scoreKind).toBe("logit")
    const scores = scoresOf(ranking!)
    for (const [id, text] of [
      ["q-0", "one passage"],
      ["q-1", "another one"],
    ] as const) {
      const content = `Passage: ${text}\nWrite the question that this passage answers.`
      const messages = [{ role: "user", content }]
      const ids = model.codec.encode({ messages })
      let sum = 0
      for (const token of model.codec.encodePlain(query)) {
        sum += logProbabilities(hashedLogits(ids, model.codec.size), [token])[0]!
        ids.push(token)
      }
      expect(scores[id]).toBeCloseTo(sum, 4)
    }
  })

  it("reads no more of query and document than it may", async () => {
    await using model = judge()
    const reranker = await upr(model, { maxQueryTokens: 4, maxDocumentTokens: 6 })
    const [ranking] = await reranker.rerank([rankingOf(query, ["one passage", "another one"])])
    // The query's text counts beside those of the documents.
    expect(ranking!.warnings).toEqual([{ code: "truncated", count: 3, ids: ["q-0", "q-1"] }])
    const first = model.read.filter((text) => text.includes("one pa"))
    expect(Math.max(...first.map(({ length }) => length)) - Math.min(...first.map(({ length }) => length))).toBe(3)
  })
})
