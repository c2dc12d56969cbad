import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  answerAll,
  ProgramReranker,
  type SetwiseAnswer,
  type SetwiseQuestion,
} from "../../../rerankers/program/index.js"
import { type SetwiseSettings, setwiseProgram } from "../../../rerankers/setwise/setwise-program.js"
import { noUsage, Random } from "../../../src/core/index.js"
import { classicBubbleSort, classicHeapsort } from "../sorting/reference.js"
import { hostileValues, rankingOf, taskOf, whole } from "../sorting/tasks.js"

/** Relevances of n documents that are all different. */
const relevances = (count: number, seed: number) =>
  new Random(seed, "relevances").shuffle(Array.from({ length: count }, (_, position) => position))

const placeOfBest = (documents: readonly number[], relevance: readonly number[]) =>
  documents.reduce((best, document, place) => (relevance[document]! > relevance[documents[best]!]! ? place : best), 0)

/** A comparator that is deterministic and contradicts itself. */
const moody = (documents: readonly number[]) => new Random(1, documents.join()).integer(documents.length)

function run(count: number, settings: SetwiseSettings, bestOf: (documents: readonly number[]) => unknown, seed = 0) {
  const { standing, rounds } = answerAll(setwiseProgram(settings), taskOf(count), new Random(seed), ({ documents }) => {
    return { best: bestOf(documents) } as SetwiseAnswer
  })
  return { order: whole(standing.order, count), rounds, asked: rounds.flat().map(({ documents }) => documents) }
}

const keys = (trace: readonly (readonly number[])[]) => trace.map((documents) => documents.join())

const sizes = fc.record({
  count: fc.integer({ min: 1, max: 60 }),
  children: fc.integer({ min: 2, max: 7 }),
  top: fc.integer({ min: 1, max: 70 }),
})

describe("setwise heapsort", () => {
  it("asks what the recursive heapsort asks, whatever the answers are", () => {
    fc.assert(
      fc.property(sizes, fc.integer(), fc.boolean(), ({ count, children, top }, seed, perfect) => {
        const relevance = relevances(count, seed)
        const bestOf = perfect ? (documents: readonly number[]) => placeOfBest(documents, relevance) : moody
        const trace: (readonly number[])[] = []
        let built = 0
        const note = (documents: readonly number[]) => {
          trace.push(documents)
          return bestOf(documents)
        }
        const order = classicHeapsort(count, children, top, note, () => (built = trace.length))
        const ours = run(count, { children, top }, bestOf)
        expect(ours.order).toEqual(order)
        expect(keys(ours.asked).sort()).toEqual(keys(trace).sort())
        // Heaps are built side by side; from then on one question depends on the other, in the same order.
        expect(keys(ours.asked.slice(built))).toEqual(keys(trace.slice(built)))
        expect(ours.rounds.slice(ours.rounds.length - (trace.length - built)).every(({ length }) => length === 1)).toBe(
          true,
        )
      }),
    )
  })

  it.each([
    // Counted by hand: nodes 0, 1 and 2 have children. With k = 2 the last leaf comes to the root and, never beaten, stays: one question more.
    [10, 3, 1, 3],
    [10, 3, 2, 4],
    [10, 3, 10, 3 + 8],
    [4, 3, 1, 1],
    [3, 3, 1, 1],
    [2, 3, 10, 1],
    [1, 3, 10, 0],
    [20, 19, 1, 1],
    [20, 19, 3, 3],
    // All of 100 with d = 19: nodes 0 to 5 have children.
    [100, 19, 10, 6 + 9],
    [21, 19, 1, 2],
    // n a multiple of d: node n / d has no children, and none is asked about.
    [9, 3, 1, 3],
    [6, 2, 1, 3],
    [6, 3, 1, 2],
    [7, 3, 1, 2],
    [8, 3, 1, 3],
  ])("of %i documents in order with d = %i and k = %i asks %i times", (count, children, top, calls) => {
    expect(run(count, { children, top }, () => 0).asked).toHaveLength(calls)
  })

  it("builds in rounds, and asks one question at a time from then on", () => {
    const { rounds, order } = run(100, { children: 3, top: 2 }, (documents) =>
      placeOfBest(documents, relevances(100, 1)),
    )
    expect(rounds[0]!.length).toBeGreaterThan(15)
    expect(rounds.at(-1)).toHaveLength(1)
    expect(rounds.flat().length - rounds.length).toBeGreaterThan(20)
    expect(order.slice(0, 2).map((document) => relevances(100, 1)[document])).toEqual([99, 98])
  })
})

describe("setwise bubble sort", () => {
  it("finds the best as a bubble sort without shortcuts does, and asks no more", () => {
    fc.assert(
      fc.property(sizes, fc.integer(), ({ count, children, top }, seed) => {
        const relevance = relevances(count, seed)
        let calls = 0
        const order = classicBubbleSort(count, children, top, (documents) => {
          calls++
          return placeOfBest(documents, relevance)
        })
        const ours = run(count, { algorithm: "bubblesort", children, top }, (documents) =>
          placeOfBest(documents, relevance),
        )
        expect(ours.order).toEqual(order)
        expect(ours.asked.length).toBeLessThanOrEqual(calls)
        expect(ours.rounds.every((round) => round.length === 1)).toBe(true)
      }),
    )
  })

  it("skips windows at the tail in which nothing changed", () => {
    // In order: one pass of 33 windows, then only the rest of the window at the head, as long as two documents are left in it.
    const { asked } = run(100, { algorithm: "bubblesort", children: 3, top: 3 }, () => 0)
    expect(asked).toHaveLength(33 + 2)
    expect(asked[0]).toEqual([96, 97, 98, 99])
    expect(asked.slice(-3)).toEqual([
      [0, 1, 2, 3],
      [1, 2, 3],
      [2, 3],
    ])
  })

  it("goes back to the window whose head was changed", () => {
    // Best to worst: 4, 6, 0, 1, 2, 3, 5. First [3 4 5 6] puts 4 up and 3 in its place, then [0 1 2 4] puts 4 up and 0 in its place.
    const relevance = [5, 4, 3, 2, 7, 1, 6]
    const { asked, order } = run(7, { algorithm: "bubblesort", children: 3, top: 2 }, (documents) =>
      placeOfBest(documents, relevance),
    )
    expect(asked).toEqual([
      [3, 4, 5, 6],
      [0, 1, 2, 4],
      [0, 3, 5, 6],
      [1, 2, 6],
    ])
    expect(order).toEqual([4, 6, 0, 1, 2, 3, 5])
  })
})

describe("votes", () => {
  it("are asked in one round, shuffled, and the most win", () => {
    const { rounds, order } = run(40, { children: 5, top: 5, votes: 3 }, (documents) => {
      // One vote in three goes astray.
      const best = placeOfBest(documents, relevances(40, 3))
      return best
    })
    expect(rounds.every((round) => round.length % 3 === 0)).toBe(true)
    const last = rounds.at(-1)!
    expect(new Set(last.map(({ documents }) => [...documents].sort((a, b) => a - b).join())).size).toBe(1)
    expect(new Set(rounds.flat().map(({ documents }) => documents.join())).size).toBeGreaterThan(
      rounds.flat().length / 2,
    )
    expect(order.slice(0, 5).map((document) => relevances(40, 3)[document])).toEqual([39, 38, 37, 36, 35])
  })

  it("that are in the minority or name nothing do not count", () => {
    let turn = 0
    const relevance = relevances(50, 4)
    const { order } = run(50, { children: 4, top: 10, votes: 5 }, (documents) => {
      const wrong = [Number.NaN, documents.length, undefined]
      return turn++ % 5 < 2 ? placeOfBest(documents, relevance) : wrong[turn % 3]
    })
    expect(order.slice(0, 10)).toEqual([...relevance.keys()].sort((a, b) => relevance[b]! - relevance[a]!).slice(0, 10))
  })

  it("that are equal are decided by chance, the same for the same seed", () => {
    let turn = 0
    const first = (seed: number) => {
      turn = 0
      return run(4, { children: 3, top: 1, votes: 2 }, (documents) => documents.indexOf(turn++ % 2), seed).order[0]!
    }
    const outcomes = Array.from({ length: 40 }, (_, seed) => first(seed))
    expect(new Set(outcomes)).toEqual(new Set([0, 1]))
    expect(Array.from({ length: 40 }, (_, seed) => first(seed))).toEqual(outcomes)
  })

  it("leave the parent where it is if none can be read", () => {
    expect(run(20, { votes: 3 }, () => undefined).order).toEqual(
      Array.from({ length: 20 }, (_, position) => position).sort(byClassic(20)),
    )
  })
})

/** The order in which a heapsort whose parents always win takes documents out, d = 3, k = 10. */
function byClassic(count: number) {
  const order = classicHeapsort(count, 3, 10, () => 0)
  return (left: number, right: number) => order.indexOf(left) - order.indexOf(right)
}

describe.each<SetwiseSettings>([
  {},
  { children: 19 },
  { children: 2, votes: 3 },
  { algorithm: "bubblesort" },
  { algorithm: "bubblesort", children: 1 },
  { algorithm: "bubblesort", children: 19, shuffle: true },
])("setwise %j", (settings) => {
  it("finds the ten best with a comparator that is right", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 110 }), fc.integer(), (count, seed) => {
        const relevance = relevances(count, seed)
        const { order } = run(count, settings, (documents) => placeOfBest(documents, relevance), seed)
        const best = [...relevance.keys()].sort((left, right) => relevance[right]! - relevance[left]!)
        expect(order.slice(0, 10)).toEqual(best.slice(0, 10))
        const rest = order.slice(10)
        expect(rest).toEqual([...rest].sort((left, right) => left - right))
      }),
      { numRuns: 40 },
    )
  })

  it("loses nothing, repeats nothing and throws nothing with an oracle that is hostile", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.infiniteStream(fc.constantFrom(...hostileValues)),
        (count, values) => {
          const { standing } = answerAll(setwiseProgram(settings), taskOf(count), new Random(count), () => {
            const value = values.next().value
            // Either the whole answer is of no use, or what stands in it.
            return (values.next().value === null ? value : { best: value }) as SetwiseAnswer
          })
          expect(new Set(standing.order).size).toBe(standing.order.length)
          expect(whole(standing.order, count).sort((a, b) => a - b)).toEqual(
            Array.from({ length: count }, (_, at) => at),
          )
        },
      ),
    )
  })

  it("has all documents in place wherever a budget ends", async () => {
    const count = 24
    const relevance = relevances(count, 5)
    const oracle = {
      name: "oracle",
      fingerprint: "0",
      ask: async (_: unknown, questions: readonly SetwiseQuestion[]) =>
        questions.map(({ documents }) => ({
          answer: { best: placeOfBest(documents, relevance) },
          usage: { ...noUsage, calls: 1 },
        })),
      mostTokens: () => 1,
      describe: () => ({}),
    }
    const reranker = new ProgramReranker(setwiseProgram(settings), oracle, { name: "setwise", scoreKind: "ordinal" })
    const best = [...relevance.keys()].sort((left, right) => relevance[right]! - relevance[left]!).map((at) => `d${at}`)
    for (let maxCalls = 0; ; maxCalls++) {
      const [ranking] = await reranker.rerank([rankingOf(count)], { budget: { maxCalls } })
      const ids = ranking!.hits.map(({ id }) => id)
      expect([...ids].sort()).toEqual(Array.from({ length: count }, (_, at) => `d${at}`).sort())
      expect(ranking!.usage.calls).toBeLessThanOrEqual(maxCalls)
      // What is settled is right; all others are as they came in.
      const right = ids.findIndex((id, rank) => id !== best[rank])
      const rest = right === -1 ? [] : ids.slice(right).map((id) => Number(id.slice(1)))
      expect(rest).toEqual([...rest].sort((left, above) => left - above))
      if (ranking!.status === "ranked") {
        expect(ids.slice(0, 10)).toEqual(best.slice(0, 10))
        break
      }
    }
  })
})

describe("settings", () => {
  it.each<[SetwiseSettings, RegExp]>([
    [{ algorithm: "quicksort" as "heapsort" }, /algorithm must be one of heapsort, bubblesort/],
    [{ children: 1 }, /children must be a whole number of at least 2/],
    [{ children: 2.5 }, /children/],
    [{ top: 0 }, /top/],
    [{ votes: Number.NaN }, /votes/],
  ])("%j are refused", (settings, message) => {
    expect(() => setwiseProgram(settings)).toThrow(message)
  })
})
