import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type PointwiseAnswer, scoreEach } from "../../../rerankers/pointwise/index.js"
import { answerAll } from "../../../rerankers/program/index.js"
import { Random, type RerankTask } from "../../../src/core/index.js"

function taskOf(texts: readonly string[]): RerankTask {
  const hits = texts.map((text, at) => ({ id: `d${at}`, score: -at, document: { id: `d${at}`, text } }))
  return { query: { id: "q", text: "query" }, hits }
}

const run = (texts: readonly string[], answer: (position: number) => PointwiseAnswer, chunk?: number) =>
  answerAll(scoreEach(chunk), taskOf(texts), new Random(1, "test"), ({ document }) => answer(document))

describe("scoreEach", () => {
  it("asks about all documents in one round and orders by score, ties as they came in", () => {
    const { standing, rounds } = run(["a", "b", "c", "d"], (position) => [1, 3, 1, 2][position])
    expect(rounds).toEqual([[0, 1, 2, 3].map((document) => ({ document }))])
    expect(standing).toEqual({ order: [1, 3, 0, 2], scores: [3, 2, 1, 1] })
  })

  it("asks about equal texts once", () => {
    const { standing, rounds } = run(["a", "b", "a", "b", "c"], (position) => position)
    expect(rounds).toEqual([[{ document: 0 }, { document: 1 }, { document: 4 }]])
    expect(standing).toEqual({ order: [4, 1, 3, 0, 2], scores: [4, 1, 1, 0, 0] })
  })

  it("tells a title from the words of a text", () => {
    const document = (id: string, text: string, title?: string) => ({ id, text, ...(title ? { title } : {}) })
    const hits = [document("x", "b", "a"), document("y", "b"), document("z", "b", "a")]
    const task = {
      query: { id: "q", text: "q" },
      hits: hits.map((each) => ({ id: each.id, score: 0, document: each })),
    }
    const { rounds } = answerAll(scoreEach(), task, new Random(1, "test"), () => 1)
    expect(rounds).toEqual([[{ document: 0 }, { document: 1 }]])
  })

  it("asks in chunks, and knows after each what it has been told", () => {
    const program = scoreEach(2)(taskOf(["a", "b", "c"]), new Random(1, "test"))
    const first = program.next()
    expect(first.value).toMatchObject({ questions: [{ document: 0 }, { document: 1 }] })
    const second = program.next([1, 2])
    if (second.done) throw new Error("over too early")
    expect(second.value.questions).toEqual([{ document: 2 }])
    expect(second.value.standing()).toEqual({ order: [1, 0], scores: [2, 1] })
    expect(program.next([undefined])).toEqual({ done: true, value: { order: [1, 0], scores: [2, 1] } })
    expect(() => scoreEach(0)).toThrow("chunk")
  })

  it("leaves out what has no answer, whatever is answered", () => {
    const texts = fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f"), { maxLength: 12 })
    const answers = fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined }), {
      minLength: 12,
      maxLength: 12,
    })
    fc.assert(
      fc.property(texts, answers, fc.integer({ min: 1, max: 5 }), (documents, given, chunk) => {
        const { standing, rounds } = run(documents, (position) => given[position], chunk)
        const { order, scores } = standing
        const first = documents.map((text) => documents.indexOf(text))
        expect([...order].sort((a, b) => a - b)).toEqual(
          documents.flatMap((_, position) => (given[first[position]!] === undefined ? [] : [position])),
        )
        expect(scores).toEqual(order.map((position) => given[first[position]!]))
        for (let at = 1; at < order.length; at++)
          expect(
            scores![at - 1]! > scores![at]! || (scores![at - 1] === scores![at] && order[at - 1]! < order[at]!),
          ).toBe(true)
        expect(rounds.flat()).toHaveLength(new Set(documents).size)
      }),
    )
  })
})
