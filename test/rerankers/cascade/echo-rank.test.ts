import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type EchoAnswer, type EchoQuestion, echoProgram, echoRank } from "../../../rerankers/cascade/index.js"
import { answerAll } from "../../../rerankers/program/answer-all.js"
import type { Oracle } from "../../../rerankers/program/oracle.js"
import { type Hit, noUsage, Random, type RerankTask } from "../../../src/core/index.js"
import { conformanceRanking, describeReranker } from "../../conformance/reranker.js"

function taskOf(count: number): RerankTask {
  const hits = Array.from(
    { length: count },
    (_, i): Hit => ({
      id: `d${i}`,
      score: count - i,
      document: { id: `d${i}`, text: `text ${i}` },
    }),
  )
  return { query: { id: "q", text: "what?" }, hits }
}

/** A judge and a comparator that agree with a relevance. */
const perfect =
  (relevance: (position: number) => number) =>
  (question: EchoQuestion): EchoAnswer =>
    "document" in question
      ? relevance(question.document) >= 0.5
        ? 0.9
        : 0.1
      : { preference: relevance(question.first) >= relevance(question.second) ? 1 : 0 }

const costs = (single: number, pair: number) => (_: RerankTask, question: EchoQuestion) =>
  "document" in question ? single : pair

const run = (
  count: number,
  settings: Parameters<typeof echoProgram>[1],
  cost: ReturnType<typeof costs>,
  answer: (question: EchoQuestion) => EchoAnswer | undefined,
) => answerAll(echoProgram(cost, settings), taskOf(count), new Random(1), answer)

describe("echoProgram", () => {
  it("judges in one round what half the budget allows, then compares from below to the top", () => {
    const { rounds, standing } = run(
      6,
      { tokens: 80, candidates: 50 },
      costs(10, 20),
      perfect((at) => [0.2, 0.6, 0.1, 0.9][at] ?? 1),
    )
    // 40 tokens: four documents. Yes: 1 and 3; no: 0 and 2. Then 40 more: two comparisons, which reach the third place.
    expect(rounds).toEqual([
      [{ document: 0 }, { document: 1 }, { document: 2 }, { document: 3 }],
      [{ first: 3, second: 0 }],
      [{ first: 1, second: 3 }],
    ])
    expect(standing.order).toEqual([3, 1, 0, 2])
  })

  it("counts what cannot be read as yes, and does not move what cannot be compared", () => {
    const { standing } = run(4, { tokens: 1000 }, costs(10, 20), (question) =>
      "document" in question ? (question.document === 2 ? undefined : 0) : { preference: undefined },
    )
    expect(standing.order).toEqual([2, 0, 1, 3])
    expect(run(4, { tokens: 1000 }, costs(10, 20), () => ({ preference: 0.5 })).standing.order).toEqual([0, 1, 2, 3])
  })

  it("gives what the first stage saves to the second", () => {
    // Judging two takes 20 of 100: 180 are left for pairs of 20.
    const { rounds } = run(
      12,
      { tokens: 200, candidates: 2 },
      costs(10, 20),
      perfect((at) => at / 20),
    )
    expect(rounds).toHaveLength(2)
    const without = run(
      12,
      { tokens: 100, share: 0, candidates: 12 },
      costs(10, 20),
      perfect((at) => at / 20),
    )
    expect(without.rounds).toHaveLength(5)
    expect(without.standing.order).toEqual([5, 0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11])
  })

  it("sorts the first places with more passes, and stops when a pass moves nothing", () => {
    const relevance = (at: number) => at / 10
    const three = run(8, { tokens: 100000, passes: 3 }, costs(1, 1), perfect(relevance))
    expect(three.standing.order.slice(0, 3)).toEqual([7, 6, 5])
    const sorted = run(
      8,
      { tokens: 100000, passes: 5 },
      costs(1, 1),
      perfect((at) => 1 - at / 20),
    )
    expect(sorted.rounds).toHaveLength(1 + 7)
  })

  it("finds the best with a perfect comparator, and never passes its budget nor loses a document with any", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined })),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 30, maxLength: 30 }),
        (count, tokens, share, passes, noise, lengths) => {
          const cost = (_: RerankTask, question: EchoQuestion) =>
            "document" in question
              ? 5 + lengths[question.document]!
              : 10 + lengths[question.first]! + lengths[question.second]!
          const program = () => echoProgram(cost, { tokens, share, passes })
          const task = taskOf(count)
          const hostile = answerAll(program(), task, new Random(1), (question): EchoAnswer | undefined => {
            const value = noise.next().value as number | undefined
            return "document" in question ? value : { preference: value }
          })
          const spent = hostile.rounds.flat().reduce((sum, question) => sum + cost(task, question), 0)
          expect(spent).toBeLessThanOrEqual(tokens + 1e-6)
          expect(new Set(hostile.standing.order).size).toBe(hostile.standing.order.length)
          const relevance = (at: number) => ((at * 7) % 31) / 31
          const right = answerAll(program(), task, new Random(1), perfect(relevance))
          const compared = right.rounds
            .flat()
            .flatMap((question) => ("first" in question ? [question.first, question.second] : []))
          // The best of those compared has risen to the top.
          if (compared.length > 0)
            expect(relevance(right.standing.order[0]!)).toBe(Math.max(...compared.map(relevance)))
        },
      ),
    )
  })

  it("refuses settings out of range", () => {
    const cost = costs(1, 1)
    expect(() => echoProgram(cost, { tokens: 0 })).toThrow(/tokens/)
    expect(() => echoProgram(cost, { share: 1.5 })).toThrow(/share/)
    expect(() => echoProgram(cost, { passes: 0 })).toThrow(/passes/)
  })
})

function oracle<Question, Answer>(name: string, most: number, answer: (question: Question) => Answer) {
  const asked: Question[] = []
  const made: Oracle<Question, Answer> & { readonly asked: Question[] } = {
    name,
    fingerprint: name,
    asked,
    async ask(_, questions) {
      asked.push(...questions)
      return questions.map((question) => ({
        answer: answer(question),
        usage: { ...noUsage, calls: 1, promptTokens: most },
      }))
    },
    mostTokens: () => most,
    describe: () => ({ model: name }),
  }
  return made
}

const judge = () =>
  oracle("small", 10, ({ document }: { document: number }): number | undefined => (document % 2 === 1 ? 1 : 0))
const compare = () =>
  oracle("large", 30, ({ first, second }: { first: number; second: number }) => ({
    preference: first > second ? 1 : 0,
  }))

describeReranker("echoRank", () => echoRank({ name: "yes", oracle: judge() }, { name: "pair", oracle: compare() }))

describe("echoRank", () => {
  it("asks each model its own questions, and leaves below what the budget does not reach", async () => {
    const first = judge()
    const second = compare()
    const reranker = echoRank({ name: "yes", oracle: first }, { name: "pair", oracle: second }, { tokens: 80 })
    const [ranking] = await reranker.rerank([conformanceRanking("q", "fish", 4)])
    expect(first.asked).toEqual([0, 1, 2, 3].map((document) => ({ document })))
    expect(second.asked).toEqual([{ first: 1, second: 3 }])
    expect(ranking!.hits.map(({ id }) => id)).toEqual(["d3", "d1", "d0", "d2"])
    expect(ranking).toMatchObject({ scoreKind: "ordinal", status: "ranked", usage: { calls: 5, promptTokens: 70 } })
    expect(reranker.describe()).toMatchObject({ method: "echorank", tokens: 80, share: 0.5, first: { model: "small" } })
  })
})
