import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  first,
  rankGpt,
  rankVicuna,
  rankZephyr,
  reasonRank,
  strictOrder,
  tourRank,
} from "../../../rerankers/listwise/index.js"
import { readSelection } from "../../../rerankers/listwise/tour-rank.js"
import { loadPrompt } from "../../../rerankers/prompts/index.js"
import { emptyRanking, Random, type Ranking } from "../../../src/core/index.js"
import type { Message } from "../../../src/models/index.js"
import { taskOf } from "./judges.js"
import { messagesOf, scriptedModel, shownIn } from "./scripted-model.js"

const rankingOf = (count: number, id = "q"): Ranking => ({
  ...emptyRanking({ id, text: "owls" }, "bm25"),
  hits: taskOf(count).hits,
})
const idsOf = ({ hits }: Ranking) => hits.map(({ id }) => id)
const ranks = new Random(3, "truth").shuffle(Array.from({ length: 100 }, (_, at) => at))
const best = (count: number) =>
  Array.from({ length: count }, (_, at) => at)
    .sort((a, b) => ranks[a]! - ranks[b]!)
    .map((at) => `d${at}`)

/** The labels of what is shown, the truly best first. */
const truth = (messages: readonly Message[]) =>
  [...shownIn(messages)].sort(([, a], [, b]) => ranks[a]! - ranks[b]!).map(([label]) => label)
const brackets = (labels: readonly string[]) => labels.map((label) => `[${label}]`).join(" > ")
const inTags = (messages: readonly Message[]) => `<think>[1]? no</think> <answer>${brackets(truth(messages))}</answer>`
const asked = (messages: readonly Message[]) => Number(/Name exactly (\d+)/.exec(messages.at(-1)!.content)?.[1])

const byLetters = (messages: readonly Message[], candidates: readonly (string | number)[]) => {
  const shown = shownIn(messages)
  return candidates.map((letter) => -(ranks[shown.get(String(letter)) ?? 0] ?? 0))
}

describe.each([
  ["rankGpt", rankGpt, (messages: readonly Message[]) => brackets(truth(messages))],
  ["rankZephyr", rankZephyr, (messages: readonly Message[]) => brackets(truth(messages))],
  ["rankVicuna", rankVicuna, (messages: readonly Message[]) => brackets(truth(messages))],
  ["reasonRank", reasonRank, inTags],
] as const)("%s", (_, method, write) => {
  it("orders a hundred documents in nine calls", async () => {
    const model = scriptedModel({ write })
    const [ranked] = await (await method(model)).rerank([rankingOf(100)])
    expect(idsOf(ranked!).slice(0, 10)).toEqual(best(100).slice(0, 10))
    expect(ranked!.usage).toMatchObject({ calls: 9, repaired: 0 })
    expect(ranked).toMatchObject({ status: "ranked", scoreKind: "ordinal", warnings: [] })
    expect(shownIn(messagesOf(model.requests[0]!)).get("1")).toBe(80)
  })

  it("orders fewer documents than a window in one call", async () => {
    const model = scriptedModel({ write })
    const [ranked, single] = await (await method(model)).rerank([rankingOf(7), rankingOf(1, "single")])
    expect(idsOf(ranked!)).toEqual(best(7))
    expect(idsOf(single!)).toEqual(["d0"])
    expect(model.requests).toHaveLength(1)
  })

  it("says what it is", async () => {
    const reranker = await method(scriptedModel({ write }), { window: 10, step: 5, passes: 2, maxDocumentTokens: 60 })
    const { promptHash, ...said } = reranker.describe()
    expect(promptHash).toMatch(/^[0-9a-f]{16}$/)
    expect(said).toMatchObject({
      name: reranker.name,
      method: reranker.name,
      model: "scripted",
      fingerprint: "scripted-1",
      window: 10,
      step: 5,
      passes: 2,
      maxDocumentTokens: 60,
    })
  })

  it("refuses windows without sense before anything is asked", async () => {
    await expect(method(scriptedModel({ write }), { window: 1 })).rejects.toMatchObject({ code: "argument" })
  })
})

describe("the conversation of RankGPT", () => {
  it("shows a document in each turn and asks at its end", async () => {
    const model = scriptedModel({ write: () => "[2] > [1]" })
    const [ranked] = await (await rankGpt(model)).rerank([rankingOf(2)])
    expect(idsOf(ranked!)).toEqual(["d1", "d0"])
    const { temperature, maxTokens } = model.requests[0]!
    expect({ temperature, maxTokens }).toEqual({ temperature: 0, maxTokens: 200 })
    const messages = messagesOf(model.requests[0]!)
    expect(messages.map(({ role }) => role).join(" ")).toBe("system user assistant user assistant user assistant user")
    expect(messages.slice(3, 7).map(({ content }) => content)).toEqual([
      "[1] text 0",
      "Received passage [1].",
      "[2] text 1",
      "Received passage [2].",
    ])
    expect(messages[7]!.content).toContain("owls")
  })

  it("shows three hundred words of a document, and says so", async () => {
    const model = scriptedModel({ write: () => "[2] > [1]" })
    const ranking = rankingOf(2)
    const long = { ...ranking.hits[0]!, document: { id: "d0", text: "word ".repeat(301) } }
    const [ranked] = await (await rankGpt(model)).rerank([{ ...ranking, hits: [long, ranking.hits[1]!] }])
    expect(messagesOf(model.requests[0]!)[3]!.content).toBe(`[1]${" word".repeat(300)}`)
    expect(ranked!.warnings).toEqual([{ code: "truncated", count: 1, ids: ["d0"] }])
  })

  it("leaves room for as long an answer as the window needs", async () => {
    const model = scriptedModel({ write: () => "" })
    await (await rankGpt(model, { window: 10 })).rerank([rankingOf(3)])
    expect(model.requests[0]!.maxTokens).toBe(100)
  })
})

describe("ReasonRank", () => {
  const three = async (write: string) => {
    const [ranked] = await (await reasonRank(scriptedModel({ write: () => write }))).rerank([rankingOf(3)])
    return { ids: idsOf(ranked!).join(" "), repaired: ranked!.usage.repaired }
  }

  it.each([
    ["<think>a [1]</think> <answer>[3] > [1] > [2]</answer>", "d2 d0 d1", 0],
    ["<think>a</think> <answer>[3] > [1]", "d2 d0 d1", 1],
    ["<think>I write <answer>[1]</answer></think><answer>3, 2, 1</answer>", "d2 d1 d0", 0],
    ["<think>first [2] then [1]", "d1 d0 d2", 1],
    ["<answer>[3] > [3] > [9] > [2] > [1]</answer>", "d2 d1 d0", 1],
    ["<answer>[٣] > [2]</answer>", "d1 d0 d2", 1],
    ["", "d0 d1 d2", 1],
  ])("reads %j as %s", async (written, ids, repaired) => {
    expect(await three(written)).toEqual({ ids, repaired })
  })

  it("asks models that think by themselves another way", async () => {
    const model = scriptedModel({ write: inTags })
    await (await reasonRank(model, { variant: "qwen3" })).rerank([rankingOf(4)])
    await (await reasonRank(model)).rerank([rankingOf(4)])
    const [qwen3, qwen25] = model.requests
    expect(qwen3).toMatchObject({ temperature: 0.6, topP: 0.95, topK: 20, maxTokens: 3172 })
    expect(qwen25).toMatchObject({ temperature: 0, maxTokens: 3172 })
    expect(messagesOf(qwen3!)[0]!.content).not.toContain("<think>")
    expect(messagesOf(qwen25!)[0]!.content).toContain("<think>")
  })

  it("is strict where rewards are", async () => {
    const prompt = await loadPrompt("reason-rank")
    const strict = (completion: string) => strictOrder(prompt, completion, 3)
    expect(strict("<think>x</think>\n<answer> [3] > [1] > [2] </answer>")).toEqual({ kind: "order", order: [2, 0, 1] })
    for (const list of ["[3] > [1]", "[3] > [1] > [1]", "[3] > [1] > [4]", "[0] > [1] > [2]"])
      expect(strict(`<think>x</think> <answer>${list}</answer>`)).toEqual({ kind: "invalid-list" })
    for (const completion of [
      "[3] > [1] > [2]",
      "<answer>[3] > [1] > [2]</answer>",
      "<think>x</think> <answer>3 > 1 > 2</answer>",
      "<think>x</think> <answer>[3] > [1] > [2]</answer> Done.",
    ])
      expect(strict(completion)).toEqual({ kind: "invalid-format" })
  })
})

describe("FIRST", () => {
  it("orders windows by the letters' scores, without a word written", async () => {
    const model = scriptedModel({ score: byLetters })
    const [ranked] = await (await first(model)).rerank([rankingOf(100)])
    expect(idsOf(ranked!).slice(0, 10)).toEqual(best(100).slice(0, 10))
    expect(ranked!.usage).toMatchObject({ calls: 9, completionTokens: 0, repaired: 0 })
    const { input, candidates } = model.scored[0]!
    expect(candidates.join("")).toBe("ABCDEFGHIJKLMNOPQRST")
    expect([...shownIn(messagesOf(input)).keys()].join("")).toBe("ABCDEFGHIJKLMNOPQRST")
    expect(input).toMatchObject({ prefill: "[" })
  })

  it("appends letters that an endpoint does not name, in the order shown", async () => {
    const none = Number.NEGATIVE_INFINITY
    const model = scriptedModel({ score: () => [none, -2, none, -1, none], without: ["prefill"] })
    const [ranked] = await (await first(model, { window: 5 })).rerank([rankingOf(5)])
    expect(idsOf(ranked!)).toEqual(["d3", "d1", "d0", "d2", "d4"])
    expect(ranked!.usage.repaired).toBe(1)
    expect(model.scored[0]!.input).not.toHaveProperty("prefill")
    // Of a shorter window the letters beyond it do not count.
    const [short] = await (
      await first(scriptedModel({ score: () => [-2, -1, none, none, none] }), { window: 5 })
    ).rerank([rankingOf(2)])
    expect(idsOf(short!)).toEqual(["d1", "d0"])
    expect(short!.usage.repaired).toBe(0)
  })

  it("refuses what cannot be done", async () => {
    await expect(first(scriptedModel({}), { window: 27 })).rejects.toMatchObject({ code: "argument" })
    await expect(first(scriptedModel({ without: ["scoreTokens"] }))).rejects.toMatchObject({ code: "model" })
    const broken = await first(scriptedModel({ score: () => new Array(20).fill(Number.NaN) }))
    await expect(broken.rerank([rankingOf(3)])).rejects.toMatchObject({ code: "model" })
  })
})

describe("TourRank", () => {
  const choose = (messages: readonly Message[]) =>
    truth(messages)
      .slice(0, asked(messages))
      .map((label) => `Document ${label}`)
      .join(", ")

  it("asks thirteen times about a hundred documents", async () => {
    const model = scriptedModel({ write: choose })
    const [ranked] = await (await tourRank(model)).rerank([rankingOf(100)])
    expect(ranked!.usage).toMatchObject({ calls: 13, repaired: 0 })
    expect(new Set(idsOf(ranked!).slice(0, 2))).toEqual(new Set(best(100).slice(0, 2)))
    expect(ranked!.hits.slice(0, 2).map(({ score }) => score)).toEqual([5, 5])
    expect(messagesOf(model.requests[0]!).map(({ role }) => role)).toHaveLength(3 + 2 * 20 + 1)
  })

  it("shuffles by the seed alone", async () => {
    const shownFirst = async (seed: number) => {
      const model = scriptedModel({ write: choose })
      await (await tourRank(model)).rerank([rankingOf(100)], { seed })
      return [...shownIn(messagesOf(model.requests[0]!)).values()]
    }
    expect(await shownFirst(1)).toEqual(await shownFirst(1))
    expect(await shownFirst(1)).not.toEqual(await shownFirst(2))
  })

  it.each([
    ["Document 3, Document 1", [2, 0], false],
    ["document [3], Document 1.", [2, 0], false],
    ["3, 1", [2, 0], false],
    ["Of these 4 documents: Document 2 and Document 4", [1, 3], false],
    ["Document 3, Document 3, Document 1", [2, 0], true],
    ["Document 9, Document 1", [0], true],
    ["Document 3, Document 1, Document 2", [2, 0], true],
    ["none", [], true],
  ])("reads %j as %j", async (written, selected, malformed) => {
    const read = readSelection(await loadPrompt("tour-rank"), written, { documents: [5, 6, 7, 8], count: 2 })
    expect(read).toEqual({ answer: { selected }, ...(malformed ? { malformed } : {}) })
  })
})

describe("any listwise method", () => {
  const words = fc.oneof(
    fc.string(),
    fc
      .array(
        fc.oneof(
          fc.integer({ min: -3, max: 40 }).map((n) => `[${n}]`),
          fc.constantFrom(" > ", "<answer>", "</answer>", "<think>", "Document ", ", "),
        ),
      )
      .map((parts) => parts.join("")),
  )

  it("loses nothing, doubles nothing and throws nothing whatever a model writes", async () => {
    const methods = [rankGpt, rankZephyr, reasonRank, tourRank]
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(words),
        fc.nat(45),
        fc.constantFrom(...methods),
        async (stream, count, method) => {
          const reranker = await method(scriptedModel({ write: () => stream.next().value }))
          const [ranked] = await reranker.rerank([rankingOf(count)])
          expect(idsOf(ranked!).sort()).toEqual(idsOf(rankingOf(count)).sort())
        },
      ),
    )
  })

  it("ends at a budget with everything in place", async () => {
    const model = scriptedModel({ write: (messages) => brackets(truth(messages)) })
    const [ranked] = await (await rankGpt(model)).rerank([rankingOf(100)], { budget: { maxCalls: 3 } })
    expect(ranked).toMatchObject({ status: "partial", usage: { calls: 3 } })
    expect(idsOf(ranked!).slice(0, 60)).toEqual(idsOf(rankingOf(60)))
    const lastFour = Array.from({ length: 40 }, (_, at) => `d${60 + at}`)
    const tops = lastFour.sort((a, b) => ranks[Number(a.slice(1))]! - ranks[Number(b.slice(1))]!).slice(0, 10)
    expect(idsOf(ranked!).slice(60, 70)).toEqual(tops)
  })

  it("streams better and better rankings", async () => {
    const model = scriptedModel({ write: (messages) => brackets(truth(messages)) })
    const places: number[] = []
    let last: Ranking | undefined
    for await (const ranking of (await rankZephyr(model)).stream([rankingOf(100)])) {
      places.push(idsOf(ranking).indexOf(best(100)[0]!))
      last = ranking
    }
    expect(last!.final).toBe(true)
    expect(places).toHaveLength(9)
    expect(places.at(-1)).toBe(0)
    expect(places).toEqual([...places].sort((a, b) => b - a))
  })
})
