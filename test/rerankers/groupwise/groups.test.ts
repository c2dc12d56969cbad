import { describe, expect, it } from "vitest"
import { groupProgram } from "../../../rerankers/groupwise/index.js"
import { answerAll } from "../../../rerankers/program/answer-all.js"
import type { GroupwiseAnswer, GroupwiseQuestion } from "../../../rerankers/program/questions.js"
import { type Hit, Random, type RerankTask } from "../../../src/core/index.js"

function taskOf(count: number, scores?: readonly number[]): RerankTask {
  const hits = Array.from(
    { length: count },
    (_, i): Hit => ({
      id: `d${i}`,
      score: scores ? scores[i]! : count - i,
      document: { id: `d${i}`, text: `text ${i}` },
    }),
  )
  return { query: { id: "q", text: "what?" }, hits }
}

const perfect =
  (relevance: (position: number) => number | undefined) =>
  ({ documents }: GroupwiseQuestion): GroupwiseAnswer => ({ scores: documents.map(relevance) })

describe("groupProgram", () => {
  it("asks ceil(N / c) * t questions in one round; the groups of each repeat are a partition", () => {
    for (const [count, groupSize, repeats] of [
      [100, 20, 1],
      [45, 20, 3],
      [7, 3, 2],
      [1, 20, 2],
      [20, 20, 1],
    ] as const) {
      const program = groupProgram({ groupSize, repeats })
      const { rounds, standing } = answerAll(
        program,
        taskOf(count),
        new Random(1),
        perfect((at) => at / 100),
      )
      expect(rounds).toHaveLength(1)
      const groups = Math.ceil(count / groupSize)
      expect(rounds[0]).toHaveLength(groups * repeats)
      for (let repeat = 0; repeat < repeats; repeat++) {
        const part = rounds[0]!.slice(repeat * groups, (repeat + 1) * groups)
        for (const { documents } of part) expect(documents.length).toBeLessThanOrEqual(groupSize)
        const all = part.flatMap(({ documents }) => documents)
        expect([...all].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
      }
      expect(standing.order).toEqual(Array.from({ length: count }, (_, i) => count - 1 - i))
    }
  })

  it("makes other groups in each repeat and for each seed, the same for the same", () => {
    const groupsWith = (seed: number) =>
      answerAll(
        groupProgram({ groupSize: 5, repeats: 2 }),
        taskOf(20),
        new Random(seed, "q"),
        perfect(() => 1),
      ).rounds
    expect(groupsWith(1)).toEqual(groupsWith(1))
    expect(groupsWith(1)).not.toEqual(groupsWith(2))
    const [round] = groupsWith(1)
    expect(round!.slice(0, 4)).not.toEqual(round!.slice(4))
  })

  it("asks one repeat after the other where that is wanted, and knows more after each", () => {
    const program = groupProgram({ groupSize: 5, repeats: 3, asked: "apart" })(taskOf(10), new Random(1))
    const known: number[] = []
    let step = program.next()
    while (!step.done) {
      known.push(step.value.standing().order.length)
      expect(step.value.questions).toHaveLength(2)
      step = program.next(step.value.questions.map(perfect((at) => at / 10)))
    }
    expect(known).toEqual([0, 10, 10])
  })

  it("averages what is known of a document, and leaves those below of which nothing is", () => {
    let asked = 0
    // Document 3 is omitted always, document 2 in the second repeat.
    const answer = ({ documents }: GroupwiseQuestion): GroupwiseAnswer => {
      const repeat = asked++
      const scores = [
        [0.2, 0.4],
        [0.9, 0.5],
        [0.6, undefined],
        [undefined, undefined],
      ]
      return { scores: documents.map((document) => scores[document]![repeat]) }
    }
    const { standing } = answerAll(groupProgram({ groupSize: 4, repeats: 2 }), taskOf(4), new Random(1), answer)
    expect(standing.order).toEqual([1, 2, 0])
    expect(standing.scores!.map((score) => Math.round(score * 100))).toEqual([70, 60, 30])
  })

  it("keeps the incoming order of equal scores", () => {
    const { standing } = answerAll(
      groupProgram({ groupSize: 3 }),
      taskOf(9),
      new Random(5),
      perfect((at) => at % 2),
    )
    expect(standing.order).toEqual([1, 3, 5, 7, 0, 2, 4, 6, 8])
  })

  it("counts an unreadable group as unknown, or as zeros where that is asked", () => {
    const lost = ({ documents }: GroupwiseQuestion): GroupwiseAnswer => ({
      scores: documents.map((at) => (documents.includes(0) ? undefined : at / 10)),
    })
    const options = { groupSize: 2, repeats: 1 }
    const unknown = answerAll(groupProgram(options), taskOf(6), new Random(1), lost).standing
    expect(unknown.order).toHaveLength(4)
    const zero = answerAll(groupProgram({ ...options, unreadable: "zero" }), taskOf(6), new Random(1), lost).standing
    expect(zero.order).toHaveLength(6)
    expect(zero.scores!.slice(4)).toEqual([0, 0])
  })

  it("adds first-stage scores, min-max normalised", () => {
    const task = taskOf(3, [30, 20, 10])
    const answer = perfect((at) => [0.1, 0.5, 0.6][at])
    const fusion = { groups: 0.6, firstStage: 0.4 }
    const { standing } = answerAll(groupProgram({ fusion }), task, new Random(1), answer)
    expect(standing.order).toEqual([1, 0, 2])
    expect(standing.scores!.map((score) => score.toFixed(3))).toEqual(["0.500", "0.460", "0.360"])
  })

  it("goes on without the answers that a budget left out", () => {
    let asked = 0
    const answer = (question: GroupwiseQuestion) => (asked++ < 1 ? perfect((at) => at)(question) : undefined)
    const { standing } = answerAll(groupProgram({ groupSize: 5 }), taskOf(10), new Random(1), answer)
    expect(standing.order).toHaveLength(5)
  })

  it("finds the best ten of noisy scores by repeating", () => {
    const noise = new Random(9, "noise")
    const answer = perfect((at) => (at + 20 * (noise.float() - 0.5)) / 100)
    const hitsOf = (repeats: number) =>
      answerAll(groupProgram({ repeats }), taskOf(100), new Random(1), answer)
        .standing.order.slice(0, 10)
        .filter((at) => at >= 90).length
    expect(hitsOf(40)).toBeGreaterThan(hitsOf(1))
  })

  it("refuses options out of range", () => {
    expect(() => groupProgram({ groupSize: 0 })).toThrow(/groupSize/)
    expect(() => groupProgram({ repeats: 1.5 })).toThrow(/repeats/)
    expect(() => groupProgram({ fusion: { groups: -1, firstStage: 1 } })).toThrow(/fusion.groups/)
    expect(() => groupProgram({ asked: "later" as "apart" })).toThrow(/asked/)
  })
})
