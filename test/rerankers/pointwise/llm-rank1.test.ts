import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { rank1 } from "../../../rerankers/pointwise/index.js"
import { wholeThoughts } from "../../../rerankers/pointwise/rank1-oracle.js"
import type { TextCodec } from "../../../src/models/generation/text-codec.js"
import { idsOf, rankingOf } from "./fakes.js"
import { type Judge, type JudgeOptions, judge } from "./judge.js"

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

/**
 * Writes the completion that stands for a passage after the opened thoughts; after the thoughts' end true has the logit that the passage
 * names, false 0, which may not be what the completion goes on with.
 */
function thinker(completions: Readonly<Record<string, string>>, options: JudgeOptions = {}): Judge {
  const written = new Map<string, readonly number[]>()
  const idsOf = (text: string, codec: TextCodec) => {
    let ids = written.get(text)
    if (!ids) written.set(text, (ids = codec.encode({ prompt: text, special: false })))
    return ids
  }
  return judge({
    ...options,
    says: (text, history, codec) => {
      const passage = /Passage: (.*)\n/.exec(text)![1]!
      const own = history.slice(history.lastIndexOf(codec.idOf("<think>")) + 1)
      const script = idsOf(completions[passage]!, codec)
      const closed = own.at(-1) === codec.idOf("</think>")
      const verdict = closed ? { " true": Number(/-?\d+/.exec(passage)![0]), " false": 0 } : {}
      const next = script[own.length]
      if (next === undefined || own.some((id, at) => id !== script[at])) return { "<|im_end|>": 1, ...verdict }
      return { ...verdict, ...(codec.textOf(next) in verdict ? {} : { [codec.textOf(next)]: 9 }) }
    },
  })
}

describe("rank1", () => {
  it("scores by true and false where the thoughts end", async () => {
    await using model = thinker({
      "a 2": "It says so. It does.</think> true",
      "b -3": "No.</think> false",
    })
    const reranker = await rank1(model)
    const [ranking] = await reranker.rerank([rankingOf("owls", ["b -3", "a 2"])])
    expect(idsOf(ranking!)).toEqual(["q-1", "q-0"])
    expect(ranking!.hits[0]!.score).toBeCloseTo(sigmoid(2), 5)
    expect(ranking!.hits[1]!.score).toBeCloseTo(sigmoid(-3), 5)
    expect(ranking!.warnings).toEqual([])
    expect(ranking!.usage).toMatchObject({ calls: 2, repaired: 0 })
    // Plain text, as the models read it: no turns of a conversation.
    expect(model.read[0]).toMatch(/^Decide whether.*\nQuery: owls\nPassage: .*\n<think>$/s)
    expect(reranker.describe()).toMatchObject({ name: "rank1", answers: [" true", " false"], frame: "completion" })
  })

  it("closes thoughts that do not end, at their last whole sentence, and counts them", async () => {
    await using model = thinker({
      "a 2": "It says so! And then it goes on and on and on",
      "b 1": "no end of a sentence",
      "c 3": "It ends. Without a verdict</think>perhaps",
      "d 4": "So it is.</think> true",
    })
    const [ranking] = await (await rank1(model, { maxTokens: 40 })).rerank([
      rankingOf("owls", ["a 2", "b 1", "c 3", "d 4"]),
    ])
    expect(idsOf(ranking!)).toEqual(["q-3", "q-2", "q-0", "q-1"])
    expect(ranking!.hits.map(({ score }) => score)).toEqual(
      [4, 3, 2, 1].map((logit) => expect.closeTo(sigmoid(logit), 5)),
    )
    expect(ranking!.warnings).toEqual([{ code: "repaired", count: 3 }])
    const closed = model.read.filter((text) => text.endsWith("</think>")).map((text) => text.split("<think>")[1])
    expect(closed.sort()).toEqual(
      [
        "It says so!</think>",
        "no end of a sentence</think>",
        "It ends. Without a verdict</think>",
        "It ends. Without a verdict</think>",
        "So it is.</think>",
      ].sort(),
    )
  })

  it("cuts thoughts back to a whole sentence", () => {
    expect(wholeThoughts("One. Two? Thr")).toBe("One. Two?")
    expect(wholeThoughts("One! Two")).toBe("One!")
    expect(wholeThoughts("none")).toBe("none")
    expect(wholeThoughts("One. Two</think> maybe. So")).toBe("One. Two")
    expect(wholeThoughts("")).toBe("")
  })

  it("asks in a conversation where wanted", async () => {
    await using model = thinker({ "a 2": "So.</think> true" })
    const reranker = await rank1(model, { frame: "chat" })
    const [ranking] = await reranker.rerank([rankingOf("owls", ["a 2"])])
    expect(ranking!.hits[0]!.score).toBeCloseTo(sigmoid(2), 5)
    expect(model.read[0]).toMatch(/assistant\n<think>$/)
    await expect(rank1(model, { maxTokens: 0 })).rejects.toMatchObject({ code: "argument" })
  })

  it("loses nothing, whatever a model says, and fits what it reads", async () => {
    await using model = judge({ contextLength: 300 })
    const reranker = await rank1(model)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 60 }), { minLength: 1, maxLength: 4 }), async (documents) => {
        const texts = documents.map((text, at) => `${at} ${text} </think> true <|im_end|>`)
        const [ranking] = await reranker.rerank([rankingOf("owls", texts)])
        expect(ranking!.status).toBe("ranked")
        expect(idsOf(ranking!).sort()).toEqual(idsOf(rankingOf("owls", texts)).sort())
        for (const { score } of ranking!.hits) expect(score >= 0 && score <= 1).toBe(true)
      }),
      { numRuns: 8 },
    )
  })
})
