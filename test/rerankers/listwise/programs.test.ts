import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { knockout } from "../../../rerankers/listwise/knockout.js"
import { slidingWindows, windowBounds } from "../../../rerankers/listwise/sliding-windows.js"
import { tourRankProgram } from "../../../rerankers/listwise/tour-rank-program.js"
import { dealGroups, tourRankStages } from "../../../rerankers/listwise/tour-rank-stages.js"
import { answerAll } from "../../../rerankers/program/index.js"
import { Random } from "../../../src/core/index.js"
import { byChance, perfect, placesOf, taskOf, trueOrder } from "./judges.js"

const random = () => new Random(7, "test")
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at)
const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)

describe("sliding windows", () => {
  it.each([
    [100, 20, 10, [80, 70, 60, 50, 40, 30, 20, 10, 0]],
    [95, 20, 10, [75, 65, 55, 45, 35, 25, 15, 5, 0]],
    [25, 20, 10, [5, 0]],
    [30, 20, 10, [10, 0]],
    [20, 20, 10, [0]],
    [15, 20, 10, [0]],
    [7, 4, 4, [3, 0]],
    [0, 20, 10, []],
  ])("of %i documents, window %i, step %i, begin at %j", (count, window, step, starts) => {
    const bounds = windowBounds(count, window, step)
    expect(bounds.map(([start]) => start)).toEqual(starts)
    expect(bounds.map(([, end]) => end)).toEqual(starts.map((_, at) => count - at * step))
  })

  it("carry the best of each window on", () => {
    // The truth is the list upside down: 6 is the best.
    const { standing, rounds } = answerAll(
      slidingWindows({ window: 4, step: 2 }),
      taskOf(7),
      random(),
      perfect([6, 5, 4, 3, 2, 1, 0]).order,
    )
    expect(rounds.map(([question]) => question?.documents)).toEqual([
      [3, 4, 5, 6],
      [1, 2, 6, 5],
      [0, 6, 5],
    ])
    expect(standing.order).toEqual([6, 5, 0, 2, 1, 4, 3])
  })

  it("ask a lone document at the head nothing", () => {
    const { rounds } = answerAll(
      slidingWindows({ window: 20, step: 20 }),
      taskOf(21),
      random(),
      perfect(range(0, 21)).order,
    )
    expect(rounds.map(([question]) => question?.documents)).toEqual([range(1, 21)])
  })

  it("go on passing until nothing moves", () => {
    const run = (passes: number, ranks: number[]) =>
      answerAll(slidingWindows({ window: 4, step: 2, passes }), taskOf(ranks.length), random(), perfect(ranks).order)
    const upsideDown = range(0, 12).reverse()
    const five = run(5, upsideDown)
    // Five windows each; two places are right after each pass, and the sixth pass would have moved nothing.
    expect(five.rounds).toHaveLength(25)
    expect(five.standing.order.slice(0, 10)).toEqual(trueOrder(upsideDown).slice(0, 10))
    expect(run(9, range(0, 12)).rounds).toHaveLength(5)
  })

  it("find the best ten in one pass of twenty by ten, whatever came in", () => {
    const lists = fc
      .integer({ min: 0, max: 120 })
      .chain((count) => fc.tuple(fc.shuffledSubarray(range(0, count), { minLength: count })))
    fc.assert(
      fc.property(lists, ([ranks]) => {
        const { standing } = answerAll(slidingWindows(), taskOf(ranks.length), random(), perfect(ranks).order)
        expect(standing.order.slice(0, 10)).toEqual(trueOrder(ranks).slice(0, 10))
      }),
    )
  })

  it("lose nothing whatever is answered", () => {
    const settings = fc.record({
      count: fc.integer({ min: 0, max: 60 }),
      window: fc.integer({ min: 2, max: 30 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      passes: fc.integer({ min: 1, max: 3 }),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(settings, ({ count, window, share, passes, seed }) => {
        const step = 1 + Math.floor(share * (window - 1))
        const judge = byChance(new Random(seed)).order
        const { standing } = answerAll(slidingWindows({ window, step, passes }), taskOf(count), random(), judge)
        expect(ascending(standing.order)).toEqual(range(0, count))
      }),
    )
  })

  it("refuse settings without sense", () => {
    for (const settings of [{ window: 1 }, { window: 4, step: 5 }, { step: 0 }, { passes: 0 }, { window: 2.5 }])
      expect(() => slidingWindows(settings)).toThrow(/whole number/)
  })
})

describe("the stages of TourRank", () => {
  it("are the paper's for a hundred", () => {
    expect(tourRankStages(100)).toEqual([
      { groups: 5, keep: 50 },
      { groups: 5, keep: 20 },
      { groups: 1, keep: 10 },
      { groups: 1, keep: 5 },
      { groups: 1, keep: 2 },
    ])
  })

  it("scale with the list", () => {
    expect(tourRankStages(20).map(({ groups, keep }) => [groups, keep])).toEqual([
      [1, 10],
      [1, 5],
      [1, 2],
    ])
    expect(tourRankStages(30).map(({ groups, keep }) => [groups, keep])[0]).toEqual([2, 20])
    expect(tourRankStages(400).map(({ keep }) => keep)).toEqual([200, 100, 50, 20, 10, 5, 2])
    expect(tourRankStages(97).slice(0, 1)).toEqual([{ groups: 5, keep: 50 }])
    expect(tourRankStages(2)).toEqual([{ groups: 1, keep: 1 }])
    expect(tourRankStages(1)).toEqual([])
    expect(tourRankStages(0)).toEqual([])
  })

  it("hold groups of no more than may be shown, and keep what they are to keep", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1200 }), fc.integer({ min: 2, max: 40 }), (count, groupSize) => {
        let left = count
        for (const stage of tourRankStages(count, groupSize)) {
          const groups = dealGroups(range(0, left), stage)
          expect(Math.max(...groups.map(({ documents }) => documents.length))).toBeLessThanOrEqual(groupSize)
          expect(groups.reduce((sum, { count: kept }) => sum + kept, 0)).toBe(stage.keep)
          for (const group of groups) expect(group.count).toBeLessThanOrEqual(group.documents.length)
          expect(stage.keep).toBeLessThan(left)
          left = stage.keep
        }
        expect(left).toBeLessThanOrEqual(2)
      }),
    )
  })

  it("deal by rank", () => {
    const dealt = dealGroups(range(0, 7), { groups: 3, keep: 4 })
    expect(dealt).toEqual([
      { documents: [0, 3, 6], count: 2 },
      { documents: [1, 4], count: 1 },
      { documents: [2, 5], count: 1 },
    ])
  })
})

describe("TourRank", () => {
  const ranks = random().shuffle(range(0, 100))

  it("asks thirteen questions in five rounds for a hundred documents", () => {
    const { rounds, standing } = answerAll(tourRankProgram(), taskOf(100), random(), perfect(ranks).select)
    expect(rounds.map((questions) => questions.map(({ documents, count }) => [documents.length, count]))).toEqual([
      Array(5).fill([20, 10]),
      Array(5).fill([10, 4]),
      [[20, 10]],
      [[10, 5]],
      [[5, 2]],
    ])
    // Group g is dealt every fifth document, and shows them in an order of its own.
    rounds[0]!.forEach(({ documents }, group) => {
      expect(ascending(documents)).toEqual(range(0, 20).map((at) => group + 5 * at))
      expect(documents).not.toEqual(ascending(documents))
    })
    expect(standing.scores!.filter((points) => points > 0)).toHaveLength(50)
    expect(standing.scores!.slice(0, 2)).toEqual([5, 5])
    expect(new Set(standing.order.slice(0, 2))).toEqual(new Set(trueOrder(ranks).slice(0, 2)))
  })

  it("holds tournaments side by side, each with groups of its own, and sums their points", () => {
    const { rounds, standing } = answerAll(
      tourRankProgram({ tournaments: 3 }),
      taskOf(100),
      random(),
      perfect(ranks).select,
    )
    expect(rounds.map(({ length }) => length)).toEqual([15, 15, 3, 3, 3])
    expect(rounds[0]![0]!.documents).not.toEqual(rounds[0]![5]!.documents)
    expect(ascending(rounds[0]![0]!.documents)).toEqual(ascending(rounds[0]![5]!.documents))
    expect(standing.scores![0]).toBe(15)
  })

  it("keeps the incoming order of equal points, and puts the right ten first where groups do not get in the way", () => {
    const alone = perfect(range(0, 20).reverse())
    const { standing } = answerAll(tourRankProgram(), taskOf(20), random(), alone.select)
    // 3 points for two, 2 for three more, 1 for five more; among equals the one that came in first.
    expect(standing.order).toEqual([18, 19, 15, 16, 17, 10, 11, 12, 13, 14, ...range(0, 10)])
    expect(standing.scores).toEqual([3, 3, 2, 2, 2, 1, 1, 1, 1, 1, ...Array(10).fill(0)])
  })

  it("lets fewer go on where a model chooses fewer, and loses nothing", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 0, max: 130 }),
        fc.integer({ min: 1, max: 3 }),
        (seed, count, tournaments) => {
          const judge = byChance(new Random(seed)).select
          const { standing } = answerAll(
            tourRankProgram({ tournaments, groupSize: 12 }),
            taskOf(count),
            random(),
            judge,
          )
          expect(ascending(standing.order)).toEqual(range(0, count))
          expect(standing.scores!.every((points, at) => at === 0 || points <= standing.scores![at - 1]!)).toBe(true)
        },
      ),
    )
  })

  it("takes stages of one's own", () => {
    const stages = [
      { groups: 2, keep: 4 },
      { groups: 1, keep: 1 },
    ]
    const { rounds } = answerAll(tourRankProgram({ stages }), taskOf(8), random(), perfect(range(0, 8)).select)
    expect(rounds.map((questions) => questions.map(({ documents, count }) => [documents.length, count]))).toEqual([
      [
        [4, 2],
        [4, 2],
      ],
      [[4, 1]],
    ])
    expect(() => tourRankProgram({ stages: [...stages].reverse() })).toThrow(/less than the stage before/)
    expect(() => tourRankProgram({ tournaments: 0 })).toThrow(/tournaments/)
    expect(() => tourRankProgram({ groupSize: 1 })).toThrow(/groupSize/)
  })
})

describe("the knock-out of ListT5", () => {
  const ranksOf = (order: readonly number[]) => {
    const ranks: number[] = []
    order.forEach((position, rank) => {
      ranks[position] = rank
    })
    return ranks
  }

  it("repeats only along the winner's way", () => {
    const truth = [7, 9, 2, 8, 4, 0, 1, 3, 5, 6]
    const { standing, rounds } = answerAll(knockout({ top: 3 }), taskOf(10), random(), perfect(ranksOf(truth)).order)
    expect(rounds.map((questions) => questions.map(({ documents }) => documents))).toEqual([
      [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
      ],
      [[2, 4, 7, 9]],
      [[5, 6, 8, 9]],
      [[2, 4, 9, 8]],
      [[5, 6, 8]],
      [[2, 4, 8, 5]],
    ])
    expect(standing.order).toEqual([7, 9, 2, 0, 1, 3, 4, 5, 6, 8])
  })

  it("finds the first of a hundred with 33 questions, 25 where one of each group goes on", () => {
    const run = (keep: number) =>
      answerAll(knockout({ keep, top: 1 }), taskOf(100), random(), perfect(range(0, 100)).order)
    // 20 groups; 40 in 8; 16 in 3 and one that passes; 7 in 1 and two that pass; 4 in 1.
    expect(run(2).rounds.map(({ length }) => length)).toEqual([20, 8, 3, 1, 1])
    // 20 groups; 20 in 4; 4 in 1.
    expect(run(1).rounds.map(({ length }) => length)).toEqual([20, 4, 1])
  })

  it("finds the right ten, whatever came in", () => {
    const lists = fc
      .integer({ min: 0, max: 100 })
      .chain((count) => fc.tuple(fc.shuffledSubarray(range(0, count), { minLength: count })))
    fc.assert(
      fc.property(lists, fc.integer({ min: 2, max: 8 }), fc.integer({ min: 1, max: 3 }), ([ranks], groupSize, keep) => {
        fc.pre(keep < groupSize)
        const program = knockout({ groupSize, keep })
        const { standing } = answerAll(program, taskOf(ranks.length), random(), perfect(ranks).order)
        expect(standing.order.slice(0, 10)).toEqual(trueOrder(ranks).slice(0, 10))
        expect(ascending(standing.order)).toEqual(range(0, ranks.length))
      }),
    )
  })

  it("ends and loses nothing whatever is answered", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 40 }), (seed, count) => {
        const { standing } = answerAll(knockout(), taskOf(count), random(), byChance(new Random(seed)).order)
        expect(ascending(standing.order)).toEqual(range(0, count))
      }),
    )
    const silent = answerAll(knockout(), taskOf(12), random(), () => undefined)
    expect(silent.standing.order).toEqual(placesOf(range(0, 12)))
  })

  it("refuses settings without sense", () => {
    for (const settings of [{ groupSize: 1 }, { keep: 5 }, { keep: 0 }, { top: 0 }])
      expect(() => knockout(settings)).toThrow(/whole number/)
  })
})
