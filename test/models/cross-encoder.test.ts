import { existsSync } from "node:fs"
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type CrossEncoder, type CrossEncoderOptions, loadCrossEncoder } from "../../src/models/cross-encoder.js"
import type { TextPair } from "../../src/models/pair-scorer.js"
import { cutPassages } from "../../src/models/passages.js"
import { refuseConstantScores } from "../../src/models/probe.js"
import { tokenizePairs } from "../../src/models/tokenize-pairs.js"
import type { Tokenizer } from "../../src/models/tokenizer.js"
import golden from "./fixtures/cross-encoder.json" with { type: "json" }
import {
  type LittleOptions,
  safetensors,
  specialTokens,
  writeLittleModel,
  writeTokenizer,
} from "./fixtures/little-models.js"

const tiny = join(import.meta.dirname, "../../../shared/models/tiny")
const minilm = join(process.env.RANKINE_MODELS || join(homedir(), ".cache/rankine/models"), "all-MiniLM-L6-v2")
const missing = !installed("onnxruntime-node")

function installed(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "rankine-cross-encoder-"))
})
afterAll(() => rm(place, { recursive: true, force: true }))

let folders = 0
async function little(options: LittleOptions = {}): Promise<string> {
  const folder = join(place, `little-${folders++}`)
  await writeLittleModel(folder, golden.little, options)
  return folder
}
const load = (folder: string, options: CrossEncoderOptions = {}): Promise<CrossEncoder> =>
  loadCrossEncoder(folder, { device: "cpu", ...options })
const asPairs = (pairs: readonly string[][]): TextPair[] =>
  pairs.map(([query, document]) => ({ query: query!, document: document! }))
const words = (count: number, first = 0): string =>
  Array.from({ length: count }, (_, at) => `w${4 + ((first + 7 * at) % 60)}`).join(" ")

function expectClose(ours: readonly number[], theirs: readonly number[], tolerance: number): void {
  expect(ours.length).toBe(theirs.length)
  ours.forEach((value, at) => {
    expect(Math.abs(value - theirs[at]!), `${value} and ${theirs[at]} at ${at}`).toBeLessThan(tolerance)
  })
}

describe.skipIf(missing)("loadCrossEncoder", () => {
  const pairs = asPairs(golden.little.pairs)

  it("scores as sentence-transformers does: a sigmoid over one label", async () => {
    await using model = await load(await little())
    expect(model).toMatchObject({ activation: "sigmoid", scoreKind: "probability", maxLength: 48 })
    expect(model.label).toEqual({ index: 0, name: "LABEL_0" })
    const { scores, truncated, tokens, lengths } = await model.score(pairs)
    expectClose(scores, golden.little.labels["1"].scores, 1e-6)
    expect(truncated).toEqual([4])
    expect(lengths).toEqual([3 + 5 + 3, 3 + 1 + 3, 5 + 30 + 3, 1 + 12 + 3, 48])
    expect(tokens).toBe(lengths.reduce((sum, length) => sum + length, 0))
  })

  it("takes the activation from wherever the model's files name it", async () => {
    const identity = "torch.nn.modules.linear.Identity"
    const sigmoid = "torch.nn.modules.activation.Sigmoid"
    const logits = golden.little.labels["1"].logits.flat()
    for (const config of [
      { sbert_ce_default_activation_function: identity },
      { sentence_transformers: { activation_fn: identity, version: "4.0.1" } },
      { sentence_transformers: { activation_fn: identity }, sbert_ce_default_activation_function: sigmoid },
    ]) {
      await using model = await load(await little({ config }))
      expect(model).toMatchObject({ activation: "identity", scoreKind: "logit" })
      expectClose((await model.score(pairs)).scores, logits, 1e-6)
    }
    const folder = await little({ config: { sbert_ce_default_activation_function: sigmoid } })
    await writeFile(join(folder, "config_sentence_transformers.json"), JSON.stringify({ activation_fn: identity }))
    await using newest = await load(folder)
    expect(newest.activation).toBe("identity")
    await using overridden = await load(folder, { activation: "sigmoid" })
    expectClose((await overridden.score(pairs)).scores, golden.little.labels["1"].scores, 1e-6)
    const unknown = await little({ config: { sentence_transformers: { activation_fn: "my.own.Squash" } } })
    await expect(load(unknown)).rejects.toMatchObject({
      code: "model",
      message: expect.stringMatching(/my\.own\.Squash.*give activation/),
    })
    await using chosen = await load(unknown, { activation: "identity" })
    expect(chosen.scoreKind).toBe("logit")
  })

  it("gives the probability of the positive one of two labels, by name or as the second", async () => {
    const soft = golden.little.labels["2"].softmax
    const second = soft.map(([, value]) => value!)
    const first = soft.map(([value]) => value!)
    for (const [id2label, wanted, index] of [
      [undefined, second, 1],
      [{ 0: "LABEL_0", 1: "LABEL_1" }, second, 1],
      [{ 0: "Relevant", 1: "not_relevant" }, first, 0],
    ] as const) {
      await using model = await load(await little({ labels: 2, config: id2label ? { id2label } : {} }))
      expect(model).toMatchObject({ activation: "softmax", scoreKind: "probability", label: { index } })
      expectClose((await model.score(pairs)).scores, wanted, 1e-6)
    }
    await expect(load(await little({ labels: 2, config: { id2label: { 0: "cat", 1: "dog" } } }))).rejects.toMatchObject(
      {
        code: "model",
        message: expect.stringContaining("cat, dog"),
      },
    )
  })

  it("refuses a model of more labels, such as NLI, until told which one counts", async () => {
    const folder = await little({
      labels: 3,
      config: {
        id2label: { 0: "contradiction", 1: "entailment", 2: "neutral" },
        sentence_transformers: { activation_fn: "torch.nn.modules.linear.Identity" },
      },
    })
    await expect(load(folder)).rejects.toMatchObject({
      code: "model",
      message: expect.stringMatching(/contradiction, entailment, neutral.*label/),
    })
    await using model = await load(folder, { label: "Entailment" })
    expectClose(
      (await model.score(pairs)).scores,
      golden.little.labels["3"].softmax.map((row) => row[1]!),
      1e-6,
    )
    await using logit = await load(folder, { label: 2, activation: "identity" })
    expectClose(
      (await logit.score(pairs)).scores,
      golden.little.labels["3"].logits.map((row) => row[2]!),
      1e-6,
    )
    const several = await little({ labels: 3, config: { problem_type: "multi_label_classification" } })
    await using apart = await load(several, { label: 0 })
    const sigmoids = golden.little.labels["3"].logits.map(([logit]) => 1 / (1 + Math.exp(-logit!)))
    expectClose((await apart.score(pairs)).scores, sigmoids, 1e-6)
    await expect(load(folder, { label: "maybe" })).rejects.toMatchObject({ code: "argument" })
    await expect(load(folder, { label: 3 })).rejects.toMatchObject({ code: "argument" })
  })

  it("'the reranker is a no-op': softmax over one logit, which gives 1 for all, is refused", async () => {
    const softmax = { sentence_transformers: { activation_fn: "torch.nn.modules.activation.Softmax" } }
    for (const refused of [load(await little({ config: softmax })), load(await little(), { activation: "softmax" })])
      await expect(refused).rejects.toMatchObject({
        code: "model",
        message: expect.stringMatching(/gives 1 for every pair.*sigmoid or identity/),
      })
  })

  it("'the reranker is a no-op': a model whose probe scores are equal, or saturate, is refused with what to do", async () => {
    const zero = (values: Float32Array) => values.map(() => 0)
    const huge = (values: Float32Array) => values.map((value) => value + 1000)
    for (const weights of [{ "classifier.weight": zero }, { "classifier.bias": huge }])
      await expect(load(await little({ weights }))).rejects.toMatchObject({
        code: "model",
        message: expect.stringMatching(/rerank nothing.*activation/),
      })
    const nan = (values: Float32Array) => values.map(() => Number.NaN)
    await expect(load(await little({ weights: { "classifier.weight": nan } }))).rejects.toMatchObject({
      code: "model",
      message: expect.stringContaining("NaN"),
    })
  })

  it("refuses a model that is none, and lengths that do not fit", async () => {
    const folder = await little()
    await expect(load(folder, { maxLength: 49 })).rejects.toMatchObject({ code: "argument" })
    await expect(load(folder, { maxLength: 3 })).rejects.toMatchObject({ code: "argument" })
    await expect(load(folder, { passages: { maxTokens: 2 } })).rejects.toMatchObject({ code: "argument" })
    await expect(load(folder, { passages: { maxTokens: 16, overlap: 16 } })).rejects.toMatchObject({ code: "argument" })
    await expect(load(join(place, "nowhere"))).rejects.toMatchObject({ code: "not-found" })
  })

  it("has a fingerprint that changes with weights, words, activation, length and windows, and with nothing else", async () => {
    const folder = await little()
    const bias = { "classifier.bias": (values: Float32Array) => values.map((value) => value + 0.25) }
    const prints: string[] = []
    for (const [at, options] of [
      [folder, {}],
      [folder, { activation: "identity" }],
      [folder, { maxLength: 40 }],
      [folder, { passages: {} }],
      [await little({ weights: bias }), {}],
      [await little({ config: { layer_norm_eps: 1e-5 } }), {}],
    ] as const) {
      await using model = await load(at, options)
      prints.push(model.fingerprint)
    }
    expect(new Set(prints).size).toBe(prints.length)
    await using copy = await load(await little(), { batch: { maxRows: 1 } })
    expect(copy.fingerprint).toBe(prints[0])
  })

  it("'silent truncation': only the document is cut, and what was cut is counted", async () => {
    await using model = await load(await little(), { maxLength: 20 })
    const query = words(6)
    const document = words(50, 3)
    const kept = document
      .split(" ")
      .slice(0, 20 - 3 - 6)
      .join(" ")
    const { scores, truncated, lengths } = await model.score([
      { query, document },
      { query, document: kept },
      { query: words(40), document },
      { query: words(40), document: "" },
      { query: words(17), document: "w9" },
    ])
    expect(scores[0]).toBeCloseTo(scores[1]!, 6)
    expect(lengths).toEqual([20, 20, 20, 20, 20])
    // A query that leaves no room, or is itself too long, counts too.
    expect(truncated).toEqual([0, 2, 3, 4])
  })

  it("'context overflow crashes': texts far longer than the model reads are cut, not passed on", async () => {
    await using model = await load(await little())
    const { scores, truncated } = await model.score([
      { query: words(5000), document: words(50_000) },
      { query: "", document: "" },
    ])
    expect(scores.every(Number.isFinite)).toBe(true)
    expect(truncated).toEqual([0])
  })

  it("'pair input is unclear': the two texts have their own token types and places", async () => {
    await using model = await load(await little())
    const { scores } = await model.score([
      { query: "w5 w6", document: "w7 w8" },
      { query: "w7 w8", document: "w5 w6" },
      { query: "w5 w6 w7", document: "w8" },
    ])
    expect(Math.abs(scores[0]! - scores[1]!)).toBeGreaterThan(1e-5)
    expect(Math.abs(scores[0]! - scores[2]!)).toBeGreaterThan(1e-5)
    for (const wrong of [
      { query: "w5", document: undefined },
      { query: 5, document: "w5" },
    ])
      await expect(model.score([wrong as unknown as TextPair])).rejects.toMatchObject({ code: "argument" })
    expect((await model.score([])).scores).toEqual([])
  })

  it("'scores vary with batch mates': a pair's score is the same alone and beside longer ones, within 1e-5", async () => {
    await using model = await load(await little(), { activation: "identity" })
    const many = Array.from({ length: 40 }, (_, at) => ({
      query: words(2 + (at % 5), at),
      document: words(1 + ((at * 7) % 38), at),
    }))
    const { scores } = await model.score(many)
    for (const [at, pair] of many.entries()) {
      const alone = await model.score([pair])
      expect(Math.abs(alone.scores[0]! - scores[at]!)).toBeLessThan(1e-5)
    }
    expect(Math.max(...scores) - Math.min(...scores)).toBeGreaterThan(1e-3)
  })

  it("'one forward for all', 'padding to the longest': requests are split by length and token budget", async () => {
    const padded: number[] = []
    const queue = { onBatch: (report: { padded: number }) => padded.push(report.padded) }
    await using model = await load(await little(), { batch: { maxTokens: 64, maxRows: 16 }, queue, workers: 1 })
    padded.length = 0
    const many = Array.from({ length: 30 }, (_, at) => ({ query: "w5", document: words(at % 10 === 0 ? 40 : 4, at) }))
    const done: number[] = []
    const { tokens } = await model.score(many, { onProgress: (event) => done.push(event.done) })
    expect(Math.max(...padded)).toBeLessThanOrEqual(64)
    // All in one would be 30 times 44; as it is, nothing is padded at all.
    expect(padded.reduce((sum, size) => sum + size, 0)).toBe(tokens)
    expect(tokens).toBe(3 * 44 + 27 * 8)
    expect(done.at(-1)).toBe(30)
  })

  it("takes requests of any size, in the caller's order", async () => {
    await using model = await load(await little())
    const many = Array.from({ length: 2100 }, (_, at) => ({
      query: "w5",
      document: words(at % 29 === 0 ? 60 : 1 + (at % 7), at),
    }))
    const { scores, truncated, lengths } = await model.score(many)
    expect(scores).toHaveLength(2100)
    expect(truncated).toEqual(many.flatMap((_, at) => (at % 29 === 0 ? [at] : [])))
    for (const at of [0, 1, 2046, 2047, 2048, 2049, 2099]) {
      const alone = await model.score([many[at]!])
      expect(Math.abs(alone.scores[0]! - scores[at]!)).toBeLessThan(1e-5)
      expect(alone.lengths[0]).toBe(lengths[at])
    }
  })

  it("stops when told, and does not run once disposed of", async () => {
    const model = await load(await little())
    await expect(model.score(pairs, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" })
    await model[Symbol.asyncDispose]()
    await expect(model.score(pairs)).rejects.toMatchObject({ name: "RankineError" })
  })
})

describe.skipIf(missing)("passages of long documents", () => {
  it("takes the best window's score, and says which window it was", async () => {
    const folder = await little()
    await using cutting = await load(folder, { activation: "identity" })
    await using reading = await load(folder, { activation: "identity", passages: { maxTokens: 12, overlap: 4 } })
    const query = words(3)
    const document = `  ${words(70, 5)} \n`
    const { scores, spans, truncated, lengths } = await reading.score([
      { query, document: "w7 w8" },
      { query, document },
    ])
    expect(truncated).toEqual([])
    expect(spans[0]).toBeUndefined()
    const list = document.trim().split(" ")
    // Windows of 12 words, each beginning 8 after the one before.
    const windows = Array.from({ length: Math.ceil((70 - 4) / 8) }, (_, at) =>
      list.slice(at * 8, at * 8 + 12).join(" "),
    )
    expect(lengths[1]).toBe(windows.reduce((sum, window) => sum + window.split(" ").length + 6, 0))
    const alone = (await cutting.score(windows.map((window) => ({ query, document: window })))).scores
    expect(scores[1]).toBeCloseTo(Math.max(...alone), 5)
    const best = windows[alone.indexOf(Math.max(...alone))]!
    expect(document.slice(...spans[1]!)).toBe(best)
  })

  it("cuts where the query leaves no room for windows, and counts it", async () => {
    await using model = await load(await little(), { passages: {} })
    const result = await model.score([
      { query: "w5", document: words(60) },
      { query: words(40), document: words(60) },
      { query: "w5", document: " ".repeat(5000) },
    ])
    expect(result.truncated).toEqual([1])
    expect(result.spans.map((span) => span !== undefined)).toEqual([true, false, false])
    expect(result.scores.every(Number.isFinite)).toBe(true)
  })
})

describe("tokenizePairs", () => {
  it("makes windows smaller until nothing is cut, where a window has more tokens than its pieces", async () => {
    // A token for each word, and one more for each space between words.
    const tokens = (text: string) => Math.max(0, 2 * text.trim().split(/\s+/).filter(Boolean).length - 1)
    const pair = (query: string, document: string, maxLength: number) => {
      const wanted = tokens(query) + tokens(document)
      const ids = new Array<number>(Math.min(wanted, maxLength)).fill(1)
      return { ids, typeIds: ids, truncated: wanted > maxLength, queryTruncated: false }
    }
    const tokenizer = {
      encode: (text: string) => ({ ids: new Array<number>(tokens(text)).fill(1), truncated: false }),
      encodePair: (query: string, document: string, { maxLength }: { maxLength: number }) =>
        pair(query, document, maxLength),
    } as unknown as Tokenizer
    const document = words(100)
    const { spans, truncated, rows } = await tokenizePairs(tokenizer, [{ query: "w5", document }], 0, 25, {
      overlap: 0,
    })
    expect(truncated).toEqual([])
    expect(spans.map((span) => document.slice(...span!)).join(" ")).toBe(document)
    for (const { ids } of rows) expect(ids.length).toBeLessThanOrEqual(25)
  })
})

describe("refuseConstantScores", () => {
  it("'the reranker is a no-op': refuses what looks at the query only", async () => {
    const byQuery = async (pairs: readonly TextPair[]) => pairs.map(({ query }) => query.length)
    await expect(refuseConstantScores("echo", byQuery)).rejects.toMatchObject({ code: "model" })
    const byDocument = async (pairs: readonly TextPair[]) => pairs.map(({ document }) => document.length)
    await expect(refuseConstantScores("length", byDocument)).resolves.toBeUndefined()
    await expect(refuseConstantScores("silent", async () => [])).rejects.toMatchObject({ code: "model" })
    const nearly = async (pairs: readonly TextPair[]) => pairs.map((_, at) => 1 + at * 1e-8)
    await expect(refuseConstantScores("rounding", nearly, "try this")).rejects.toThrow(/rerank nothing.*try this/)
  })
})

describe("cutPassages", () => {
  it("cuts scripts without spaces anywhere, and words only where they are longer than a window", () => {
    const snow = "雪国の夜は静かだ。".repeat(20)
    const spans = cutPassages(snow, 50, 10, (piece) => piece.length)
    expect(spans.map(([start]) => start)).toEqual([0, 40, 80, 120, 160].slice(0, spans.length))
    expect(spans.at(-1)![1]).toBe(snow.length)
    const address = `see https://example.org/${"x".repeat(300)} now`
    const parts = cutPassages(address, 64, 0, (piece) => piece.trim().length)
    expect(
      parts
        .map((span) => address.slice(...span))
        .join("")
        .replace(/\s/g, ""),
    ).toBe(address.replace(/\s/g, ""))
    for (const [start, end] of parts) expect(end - start).toBeLessThanOrEqual(66)
  })

  it("goes on where a long piece leaves a window shorter than its overlap", () => {
    const spans = cutPassages("ab abcdefghijklmnopqrstuvwxyz ab", 10, 9, (piece) => piece.trim().length)
    expect(spans).toEqual([
      [0, 2],
      [3, 29],
      [30, 32],
    ])
  })

  it("leaves no piece out, whatever the window and overlap", () => {
    const text = Array.from({ length: 200 }, (_, at) => `word${at}`).join(" ")
    for (const [size, overlap] of [
      [8, 0],
      [9, 8],
      [50, 49],
      [1, 0],
      [500, 10],
    ] as const) {
      const spans = cutPassages(text, size, overlap, () => 1)
      expect(spans[0]![0]).toBe(0)
      expect(spans.at(-1)![1]).toBe(text.length)
      spans.slice(1).forEach(([start, end], at) => {
        const [before, until] = spans[at]!
        expect(start).toBeGreaterThan(before)
        expect(end).toBeGreaterThan(until)
        expect(start).toBeLessThanOrEqual(until + 1)
      })
    }
    expect(cutPassages(" \n ", 8, 0, () => 1)).toEqual([])
  })
})

describe.skipIf(missing || !existsSync(tiny))("miniatures of each family as cross-encoders", () => {
  it.each(Object.keys(specialTokens))("%s: scores as sentence-transformers', within 1e-4", async (family) => {
    const folder = join(place, family)
    await cp(join(tiny, family), folder, { recursive: true })
    await writeTokenizer(folder, family, 384)
    const { logits, scores } = golden.miniatures[family as keyof typeof golden.miniatures]
    await using model = await load(folder)
    const ours = await model.score(asPairs(golden.pairs))
    expectClose(ours.scores, scores, 1e-4)
    expect(ours.truncated).toEqual([4])
    await using plain = await load(folder, { activation: "identity" })
    expectClose((await plain.score(asPairs(golden.pairs))).scores, logits, 1e-4)
  })
})

describe.skipIf(missing || !existsSync(join(minilm, "model.safetensors")))("MiniLM with a made-up head", () => {
  let folder: string
  beforeAll(async () => {
    folder = join(place, "minilm")
    await mkdir(folder)
    for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"])
      await writeFile(join(folder, name), await readFile(join(minilm, name)))
    const head = Float32Array.from({ length: 384 }, (_, at) => (((at * 37) % 101) - 50) / 256)
    const file = safetensors(
      [
        { name: "classifier.weight", shape: [1, 384], values: head },
        { name: "classifier.bias", shape: [1], values: Float32Array.of(0.125) },
      ],
      await readFile(join(minilm, "model.safetensors")),
    )
    await writeFile(join(folder, "model.safetensors"), file)
  })
  const pairs = asPairs(golden.minilm.pairs)

  it("scores real texts as sentence-transformers does, within 1e-4", async () => {
    await using model = await load(folder, { activation: "identity" })
    const { scores, tokens, truncated } = await model.score(pairs)
    expectClose(scores, golden.minilm.logits, 1e-4)
    expect(tokens).toBe(golden.minilm.tokens)
    expect(truncated).toEqual([4])
  })

  it.each([
    ["fp16", 2e-3],
    ["int8", 0.05],
    ["int8-weights", 0.05],
    ["int4-weights", 0.15],
  ] as const)(
    "'quantised scores vary with batch mates': %s is near fp32, alone as in a batch within 1e-5",
    async (precision, near) => {
      await using model = await load(folder, { activation: "identity", precision })
      const { scores } = await model.score(pairs)
      expectClose(scores, golden.minilm.logits, near)
      for (const [at, pair] of pairs.entries()) expectClose((await model.score([pair])).scores, [scores[at]!], 1e-5)
      // It is not float32 under another name.
      expect(Math.max(...scores.map((score, at) => Math.abs(score - golden.minilm.logits[at]!)))).toBeGreaterThan(1e-6)
      await using exact = await load(folder, { activation: "identity" })
      expect(model.fingerprint).not.toBe(exact.fingerprint)
    },
  )
})
