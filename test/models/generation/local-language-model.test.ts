import fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import { allCapabilities, requireCapability } from "../../../src/models/generation/capabilities.js"
import type { GenerationEvent, GenerationRequest } from "../../../src/models/generation/language-model.js"
import { LocalLanguageModel, type LocalModelOptions } from "../../../src/models/generation/local-language-model.js"
import { planPrefixes } from "../../../src/models/generation/prefixes.js"
import { FakeDecoder, type FakeOptions, hashedLogits } from "./fake-decoder.js"
import { tinyCodec } from "./tiny-tokenizer.js"

const codec = tinyCodec()
const vocabulary = codec.size

function model(options: LocalModelOptions = {}, fake: Partial<FakeOptions> = {}) {
  const decoder = new FakeDecoder({ vocabulary, ...fake })
  return { decoder, model: new LocalLanguageModel(decoder, codec, options) }
}

/** A decoder that writes a text, token after token, whatever the prompt, then ends. */
function writes(text: string, prompt: string): Partial<FakeOptions> {
  const ids = [...codec.encodePlain(text), codec.endId!]
  const before = codec.encode({ prompt }).length
  return {
    logits: (history) => {
      const logits = new Float32Array(vocabulary).fill(-5)
      logits[ids[history.length - before] ?? codec.endId!] = 5
      return logits
    },
  }
}

/** What greedy decoding means, token by token, without caches and batches. */
function greedily(prompt: readonly number[], steps: number, vocabulary: number): number[] {
  const ids: number[] = []
  while (ids.length < steps) {
    const logits = hashedLogits([...prompt, ...ids], vocabulary)
    ids.push(logits.indexOf(Math.max(...logits)))
    if (ids.at(-1) === codec.endId) break
  }
  return ids
}

describe("answers", () => {
  it("are the likeliest tokens, in any batch", async () => {
    const { model: local, decoder } = model({ generationBatch: { maxTokens: 400, maxRows: 7 } })
    const requests = Array.from({ length: 25 }, (_, at) => ({
      prompt: `${"word ".repeat(at % 6)}${at}`,
      maxTokens: 1 + (at % 9),
    }))
    const answers = await local.generate(requests)
    for (const [at, { prompt, maxTokens }] of requests.entries()) {
      const ids = codec.encode({ prompt })
      expect(answers[at]!.tokenIds).toEqual(greedily(ids, maxTokens, vocabulary))
      expect(answers[at]!.usage).toMatchObject({
        calls: 1,
        promptTokens: ids.length,
        completionTokens: answers[at]!.tokenIds!.length,
      })
    }
    expect(Math.max(...decoder.calls)).toBeGreaterThan(1)
    expect(decoder.alive).toBe(0)
  })

  it("depend on prompt, settings and seed alone", async () => {
    const request = (): fc.Arbitrary<GenerationRequest> =>
      fc.record({
        prompt: fc.string({ minLength: 1, maxLength: 40 }),
        maxTokens: fc.integer({ min: 1, max: 12 }),
        temperature: fc.constantFrom(0, 0.8, 1.5),
        topK: fc.constantFrom(0, 5),
        topP: fc.constantFrom(1, 0.8),
        seed: fc.nat(5),
        stop: fc.constantFrom([], ["a"]),
        repetitionPenalty: fc.constantFrom(1, 1.3),
      })
    await fc.assert(
      fc.asyncProperty(fc.array(request(), { minLength: 2, maxLength: 12 }), async (requests) => {
        const { model: local, decoder } = model()
        const together = await local.generate(requests)
        for (const [at, each] of requests.entries()) {
          const [alone] = await model({ sharePrefixes: false }).model.generate([each])
          expect(together[at]!.tokenIds).toEqual(alone!.tokenIds)
          expect(together[at]!.text).toBe(alone!.text)
          expect(together[at]!.finishReason).toBe(alone!.finishReason)
        }
        expect(decoder.alive).toBe(0)
      }),
      { numRuns: 25 },
    )
  })

  it("differ by seed", async () => {
    const { model: local } = model()
    const requests = Array.from({ length: 10 }, (_, seed) => ({ prompt: "x", maxTokens: 8, temperature: 1.5, seed }))
    const answers = await local.generate(requests)
    expect(new Set(answers.map(({ tokenIds }) => tokenIds!.join()))).toHaveProperty("size", 10)
  })

  it("end at the end token, at a stop text, at their length, at the context's end", async () => {
    const text = "yes, the answer is no 😀"
    const fake = writes(text, "q: ")
    const [whole] = await model({}, fake).model.generate([{ prompt: "q: " }])
    expect(whole).toMatchObject({ text, finishReason: "stop" })
    expect(whole!.tokenIds!.at(-1)).toBe(codec.endId)
    expect(whole).not.toHaveProperty("stopText")
    const [stopped] = await model({}, fake).model.generate([{ prompt: "q: ", stop: ["wer is", "zzz"] }])
    expect(stopped).toMatchObject({ text: "yes, the ans", finishReason: "stop", stopText: "wer is" })
    const [short] = await model({}, fake).model.generate([{ prompt: "q: ", maxTokens: 3 }])
    expect(short).toMatchObject({ finishReason: "length", text: codec.decode(codec.encodePlain(text).slice(0, 3)) })
    const [full] = await model({ maxLength: 7 }, fake).model.generate([{ prompt: "q: " }])
    expect(full).toMatchObject({ finishReason: "context" })
    expect(full!.usage.promptTokens + full!.tokenIds!.length).toBe(7)
    // A stop text that has only begun is text when the answer ends.
    const [begun] = await model({}, fake).model.generate([{ prompt: "q: ", stop: ["😀!"] }])
    expect(begun!.text).toBe(text)
  })

  it("report log-probabilities of the model itself", async () => {
    const { model: local } = model()
    const ids = codec.encode({ prompt: "p" })
    const [answer] = await local.generate([{ prompt: "p", maxTokens: 1, temperature: 3, topK: 2, logprobs: 3 }])
    const logits = hashedLogits(ids, vocabulary)
    const sum = Math.log(logits.reduce((all, logit) => all + Math.exp(logit), 0))
    const sorted = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!)
    const { id = -1, logprob, top } = answer!.logprobs![0]!
    expect(sorted.slice(0, 2)).toContain(id)
    expect(logprob).toBeCloseTo(logits[id]! - sum, 10)
    expect(top.map((each) => each.id)).toEqual(sorted.slice(0, 3))
    expect(top[2]!.logprob).toBeCloseTo(logits[sorted[2]!]! - sum, 10)
  })

  it("report named tokens at every place", async () => {
    const { model: local } = model()
    const [answer] = await local.generate([{ prompt: "p", maxTokens: 3, namedTokens: ["yes", 65] }])
    const history = codec.encode({ prompt: "p" })
    for (const { id, top, named } of answer!.logprobs!) {
      const logits = hashedLogits(history, vocabulary)
      const sum = Math.log(logits.reduce((all, logit) => all + Math.exp(logit), 0))
      expect(top).toEqual([])
      expect(named![0]).toBeCloseTo(logits[codec.idOf("yes")]! - sum, 10)
      expect(named![1]).toBeCloseTo(logits[65]! - sum, 10)
      history.push(id!)
    }
    expect(answer!.logprobs).toHaveLength(3)
    await expect(local.generate([{ prompt: "p", namedTokens: ["perhaps"] }])).rejects.toThrow(/not one token/)
  })

  it("keep to a set of tokens", async () => {
    const { model: local } = model()
    const [answer] = await local.generate([
      { prompt: "p", maxTokens: 6, temperature: 1, allowedTokens: ["yes", " no", 65] },
    ])
    const allowed = [codec.idOf("yes"), codec.idOf(" no"), 65]
    expect(answer!.tokenIds).toHaveLength(6)
    for (const id of answer!.tokenIds!) expect(allowed).toContain(id)
    await expect(local.generate([{ prompt: "p", allowedTokens: [] }])).rejects.toThrow(/allowedTokens is empty/)
    await expect(local.generate([{ prompt: "p", allowedTokens: [vocabulary] }])).rejects.toThrow(
      /no token of this model/,
    )
  })

  it("begin with what they are given to begin with", async () => {
    const { model: local } = model()
    const messages = [{ role: "user", content: "hi" }]
    const [answer] = await local.generate([{ messages, prefill: "<think>", maxTokens: 4 }])
    const prompt = [...codec.encode({ messages }), codec.idOf("<think>")]
    expect(answer!.tokenIds).toEqual(greedily(prompt, 4, vocabulary))
    expect(local.renderChat({ messages, prefill: "x" })).toBe(
      "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nx",
    )
  })
})

describe("prompts that are too long", () => {
  it("are refused, or cut and counted", async () => {
    const { model: local } = model({ maxLength: 20 })
    const prompt = `<|im_start|>${"a".repeat(15)}${"b".repeat(15)}`
    const ids = codec.encode({ prompt })
    await expect(local.generate([{ prompt }])).rejects.toThrow(/a prompt has 31 tokens where 19 fit/)
    const [start] = await local.generate([{ prompt, tooLong: "cut-start", maxTokens: 4 }])
    expect(start).toMatchObject({ cutTokens: 15, usage: { truncated: 1, promptTokens: 16 } })
    expect(start!.tokenIds).toEqual(greedily([ids[0]!, ...ids.slice(-15)], 4, vocabulary))
    const [end] = await local.generate([{ prompt, tooLong: "cut-end", maxTokens: 15 }])
    expect(end!.cutTokens).toBe(21)
    expect(end!.tokenIds).toEqual(greedily(ids.slice(0, 10), 10, vocabulary))
    expect(end!.finishReason).toBe("context")
    const [scores] = await local.scoreTokens([{ prompt }], ["yes"], { tooLong: "cut-end" })
    expect(scores).toMatchObject({ cutTokens: 11, usage: { truncated: 1 } })
  })

  it("are marked alone where that is asked for", async () => {
    const { model: local } = model({ maxLength: 20 })
    const prompts = ["ok", "x".repeat(40), "fine"]
    const answers = await local.generate(
      prompts.map((prompt) => ({ prompt, maxTokens: 2 })),
      { onError: "mark" },
    )
    expect(answers.map(({ finishReason }) => finishReason === "failed")).toEqual([false, true, false])
    expect(answers[1]!.error).toMatchObject({ code: "argument" })
    const scores = await local.scoreTokens(
      prompts.map((prompt) => ({ prompt })),
      ["no"],
      { onError: "mark" },
    )
    expect(scores.map(({ logprobs }) => Number.isNaN(logprobs[0]))).toEqual([false, true, false])
  })
})

describe("scores of next tokens", () => {
  it("are those of the model", async () => {
    const { model: local } = model({ batch: { maxTokens: 64 } })
    const prompts = Array.from({ length: 9 }, (_, at) => ({ prompt: `document ${"x".repeat(at * 3)}` }))
    const scores = await local.scoreTokens(prompts, ["yes", " no", 3])
    for (const [at, prompt] of prompts.entries()) {
      const logits = hashedLogits(codec.encode(prompt), vocabulary)
      const sum = Math.log(logits.reduce((all, logit) => all + Math.exp(logit), 0))
      for (const [column, id] of [codec.idOf("yes"), codec.idOf(" no"), 3].entries()) {
        expect(scores[at]!.logits![column]).toBe(logits[id])
        expect(scores[at]!.logprobs[column]).toBeCloseTo(logits[id]! - sum, 10)
      }
    }
  })

  it("compute a shared beginning once", async () => {
    const prefix = `${"Judge whether the passage answers the query. ".repeat(2)}Query: x\nPassage: `
    const suffixes = Array.from({ length: 20 }, (_, at) => `passage ${at} ${"y".repeat(at)}`)
    const plain = model({ sharePrefixes: false })
    const shared = model({ batch: { maxTokens: 100 } })
    const expected = await plain.model.scoreTokens({ prefix, suffixes }, ["yes", "no"])
    const found = await shared.model.scoreTokens({ prefix, suffixes }, ["yes", "no"])
    expect(found.map(({ logits }) => [...logits!])).toEqual(expected.map(({ logits }) => [...logits!]))
    const length = codec.encode({ prompt: prefix }).length
    expect(plain.decoder.tokens - shared.decoder.tokens).toBeGreaterThanOrEqual(19 * length)
    expect(found.filter(({ usage }) => usage.cachedTokens >= length)).toHaveLength(19)
    expect(found[0]!.usage.promptTokens).toBe(expected[0]!.usage.promptTokens)
    expect(shared.decoder.alive).toBe(0)
  })

  it("share beginnings of answers too", async () => {
    const requests = Array.from({ length: 6 }, (_, at) => ({
      prompt: `${"instruction ".repeat(5)}${at}`,
      maxTokens: 5,
    }))
    const plain = model({ sharePrefixes: false })
    const shared = model()
    const ids = async (each: typeof plain) => (await each.model.generate(requests)).map(({ tokenIds }) => tokenIds)
    expect(await ids(shared)).toEqual(await ids(plain))
    expect(shared.decoder.tokens).toBeLessThan(plain.decoder.tokens / 2)
    expect(shared.decoder.alive).toBe(0)
  })

  it("need candidates of one token", async () => {
    const { model: local } = model()
    await expect(local.scoreTokens([{ prompt: "p" }], ["perhaps"])).rejects.toThrow(/not one token/)
    await expect(local.scoreTokens([{ prompt: "" }], ["yes"])).rejects.toThrow(/prompt is empty/)
    await expect(local.scoreTokens([{ prompt: [vocabulary] }], ["yes"])).rejects.toThrow(/no token of this model/)
    expect(await local.scoreTokens([], ["yes"])).toEqual([])
  })
})

describe("the likelihood of a text", () => {
  it("is the sum over its tokens, one forward pass each", async () => {
    const items = [
      { prompt: "Passage: birds. Query: ", continuation: "what flies" },
      { prompt: "Passage: birds. Query: ", continuation: "what" },
      { prompt: "Passage: birds. Query: ", continuation: "who <|im_end|>" },
      { messages: [{ role: "user", content: "hi" }], continuation: "no" },
    ]
    const { model: local, decoder } = model()
    const found = await local.logLikelihood(items)
    for (const [at, item] of items.entries()) {
      const whole = codec.encode(item, item.continuation)
      const border = codec.encode(item).length
      let sum = 0
      for (let place = border; place < whole.length; place++) {
        const logits = hashedLogits(whole.slice(0, place), vocabulary)
        sum += logits[whole[place]!]! - Math.log(logits.reduce((all, logit) => all + Math.exp(logit), 0))
      }
      expect(found[at]!.logprob).toBeCloseTo(sum, 8)
      expect(found[at]!.tokens.map(({ text }) => text).join("")).toBe(item.continuation)
    }
    expect(decoder.alive).toBe(0)
  })

  it("counts a token that spans the border", async () => {
    const { model: local } = model()
    const [found] = await local.logLikelihood([{ prompt: "a y", continuation: "es" }])
    expect(found!.tokens.map(({ text }) => text)).toEqual([" yes"])
  })

  it("needs a prompt and a text", async () => {
    const { model: local } = model()
    await expect(local.logLikelihood([{ prompt: "", continuation: "x" }])).rejects.toThrow(/nothing stands before/)
    await expect(local.logLikelihood([{ prompt: "x", continuation: "" }])).rejects.toThrow(/continuation is empty/)
  })
})

describe("streams", () => {
  it("give pieces that join to the whole, which comes last", async () => {
    const text = "yes 😀 no"
    const { model: local } = model({}, writes(text, "p"))
    const events: GenerationEvent[] = []
    for await (const event of local.stream({ prompt: "p", logprobs: true })) events.push(event)
    expect(events.map((event) => event.text).join("")).toBe(text)
    expect(events.at(-1)!.generation!.text).toBe(text)
    expect(events.filter(({ generation }) => generation)).toHaveLength(1)
    expect(events[0]).toMatchObject({ tokenId: codec.idOf("yes"), logprob: expect.closeTo(0, 1) })
  })

  it("tell of an answer's end before longer ones end", async () => {
    const { model: local } = model({ generationBatch: { maxRows: 1 } })
    const ends: [number, string][] = []
    const requests = [60, 3].map((maxTokens) => ({ prompt: "p", maxTokens, allowedTokens: [65] }))
    await local.generate(requests, {
      onToken: (index, { text, generation }) => {
        if (generation || text.length > 5) ends.push([index, generation!.finishReason])
      },
    })
    expect(ends).toEqual([
      [1, "length"],
      [0, "length"],
    ])
  })

  it("stop the model where the loop is left, and throw what it throws", async () => {
    const { model: local, decoder } = model({}, { contextLength: 4096 })
    for await (const event of local.stream({ prompt: "p", maxTokens: 3000, allowedTokens: [65] })) {
      expect(event.text).toBe("A")
      break
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(decoder.tokens).toBeLessThan(100)
    expect(decoder.alive).toBe(0)
    decoder.failure = new Error("the card is gone")
    await expect(async () => {
      for await (const _ of local.stream({ prompt: "p" })) expect.unreachable()
    }).rejects.toThrow("the card is gone")
  })

  it("let a listener's error end its own call only", async () => {
    const { model: local } = model()
    const bad = local.generate([{ prompt: "p", maxTokens: 5 }], {
      onToken: () => {
        throw new Error("no room to write")
      },
    })
    const good = local.generate([{ prompt: "q", maxTokens: 5 }])
    await expect(bad).rejects.toThrow("no room to write")
    expect((await good)[0]!.tokenIds).toHaveLength(5)
  })
})

describe("a call", () => {
  it("goes on beside a long one, and both may share their prefixes in several batches", async () => {
    const { model: local, decoder } = model({ batch: { maxRows: 2 }, generationBatch: { maxRows: 2 } })
    const order: string[] = []
    const long = local
      .generate(Array.from({ length: 2 }, () => ({ prompt: "p", maxTokens: 150, allowedTokens: [65] })))
      .then(() => order.push("long"))
    const beginning = "one beginning for all of them, "
    const short = local
      .generate(Array.from({ length: 9 }, (_, at) => ({ prompt: `${beginning}${at}`, maxTokens: 2 })))
      .then(() => order.push("short"))
    const scores = local.scoreTokens(
      Array.from({ length: 9 }, (_, at) => ({ prompt: `${beginning}${at}` })),
      ["yes"],
    )
    await Promise.all([long, short, scores])
    expect(order).toEqual(["short", "long"])
    const alone = await model({ sharePrefixes: false }).model.scoreTokens([{ prompt: `${beginning}4` }], ["yes"])
    expect((await scores)[4]!.logits).toEqual(alone[0]!.logits)
    expect(decoder.alive).toBe(0)
  })

  // Two beginnings are read first, then each by its answers, token by token.
  it.each([0, 1, 2, 3, 12])("fails with the decoder after %i reads, and leaves nothing behind", async (successes) => {
    const { model: local, decoder } = model()
    const requests = Array.from({ length: 8 }, (_, at) => ({
      prompt: `${(at % 2 === 0 ? "one beginning " : "another one ").repeat(3)}${at}`,
      maxTokens: 20,
    }))
    decoder.successes = successes
    await expect(local.generate(requests)).rejects.toThrow("the card is gone")
    expect(decoder.calls).toHaveLength(successes)
    expect(decoder.alive).toBe(0)
    decoder.successes = Number.POSITIVE_INFINITY
    const answers = await local.generate(requests, { onError: "mark" })
    expect(answers.map(({ tokenIds }) => tokenIds?.length)).toEqual(requests.map(() => 20))
  })

  it("ends at its signal, and leaves others alone", async () => {
    const { model: local, decoder } = model({}, { contextLength: 4096 })
    const controller = new AbortController()
    const long = local.generate([{ prompt: "p", maxTokens: 3000, allowedTokens: [65] }], { signal: controller.signal })
    const other = local.generate([{ prompt: "q", maxTokens: 3 }])
    setTimeout(() => controller.abort(), 15)
    await expect(long).rejects.toMatchObject({ code: "aborted" })
    expect((await other)[0]!.tokenIds).toHaveLength(3)
    await vi.waitFor(() => expect(decoder.alive).toBe(0))
  })

  it("reports progress, and ends with the model", async () => {
    const { model: local } = model()
    const done: number[] = []
    await local.scoreTokens(
      Array.from({ length: 5 }, (_, at) => ({ prompt: `p${at}` })),
      ["yes"],
      { onProgress: (event) => done.push(event.done) },
    )
    expect(done.at(-1)).toBe(5)
    const late = local.generate([{ prompt: "p" }])
    const refused = expect(late).rejects.toThrow(/disposed of/)
    await local[Symbol.asyncDispose]()
    await refused
  })

  it("names what a model cannot do", () => {
    const plain = new LocalLanguageModel(new FakeDecoder({ vocabulary }), tinyCodec(""))
    expect(plain.capabilities.has("chat")).toBe(false)
    expect(() => requireCapability(plain, "chat", "give a prompt")).toThrow(
      "local does not offer conversations: give a prompt",
    )
    expect(model().model.capabilities).toEqual(allCapabilities)
    expect(plain.countTokens("<|im_end|>")).toBe(codec.encodePlain("<|im_end|>").length)
    expect(() => new LocalLanguageModel(new FakeDecoder({ vocabulary }), codec, { maxLength: 257 })).toThrow(
      /from 2 to 256/,
    )
  })
})

describe("plans of shared beginnings", () => {
  it("save tokens, lose no prompt, and leave each a token of its own", () => {
    const ids = fc.array(fc.nat(2), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 12 }), (prompts) => {
        const groups = planPrefixes(prompts, 3)
        expect(groups.flatMap(({ rows }) => rows).sort((a, b) => a - b)).toEqual(prompts.map((_, row) => row))
        for (const { length, rows } of groups) {
          if (length === 0) continue
          expect(rows.length).toBeGreaterThan(1)
          expect(length).toBeGreaterThanOrEqual(3)
          for (const row of rows) {
            expect(prompts[row]!.length).toBeGreaterThan(length)
            expect(prompts[row]!.slice(0, length)).toEqual(prompts[rows[0]!]!.slice(0, length))
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it("keep queries apart that share only an instruction", () => {
    const instruction = Array.from({ length: 20 }, (_, at) => at)
    const query = (q: number) => [...instruction, ...Array.from({ length: 30 }, () => 100 + q)]
    const prompts = [0, 1, 2].flatMap((q) => Array.from({ length: 10 }, (_, d) => [...query(q), 200 + d, 7]))
    expect(planPrefixes(prompts).map(({ length, rows }) => [length, rows.length])).toEqual([
      [50, 10],
      [50, 10],
      [50, 10],
    ])
  })
})
