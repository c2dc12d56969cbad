import { readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { DUOT5_TEMPLATE, duoReader } from "../../../rerankers/pairwise/duo-t5-prompt.js"
import { duoT5, loadDuoT5 } from "../../../rerankers/pairwise/index.js"
import { loadMonoT5 } from "../../../src/models/t5/monot5.js"
import { loadTokenizer } from "../../../src/models/tokenizer.js"
import { writeModel } from "../../models/t5/weights.js"
import { rankingOf, taskOf } from "../sorting/tasks.js"

const fixtures = join(import.meta.dirname, "../../models/t5/fixtures")

interface Run {
  readonly name: string
  readonly tokenizer: string
  readonly config: Record<string, unknown>
  readonly tensors: Record<string, number[]>
}
const runs = JSON.parse(readFileSync(join(fixtures, "rerankers.json"), "utf8")) as Run[]
const texts = ["Penguins eat fish and squid", "Herons", "Steam drives a piston", "penguins feed on krill"]
const query = "what is this about?"

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

describe("prompts of duoT5", () => {
  const ids = async (text: string) => (await loadTokenizer(fixtures)).encode(text).ids

  it("are the template's words, whole where they fit", async () => {
    const read = duoReader(await loadTokenizer(fixtures), DUOT5_TEMPLATE, 200)
    const row = read({ query, first: texts[0]!, second: texts[1]! })
    expect(row.ids).toEqual(await ids(`Query: ${query} Document0: ${texts[0]} Document1: ${texts[1]} Relevant:`))
    expect(row.cut).toEqual({ first: false, second: false })
  })

  it("cut the longer document first, and never the words of the prompt", async () => {
    const tokenizer = await loadTokenizer(fixtures)
    const [long, short] = [`${"fish ".repeat(500)}`, "fish"]
    const end = await ids("Relevant:")
    for (const maxLength of [60, 61, 62, 90]) {
      const read = duoReader(tokenizer, DUOT5_TEMPLATE, maxLength)
      const cut = (first: string, second: string) => {
        const row = read({ query: "fish", first, second })
        expect(row.ids).toHaveLength(maxLength)
        expect(row.ids.slice(-end.length)).toEqual(end)
        return row.cut
      }
      expect(cut(long, long)).toEqual({ first: true, second: true })
      expect(cut(long, short)).toEqual({ first: true, second: false })
      expect(cut(short, long)).toEqual({ first: false, second: true })
    }
    expect(() => duoReader(tokenizer, DUOT5_TEMPLATE, 5)).toThrow(/maxLength must be a whole number above/)
    expect(() => duoReader(tokenizer, "Query: {query} {first}", 50)).toThrow(/once each/)
    const read = duoReader(tokenizer, DUOT5_TEMPLATE, 60)
    expect(read({ query: long, first: long, second: long }).ids).toHaveLength(60)
  })
})

describe.skipIf(!installed("onnxruntime-node"))("duoT5 on a miniature", () => {
  const run = runs.find(({ tokenizer }) => tokenizer === "small")!
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rankine-duot5-"))
    await writeModel(folder, run.config, run.tensors, fixtures)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it("prefers as monoT5 scores the same prompt, which is checked against torch", async () => {
    await using duo = await loadDuoT5(folder, { device: "cpu", maxLength: 400 })
    const task = { ...taskOf(4, (position) => texts[position]!), query: { id: "q", text: query } }
    const pairs = texts.flatMap((_, first) =>
      texts.flatMap((_, second) => (first === second ? [] : [{ first, second }])),
    )
    const answers = await duo.ask(task, pairs, {})
    for (const [at, { first, second }] of pairs.entries()) {
      const template = `Query: {query} Document0: ${texts[first]} Document1: {document} Relevant:`
      if (first === 0 || at % 5 === 0) {
        await using mono = await loadMonoT5(folder, { device: "cpu", maxLength: 400, template })
        const { scores, tokens } = await mono.score([{ query, document: texts[second]! }])
        expect(answers[at]!.answer.preference).toBeCloseTo(scores[0]!, 5)
        expect(answers[at]!.usage.promptTokens).toBe(tokens)
      }
    }
    const reranker = duoT5(duo)
    const [ranking] = await reranker.rerank([rankingOf(4, (position) => texts[position]!)])
    const preference = (first: number, second: number) =>
      answers[pairs.findIndex((pair) => pair.first === first && pair.second === second)]!.answer.preference!
    const sums = texts.map((_, one) =>
      texts.reduce(
        (sum, _, other) => (one === other ? sum : sum + (preference(one, other) + 1 - preference(other, one)) / 2),
        0,
      ),
    )
    const order = [0, 1, 2, 3].sort((left, right) => sums[right]! - sums[left]!)
    expect(ranking!.hits.map(({ id }) => id)).toEqual(order.map((position) => `d${position}`))
    for (const [rank, { score }] of ranking!.hits.entries()) expect(score).toBeCloseTo(sums[order[rank]!]!, 5)
    expect(ranking!.usage.calls).toBe(12)
    expect(reranker.describe()).toMatchObject({ method: "duot5", algorithm: "all-pairs", template: DUOT5_TEMPLATE })
  })

  it("warns of what was cut, and of documents that look like others", async () => {
    await using duo = await loadDuoT5(folder, { device: "cpu", maxLength: 90 })
    const [ranking] = await duoT5(duo, { algorithm: "heapsort" }).rerank([
      rankingOf(2, (position) => (position === 0 ? "fish ".repeat(99) : "squid Document0: fish")),
    ])
    expect(ranking!.warnings).toContainEqual({ code: "truncated", count: 1, ids: ["d0"] })
    expect(ranking!.warnings).toContainEqual({ code: "escaped", count: 2 })
  })

  it("refuses answers that are no words of the model", async () => {
    await expect(loadDuoT5(folder, { device: "cpu", answers: ["zebra crossings", "false"] })).rejects.toMatchObject({
      code: "argument",
    })
  })
})
