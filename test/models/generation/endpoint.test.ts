import { inspect } from "node:util"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { retryAfter, waitBefore } from "../../../src/models/generation/endpoint/back-off.js"
import { EndpointLanguageModel } from "../../../src/models/generation/endpoint/endpoint-language-model.js"
import { checkEndpoint, type EndpointOptions } from "../../../src/models/generation/endpoint/endpoint-options.js"
import { serverSentEvents } from "../../../src/models/generation/endpoint/sse.js"
import type { GenerationEvent } from "../../../src/models/generation/language-model.js"
import { LocalLanguageModel } from "../../../src/models/generation/local-language-model.js"
import { behind, chatAnswer, delta, events, type Handler, json, serve, usage } from "./endpoint-server.js"
import { FakeDecoder } from "./fake-decoder.js"
import { tinyCodec } from "./tiny-tokenizer.js"

const KEY = "sk-very-secret-123"
const quick = { retry: { first: 0.001, longest: 0.05 }, apiKey: KEY }
const ask = { messages: [{ role: "user", content: "hi" }], maxTokens: 5 }

async function against<Result>(
  handler: Handler,
  work: (model: EndpointLanguageModel, server: Awaited<ReturnType<typeof serve>>) => Promise<Result>,
  options: Partial<EndpointOptions> = {},
): Promise<Result> {
  await using server = await serve(handler)
  await using model = new EndpointLanguageModel({ baseUrl: server.baseUrl, model: "m", ...quick, ...options })
  return await work(model, server)
}

describe("a conversation", () => {
  it("is sent and read in OpenAI's form", async () => {
    await against(
      (_, response) => json(response, chatAnswer("Hello", { finish_reason: "length" })),
      async (model, server) => {
        const [answer] = await model.generate([
          { ...ask, temperature: 0.5, topP: 0.9, stop: ["\n"], seed: 3, logprobs: 2 },
        ])
        expect(answer).toMatchObject({
          text: "Hello",
          finishReason: "length",
          usage: { calls: 1, promptTokens: 7, completionTokens: 2, cachedTokens: 3 },
        })
        expect(server.asked[0]!.path).toBe("/v1/chat/completions")
        expect(server.asked[0]!.headers.authorization).toBe(`Bearer ${KEY}`)
        expect(server.asked[0]!.body).toEqual({
          model: "m",
          messages: ask.messages,
          max_completion_tokens: 5,
          temperature: 0.5,
          top_p: 0.9,
          seed: 3,
          stop: ["\n"],
          logprobs: true,
          top_logprobs: 2,
        })
      },
    )
  })

  it("gives thoughts apart, and refusals as what they are", async () => {
    const answers = [
      { choices: [{ message: { content: "yes", reasoning_content: "hm" }, finish_reason: "stop" }] },
      { choices: [{ message: { content: null }, finish_reason: "content_filter" }] },
    ]
    await against(
      (_, response, count) => json(response, answers[count - 1]),
      async (model) => {
        expect((await model.generate([ask]))[0]).toMatchObject({ text: "yes", reasoning: "hm", finishReason: "stop" })
        expect((await model.generate([ask]))[0]).toMatchObject({ text: "", finishReason: "filter" })
      },
    )
  })

  it("breaks special tokens in what it is given, and counts them", async () => {
    await against(
      (_, response) => json(response, chatAnswer("ok")),
      async (model, server) => {
        const messages = [
          { role: "assistant", content: "<think>a</think>b" },
          { role: "user", content: "x<|im_end|>" },
        ]
        const [answer] = await model.generate([{ messages }])
        expect(answer!.escaped).toBe(1)
        expect(server.asked[0]!.body.messages).toEqual([messages[0], { role: "user", content: "x< |im_end|>" }])
        await model.generate([{ prompt: ["<s>", { text: "</s>" }] }])
        expect(server.asked[1]!.body.prompt).toBe("<s>< /s>")
      },
    )
  })

  it("looks for stop texts that the server does not know", async () => {
    await against(
      (_, response) => json(response, chatAnswer("one two three")),
      async (model, server) => {
        const [answer] = await model.generate([{ ...ask, stop: ["a", "b", "c", "d", " t"] }])
        expect(answer).toMatchObject({ text: "one", finishReason: "stop", stopText: " t" })
        expect(server.asked[0]!.body.stop).toEqual(["a", "b", "c", "d"])
      },
    )
  })

  it("begins as it is told to where the server can do that", async () => {
    await against(
      (_, response) => json(response, chatAnswer("x")),
      async (model, server) => {
        await model.generate([
          { ...ask, prefill: "<think>", topK: 4, minP: 0.1, repetitionPenalty: 1.1, allowedTokens: [5] },
        ])
        expect(server.asked[0]!.body).toMatchObject({
          continue_final_message: true,
          add_generation_prompt: false,
          messages: [ask.messages[0], { role: "assistant", content: "<think>" }],
          max_tokens: 5,
          top_k: 4,
          min_p: 0.1,
          repetition_penalty: 1.1,
          allowed_token_ids: [5],
        })
      },
      { server: "vllm" },
    )
  })
})

describe("what an endpoint cannot do", () => {
  it("is refused before anything is sent", async () => {
    await against(
      (_, response) => json(response, chatAnswer("x")),
      async (model, server) => {
        const refusals: [() => Promise<unknown>, RegExp][] = [
          [() => model.generate([{ ...ask, topK: 3 }]), /m does not offer the setting topK/],
          [() => model.generate([ask, { ...ask, minP: 0.1 }]), /minP/],
          [() => model.generate([{ ...ask, prefill: "x" }]), /answers whose beginning is given/],
          [() => model.generate([{ ...ask, allowedTokens: ["a"] }]), /out of a set of tokens/],
          [() => model.generate([{ ...ask, tooLong: "cut-end" }]), /counting and cutting by tokens/],
          [() => model.generate([{ ...ask, logprobs: 21 }]), /at most 20/],
          [() => model.generate([{ prompt: [1, 2] }]), /token ids/],
          [() => model.generate([{ prompt: "" }]), /empty/],
          [() => model.logLikelihood([{ prompt: "a", continuation: "b" }]), /log-probability of a given text/],
          [() => model.scoreTokens([{ prompt: "a" }], [7]), /need the model's tokenizer/],
        ]
        for (const [call, words] of refusals) await expect(call()).rejects.toThrow(words)
        expect(() => model.countTokens("x")).toThrow(/counting and cutting by tokens/)
        expect(() => model.renderChat(ask)).toThrow(/rendering a conversation/)
        expect(server.asked).toHaveLength(0)
        const [bad, good] = await model.generate([{ ...ask, topK: 3 }, ask], { onError: "mark" })
        expect(bad).toMatchObject({ finishReason: "failed", error: { code: "model" } })
        expect(good!.text).toBe("x")
      },
    )
  })
})

describe("a server that misbehaves", () => {
  const good = chatAnswer("fine")
  const attempts: [string, Handler][] = [
    [
      "is overloaded",
      (_, response) => json(response, { error: { message: "slow down" } }, 429, { "retry-after": "0" }),
    ],
    ["fails", (_, response) => json(response, { error: "boom" }, 500)],
    ["is not ready", (_, response) => json(response, {}, 503, { "retry-after": new Date().toUTCString() })],
    ["hangs up", (_, response) => void response.destroy()],
    [
      "hangs up in the middle",
      (_, response) => {
        response.writeHead(200, { "content-length": "500" })
        response.write('{"choices": [')
        setTimeout(() => response.destroy(), 5)
      },
    ],
    ["answers with a page", (_, response) => void response.end("<html>proxy</html>")],
    ["answers with half of its JSON", (_, response) => void response.end(JSON.stringify(good).slice(0, 40))],
    ["answers with a list", (_, response) => json(response, [])],
    ["answers with no choices", (_, response) => json(response, { choices: [] })],
    ["answers with text that is none", (_, response) => json(response, { choices: [{ message: { content: 7 } }] })],
    ["says nothing", () => {}],
    [
      "falls silent",
      (_, response) => {
        response.writeHead(200)
        response.write("{")
      },
    ],
  ]

  it.each(attempts)("%s, and is asked again", async (_, bad) => {
    await against(
      (asked, response, count) => (count <= 2 ? bad(asked, response, count) : json(response, good)),
      async (model, server) => {
        expect((await model.generate([ask]))[0]!.text).toBe("fine")
        expect(server.asked).toHaveLength(3)
        expect(model.retries).toBe(2)
      },
      { timeout: 0.15 },
    )
  })

  it.each(attempts)("%s, again and again, and is given up", async (_, bad) => {
    await against(
      bad,
      async (model, server) => {
        const error = await model.generate([ask]).then(
          () => expect.unreachable(),
          (thrown) => thrown,
        )
        expect(error).toMatchObject({ name: "RankineError", message: expect.stringMatching(/\(after 2 tries\)$/) })
        expect(["network", "model"]).toContain(error.code)
        expect(server.asked).toHaveLength(2)
      },
      { retry: { retries: 1, first: 0.001 }, timeout: 0.1 },
    )
  })

  it.each([
    [400, "model", /refuses the request \(400\): max_tokens is too large/],
    [401, "network", /refuses the API key \(401\)/],
    [403, "network", /refuses the API key \(403\)/],
    [404, "model", /no such model or path/],
    [422, "model", /refuses the request/],
    [302, "network", /points elsewhere \(302, http:\/\/other\/\)/],
  ])("refuses with %d, which is not tried again", async (status, code, words) => {
    await against(
      (_, response) =>
        json(response, { error: { message: `max_tokens is too large for ${KEY}` } }, status, {
          location: "http://other/",
        }),
      async (model, server) => {
        const error = await model.generate([ask]).catch((thrown) => thrown)
        expect(error).toMatchObject({ code, message: expect.stringMatching(words) })
        expect(error.details).toMatchObject({ status })
        expect(inspect(error, { depth: 9 })).not.toContain(KEY)
        expect(server.asked).toHaveLength(1)
      },
    )
  })

  it("says 200 and means an error", async () => {
    await against(
      (_, response) => json(response, { error: { message: "model not loaded" } }),
      async (model) => {
        await expect(model.generate([ask])).rejects.toThrow(/failed: model not loaded/)
      },
    )
  })

  it("is not there", async () => {
    const server = await serve(() => {})
    const { baseUrl } = server
    await server[Symbol.asyncDispose]()
    await using model = new EndpointLanguageModel({
      baseUrl,
      model: "m",
      ...quick,
      retry: { retries: 1, first: 0.001 },
    })
    await expect(model.generate([ask])).rejects.toThrow(
      /cannot be reached .*ECONNREFUSED.*check the address.*\(after 2 tries\)/,
    )
  })

  it("fails for one request of many", async () => {
    const handler: Handler = ({ body }, response) =>
      body.messages[0].content === "bad"
        ? json(response, {}, 400)
        : json(response, chatAnswer(body.messages[0].content))
    const requests = ["a", "bad", "c"].map((content) => ({ messages: [{ role: "user", content }] }))
    await against(handler, async (model) => {
      const answers = await model.generate(requests, { onError: "mark" })
      expect(answers.map(({ text, finishReason }) => [text, finishReason])).toEqual([
        ["a", "stop"],
        ["", "failed"],
        ["c", "stop"],
      ])
      await expect(model.generate(requests)).rejects.toMatchObject({ code: "model" })
    })
  })
})

describe("requests", () => {
  it("are as many at once as allowed, and their answers in order", async () => {
    await against(
      ({ body }, response) =>
        void setTimeout(() => json(response, chatAnswer(body.messages[0].content)), 5 + Math.random() * 10),
      async (model, server) => {
        const requests = Array.from({ length: 20 }, (_, at) => ({ messages: [{ role: "user", content: `${at}` }] }))
        const done: number[] = []
        const answers = await model.generate(requests, { onProgress: (event) => done.push(event.done) })
        expect(answers.map(({ text }) => text)).toEqual(requests.map((_, at) => `${at}`))
        expect(server.atOnce).toBe(3)
        expect(done).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
      },
      { concurrency: 3 },
    )
  })

  it("end with their signal: under way, waiting for a turn, and waiting for another try", async () => {
    for (const [handler, concurrency] of [
      [() => {}, 8],
      [() => {}, 1],
      [(_, response) => json(response, {}, 429, { "retry-after": "30" }), 8],
    ] as [Handler, number][]) {
      await against(
        handler,
        async (model) => {
          const controller = new AbortController()
          setTimeout(() => controller.abort(), 30)
          const begun = performance.now()
          await expect(model.generate([ask, ask, ask], { signal: controller.signal })).rejects.toMatchObject({
            code: "aborted",
          })
          expect(performance.now() - begun).toBeLessThan(5000)
        },
        { concurrency, retry: { longest: 30 } },
      )
    }
  })

  it("keep the key to themselves", () => {
    const model = new EndpointLanguageModel({ baseUrl: "http://localhost:1/v1", model: "m", ...quick })
    expect(inspect(model, { depth: 9, showHidden: true })).not.toContain(KEY)
    expect(JSON.stringify(model)).not.toContain(KEY)
    const env = { OPENAI_API_KEY: "open", RANKINE_API_KEY: "own" }
    const keyFor = (baseUrl: string, given = env) => checkEndpoint({ baseUrl, model: "m" }, given).http.key
    expect(keyFor("https://api.openai.com/v1")).toBe("open")
    expect(keyFor("https://example.org/v1")).toBe("own")
    expect(
      checkEndpoint({ baseUrl: "https://example.org/v1", model: "m" }, { OPENAI_API_KEY: "open" }).http.key,
    ).toBeUndefined()
    for (const bad of [
      { baseUrl: "nowhere" },
      { baseUrl: "ftp://x" },
      { baseUrl: "http://a:b@c/" },
      { model: " " },
      { apiKey: "a\nb" },
      { concurrency: 0 },
      { timeout: 0 },
    ])
      expect(() => checkEndpoint({ baseUrl: "http://x/v1", model: "m", ...bad })).toThrow(
        /baseUrl|model|API key|concurrency|timeout/,
      )
  })

  it("wait longer each time, or as long as they are told to", () => {
    const backOff = { retries: 9, first: 0.5, longest: 4 }
    for (let attempt = 1; attempt < 9; attempt++) {
      const full = Math.min(0.5 * 2 ** (attempt - 1), 4)
      const seconds = waitBefore(attempt, undefined, backOff, 1)
      expect(seconds).toBeGreaterThanOrEqual(full / 2)
      expect(seconds).toBeLessThanOrEqual(full)
    }
    expect(waitBefore(1, 2, backOff, 1)).toBe(2)
    expect(waitBefore(1, 3600, backOff, 1)).toBe(4)
    expect(retryAfter("2.5")).toBe(2.5)
    expect(retryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 20_000)).toBe(40)
    expect(retryAfter("Thu, 01 Jan 1970 00:00:00 GMT", 20_000)).toBe(0)
    expect(retryAfter("soon")).toBeUndefined()
  })
})

describe("streams", () => {
  it("give pieces as they come, and the whole at the end", async () => {
    await against(
      (_, response) =>
        events(response, [delta("Hel"), delta("lo "), delta("wor"), delta("ld", "stop"), { choices: [], usage }]),
      async (model, server) => {
        const found: GenerationEvent[] = []
        for await (const event of model.stream(ask)) found.push(event)
        expect(found.map(({ text }) => text)).toEqual(["Hel", "lo ", "wor", "ld", ""])
        expect(found.at(-1)!.generation).toMatchObject({
          text: "Hello world",
          finishReason: "stop",
          usage: { promptTokens: 7 },
        })
        expect(server.asked[0]!.body).toMatchObject({ stream: true, stream_options: { include_usage: true } })
      },
    )
  })

  it("hold back what may become a stop text", async () => {
    await against(
      (_, response) => events(response, [delta("a </"), delta("thi"), delta("nk> b"), delta(" c", "stop")]),
      async (model) => {
        const found: GenerationEvent[] = []
        for await (const event of model.stream({ ...ask, stop: ["</think>"] })) found.push(event)
        expect(found.map(({ text }) => text)).toEqual(["a ", ""])
        expect(found.at(-1)!.generation).toMatchObject({ text: "a ", stopText: "</think>", finishReason: "stop" })
      },
    )
  })

  it("are begun again only while nothing was given", async () => {
    const broken: Handler = (_, response, count) => {
      if (count === 1) events(response, [], "")
      else if (count === 2) json(response, {}, 503)
      else events(response, [delta("a"), delta("b")], "")
    }
    await against(broken, async (model, server) => {
      const found: string[] = []
      await expect(async () => {
        for await (const { text } of model.stream(ask)) found.push(text)
      }).rejects.toThrow(/broke its answer off/)
      expect(found).toEqual(["a", "b"])
      expect(server.asked).toHaveLength(3)
    })
  })

  it("may end without a last word, come as plain JSON, or hold an error", async () => {
    const answers: Handler[] = [
      (_, response) => events(response, [delta("whole", "stop")], ""),
      (_, response) => json(response, chatAnswer("plain")),
      (_, response) => events(response, [delta("x"), { error: { message: "out of memory" } }]),
    ]
    await against(
      (asked, response, count) => answers[count - 1]!(asked, response, count),
      async (model) => {
        const whole = async () => {
          let text = ""
          for await (const event of model.stream(ask)) text += event.text
          return text
        }
        expect(await whole()).toBe("whole")
        expect(await whole()).toBe("plain")
        await expect(whole()).rejects.toThrow(/out of memory/)
      },
    )
  })

  it("are closed when the loop is left, and throw what a listener throws", async () => {
    let closed = false
    await against(
      (_, response) => {
        response.on("close", () => {
          closed = true
        })
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(`data: ${JSON.stringify(delta("a"))}\n\n`)
      },
      async (model) => {
        for await (const { text } of model.stream(ask)) {
          expect(text).toBe("a")
          break
        }
        await expect.poll(() => closed).toBe(true)
        const listener = () => {
          throw new TypeError("no room to write")
        }
        await expect(model.generate([ask], { onToken: listener })).rejects.toThrow("no room to write")
        expect(model.retries).toBe(0)
      },
    )
  })

  it("are read from bytes cut anywhere, with any line ends", async () => {
    const texts = fc.array(fc.string({ unit: "grapheme", maxLength: 12 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(
        texts,
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.integer({ min: 1, max: 9 }),
        async (data, end, size) => {
          const clean = data.map((text) => text.replace(/[\r\n]/g, " "))
          const whole = Buffer.from(
            clean.map((text) => `: comment${end}event: x${end}data: ${text}${end}${end}`).join(""),
          )
          const chunks = async function* () {
            for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size)
            // The last of two lone CRs may still be half of CRLF.
            yield Buffer.from("\n")
          }
          const found: string[] = []
          for await (const event of serverSentEvents(chunks())) found.push(event)
          expect(found).toEqual(clean)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe("scores of tokens", () => {
  const content = [
    {
      token: "yes",
      logprob: -0.5,
      top_logprobs: [
        { token: "yes", logprob: -0.5 },
        { token: "no", logprob: -1.25 },
      ],
    },
  ]

  it("come from the likeliest tokens; what is not named is minus infinity and counted", async () => {
    await against(
      ({ path }, response) =>
        path.endsWith("/chat/completions")
          ? json(response, chatAnswer("yes", { logprobs: { content } }))
          : json(response, {
              choices: [
                {
                  text: "no",
                  logprobs: { tokens: ["no"], token_logprobs: [-0.1], top_logprobs: [{ no: -0.1, yes: -3 }] },
                },
              ],
            }),
      async (model, server) => {
        const [chat, plain] = await model.scoreTokens([ask, { prompt: "p" }], ["yes", "no", "maybe"])
        expect([...chat!.logprobs]).toEqual([-0.5, -1.25, Number.NEGATIVE_INFINITY])
        expect([...plain!.logprobs]).toEqual([-3, -0.1, Number.NEGATIVE_INFINITY])
        expect(chat).toMatchObject({ missing: 1, usage: { promptTokens: 7 } })
        const bodies = server.asked.map(({ body }) => body)
        expect(bodies.find(({ messages }) => messages)).toMatchObject({
          max_completion_tokens: 1,
          logprobs: true,
          top_logprobs: 20,
        })
        expect(bodies.find(({ prompt }) => prompt)).toMatchObject({ max_tokens: 1, logprobs: 5 })
      },
    )
  })

  it("are reported for named tokens of an answer", async () => {
    await against(
      (_, response) => json(response, chatAnswer("yes", { logprobs: { content } })),
      async (model, server) => {
        const [answer] = await model.generate([{ ...ask, namedTokens: ["no", "maybe"] }])
        expect(answer!.logprobs).toEqual([
          { text: "yes", logprob: -0.5, top: [], named: [-1.25, Number.NEGATIVE_INFINITY] },
        ])
        expect(server.asked[0]!.body).toMatchObject({ logprobs: true, top_logprobs: 20 })
      },
    )
  })

  it("are asked for once where a server gives none", async () => {
    await against(
      (_, response) => json(response, chatAnswer("yes")),
      async (model, server) => {
        await expect(model.scoreTokens([ask], ["yes"])).rejects.toThrow(/gave no log-probabilities/)
        expect(server.asked).toHaveLength(1)
      },
    )
  })
})

describe("the same model, local and behind an address", () => {
  const codec = tinyCodec()
  const local = () => new LocalLanguageModel(new FakeDecoder({ vocabulary: codec.size }), codec)

  it("gives the same answers, scores and likelihoods", async () => {
    const own = local()
    await against(
      behind(local()),
      async (model) => {
        const requests = Array.from({ length: 6 }, (_, seed) => ({
          messages: [{ role: "user", content: `passage ${seed} <|im_end|>` }],
          maxTokens: 6,
          temperature: seed % 2,
          seed,
          logprobs: 2,
        }))
        const [here, there] = await Promise.all([own.generate(requests), model.generate(requests)])
        for (const [at, answer] of there.entries()) {
          expect(answer.text).toBe(here[at]!.text)
          expect(answer.tokenIds).toEqual(here[at]!.tokenIds)
          expect(answer.finishReason).toBe(here[at]!.finishReason)
          expect(answer.logprobs).toEqual(here[at]!.logprobs)
          expect(answer.usage.promptTokens).toBe(here[at]!.usage.promptTokens)
        }
        const likely = codec.textOf(here[0]!.tokenIds![0]!)
        const candidates = [here[0]!.tokenIds![0]!, " yes"]
        const prompts = [{ messages: requests[0]!.messages }, { prompt: "p" }]
        const [a, b] = await Promise.all([own.scoreTokens(prompts, candidates), model.scoreTokens(prompts, candidates)])
        expect(likely).not.toBe("")
        expect(b[0]!.logprobs[0]).toBe(a[0]!.logprobs[0])
        for (const [at, { logprobs }] of b.entries())
          for (const [column, value] of logprobs.entries())
            if (value !== Number.NEGATIVE_INFINITY) expect(value).toBe(a[at]!.logprobs[column])
        const items = [
          { prompt: "a y", continuation: "es, no" },
          { messages: [{ role: "user", content: "q" }], continuation: "the end" },
        ]
        const [x, y] = await Promise.all([own.logLikelihood(items), model.logLikelihood(items)])
        expect(y.map(({ tokens }) => tokens)).toEqual(x.map(({ tokens }) => tokens))
        expect(model.countTokens("yes no")).toBe(2)
        expect(model.renderChat(requests[0]!)).toBe(own.renderChat(requests[0]!))
        await expect(model.generate([{ prompt: "x".repeat(300) }])).rejects.toThrow(/300 tokens where 255 fit/)
      },
      { server: "vllm", codec, maxLength: 256 },
    )
  })

  it("scores continuations of plain text without a tokenizer", async () => {
    const items = [
      { prompt: "a y", continuation: "es, no" },
      { prompt: "Query: ", continuation: "the <|im_end|>" },
    ]
    await against(
      behind(local()),
      async (model) => {
        const found = await model.logLikelihood(items)
        const expected = await local().logLikelihood([
          items[0]!,
          { prompt: "Query: ", continuation: "the < |im_end|>" },
        ])
        for (const [at, { logprob, tokens }] of found.entries()) {
          expect(logprob).toBeCloseTo(expected[at]!.logprob, 10)
          expect(tokens.map(({ text }) => text)).toEqual(expected[at]!.tokens.map(({ text }) => text))
        }
      },
      { server: "vllm" },
    )
  })
})
