import { existsSync, readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { TextPair } from "../../../src/models/pair-scorer.js"
import { probePairs } from "../../../src/models/probe.js"
import { loadMonoT5 } from "../../../src/models/t5/monot5.js"
import { promptReader } from "../../../src/models/t5/prompt.js"
import { loadRankT5 } from "../../../src/models/t5/rankt5.js"
import { loadTokenizer } from "../../../src/models/tokenizer.js"
import { writeModel } from "./weights.js"

interface Expected {
  readonly ids: number[]
  readonly truncated: boolean
  readonly score: number
}
interface Run {
  readonly name: string
  readonly tokenizer: "small" | "t5-small"
  readonly config: Record<string, unknown>
  readonly maxLength: number
  readonly tensors: Record<string, number[]>
  readonly cases: { query: string; document: string; monot5: Expected; rankt5: Expected }[]
}

const fixtures = join(import.meta.dirname, "fixtures")
const runs = JSON.parse(readFileSync(join(fixtures, "rerankers.json"), "utf8")) as Run[]
const tokenizers = {
  small: fixtures,
  "t5-small": join(import.meta.dirname, "../../../../shared/models/_tokenizers-configs/t5-small"),
}
const noRuntime = !installed("onnxruntime-node")
const loaders = { monot5: loadMonoT5, rankt5: loadRankT5 }
const templates = {
  monot5: "Query: {query} Document: {document} Relevant:",
  rankt5: "Query: {query} Document: {document}",
}

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "rankine-t5-"))
})
afterAll(() => rm(root, { recursive: true, force: true }))

describe.each(runs)("$name", ({ name, tokenizer, config, maxLength, tensors, cases }) => {
  const absent = !existsSync(join(tokenizers[tokenizer], "tokenizer.json"))

  it.skipIf(absent).each(["monot5", "rankt5"] as const)(
    "%s: prompts have transformers' tokens, cut or not",
    async (kind) => {
      const read = promptReader(await loadTokenizer(tokenizers[tokenizer]), templates[kind], maxLength)
      const rows = cases.map(read)
      expect(rows).toEqual(cases.map((each) => ({ ids: each[kind].ids, truncated: each[kind].truncated })))
      expect(rows.map(({ truncated }) => truncated)).toContain(true)
      expect(rows.map(({ truncated }) => truncated)).toContain(false)
    },
  )

  it.skipIf(absent || noRuntime).each(["monot5", "rankt5"] as const)("%s: scores are torch's", async (kind) => {
    const folder = join(root, name)
    await writeModel(folder, config, tensors, tokenizers[tokenizer])
    const expected = cases.map((each) => each[kind])
    const indices = expected.flatMap(({ truncated }, index) => (truncated ? [index] : []))
    const lengths = expected.map(({ ids }) => ids.length)
    for (const attention of ["fused", "standard"] as const) {
      await using model = await loaders[kind](folder, { device: "cpu", maxLength, attention })
      const { scores, truncated, tokens, ...rest } = await model.score(cases)
      for (const [index, { score }] of expected.entries()) expect(Math.abs(scores[index] - score)).toBeLessThan(2e-5)
      expect(truncated).toEqual(indices)
      expect(rest.lengths).toEqual(lengths)
      expect(tokens).toBe(lengths.reduce((sum, length) => sum + length, 0))
      expect(model.scoreKind).toBe(kind === "monot5" ? "probability" : "logit")
      for (const [index, pair] of cases.entries())
        expect(Math.abs((await model.score([pair])).scores[0] - scores[index])).toBeLessThan(1e-5)
    }
  })
})

describe("prompts", () => {
  const words = async (ids: readonly number[]) => {
    const { tokenOf } = await loadTokenizer(fixtures)
    return ids.map(tokenOf)
  }

  it("keeps the words behind a long document", async () => {
    const tokenizer = await loadTokenizer(fixtures)
    const read = promptReader(tokenizer, templates.monot5, 30)
    const { ids, truncated } = read({ query: "penguins", document: "fish ".repeat(10_000) }, 0)
    expect(truncated).toBe(true)
    expect(ids.length).toBe(30)
    const suffix = tokenizer.encode("Relevant:").ids
    expect(ids.slice(-suffix.length)).toEqual(suffix)
    expect((await words(ids)).at(-1)).toBe("</s>")
  })

  it("keeps them behind a long query too, and in templates of another order", async () => {
    const tokenizer = await loadTokenizer(fixtures)
    const read = promptReader(tokenizer, "Document: {document} Query: {query} Relevant:", 30)
    const suffix = tokenizer.encode("Relevant:").ids
    const query = tokenizer.encode("penguins eat fish", { special: false }).ids
    const cut = read({ query: "penguins eat fish", document: "steam ".repeat(99) }, 0)
    expect(cut.ids.slice(-suffix.length - query.length)).toEqual([...query, ...suffix])
    const long = read({ query: "penguins ".repeat(99), document: "steam" }, 0)
    expect(long.truncated).toBe(true)
    expect(long.ids.slice(-suffix.length)).toEqual(suffix)
    expect(long.ids.length).toBe(30)
  })

  it("refuses what is no template, leaves no room, or is no text", async () => {
    const tokenizer = await loadTokenizer(fixtures)
    for (const template of [
      "Query: {query}",
      "{query} {query} {document}",
      "Query:{query} {document}",
      "{document}? {query}",
    ])
      expect(() => promptReader(tokenizer, template, 100), template).toThrow(/template/)
    for (const maxLength of [5, 40.5, Number.NaN])
      expect(() => promptReader(tokenizer, templates.monot5, maxLength)).toThrow(/maxLength/)
    const read = promptReader(tokenizer, templates.monot5, 100)
    expect(() => read({ query: "a", document: undefined as unknown as string }, 3)).toThrow(/document of pair 3/)
  })
})

describe.skipIf(noRuntime)("loading", () => {
  const { config, tensors } = runs[0]
  const write = async (name: string, change?: (tensor: string, values: Float32Array) => Float32Array) => {
    const folder = join(root, name)
    await writeModel(folder, config, tensors, fixtures, change)
    return folder
  }

  it("refuses answers that are not one token each", async () => {
    const folder = await write("answers")
    await expect(loadMonoT5(folder, { answers: ["true", "falsehood"] })).rejects.toThrow(
      /"falsehood" must be one token/,
    )
    await expect(loadMonoT5(folder, { answers: ["true", "ψ"] })).rejects.toThrow(/"ψ" must be one token/)
    await expect(loadMonoT5(folder, { answers: ["true", "true"] })).rejects.toThrow(/same token/)
    await expect(loadRankT5(folder, { answer: "<extra_id_11>" })).rejects.toThrow(/must be one token/)
  })

  it("refuses a model that cannot tell pairs apart, and one that gives no numbers", async () => {
    const deaf = await write("deaf", (name, values) => (name.includes("EncDecAttention.o") ? values.fill(0) : values))
    await expect(loadMonoT5(deaf, { device: "cpu" })).rejects.toMatchObject({ code: "model" })
    await expect(loadRankT5(deaf, { device: "cpu" })).rejects.toThrow(/alike/)
    const broken = await write("broken", (name, values) =>
      name === "decoder.final_layer_norm.weight" ? values.fill(Number.NaN) : values,
    )
    await expect(loadMonoT5(broken, { device: "cpu" })).rejects.toThrow(/NaN/)
  })

  it("refuses a score that is no number, naming the pair", async () => {
    const tokenizer = await loadTokenizer(fixtures)
    const tokensOf = ({ query, document }: TextPair) => tokenizer.encode(`${query} ${document}`).ids
    const known = new Set(probePairs.flatMap(tokensOf))
    const pairs = runs[0].cases
    const bad = pairs.findIndex((pair) => tokensOf(pair).some((id) => !known.has(id)))
    const id = tokensOf(pairs[bad]).find((token) => !known.has(token))!
    const width = tensors["shared.weight"][1]
    const folder = await write("hole", (name, values) =>
      name === "shared.weight" ? values.fill(Number.NaN, id * width, (id + 1) * width) : values,
    )
    await using model = await loadMonoT5(folder, { device: "cpu" })
    await expect(model.score(pairs)).rejects.toMatchObject({ code: "model", details: { pair: bad } })
  })

  it("gives a pair the same score alone and in a batch in other precisions too, and nearly that of fp32", async () => {
    const folder = await write("precise")
    const pairs = runs[0].cases
    for (const [precision, near] of [
      ["fp16", 0.005],
      ["int8", 0.1],
      ["int8-weights", 0.1],
    ] as const) {
      await using model = await loadMonoT5(folder, { device: "cpu", maxLength: runs[0].maxLength, precision })
      const { scores } = await model.score(pairs)
      for (const [index, pair] of pairs.entries()) {
        expect(Math.abs((await model.score([pair])).scores[0] - scores[index]), precision).toBeLessThan(1e-5)
        expect(Math.abs(scores[index] - pair.monot5.score), precision).toBeLessThan(near)
      }
      expect(Math.max(...scores.map((score, index) => Math.abs(score - pairs[index].monot5.score)))).toBeGreaterThan(
        1e-6,
      )
    }
  })

  it("has another fingerprint for other words, lengths and weights", async () => {
    const folder = await write("plain")
    const other = await write("other", (name, values) => (name === "shared.weight" ? values.reverse() : values))
    const prints = new Set<string>()
    for (const load of [
      () => loadMonoT5(folder, { device: "cpu" }),
      () => loadRankT5(folder, { device: "cpu" }),
      () => loadMonoT5(folder, { device: "cpu", maxLength: 100 }),
      () => loadMonoT5(folder, { device: "cpu", answers: ["false", "true"] }),
      () => loadMonoT5(folder, { device: "cpu", template: "Query: {query} Document: {document} true:" }),
      () => loadMonoT5(folder, { device: "cpu", precision: "int8" }),
      () => loadMonoT5(other, { device: "cpu" }),
    ]) {
      await using model = await load()
      prints.add(model.fingerprint)
    }
    expect(prints.size).toBe(7)
    await using again = await loadMonoT5(folder, { device: "cpu" })
    expect(prints).toContain(again.fingerprint)
  })

  it("finds the answers' tokens", async () => {
    const folder = await write("answers-only")
    await using model = await loadMonoT5(folder, { device: "cpu", answers: ["true", "false"] })
    const tokenizer = await loadTokenizer(folder)
    expect(model.answerIds).toEqual(["▁true", "▁false"].map((token) => tokenizer.idOf(token)))
  })

  it("stops when it is told to", async () => {
    await using model = await loadMonoT5(await write("stopped"), { device: "cpu" })
    const pairs = Array.from({ length: 500 }, () => ({ query: "penguins", document: "fish" }))
    const controller = new AbortController()
    const scoring = model.score(pairs, { signal: controller.signal })
    controller.abort()
    await expect(scoring).rejects.toMatchObject({ code: "aborted" })
  })
})
