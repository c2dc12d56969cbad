import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type PairwiseSettings, pairwiseProgram } from "../../../rerankers/pairwise/pairwise-program.js"
import {
  answerAll,
  type PairwiseAnswer,
  type PairwiseQuestion,
  ProgramReranker,
} from "../../../rerankers/program/index.js"
import { noUsage, Random } from "../../../src/core/index.js"
import { classicBinaryHeapsort, classicSliding, range } from "../sorting/reference.js"
import { hostileValues, rankingOf, taskOf, whole } from "../sorting/tasks.js"

const relevances = (count: number, seed: number) => new Random(seed, "relevances").shuffle(range(count))

type Prefers = (first: number, second: number) => unknown

function run(count: number, settings: PairwiseSettings, prefers: Prefers, verdict?: "consistent" | "probability") {
  const { standing, rounds } = answerAll(
    pairwiseProgram(settings, verdict),
    taskOf(count),
    new Random(0),
    ({ first, second }) => ({ preference: prefers(first, second) }) as PairwiseAnswer,
  )
  const asked = rounds.flat().map(({ first, second }) => [first, second] as const)
  return { order: whole(standing.order, count), scores: standing.scores, rounds, asked }
}

const perfect =
  (relevance: readonly number[]): Prefers =>
  (first, second) =>
    relevance[first]! > relevance[second]! ? 1 : 0

/** Preferences that depend on the order in which two are shown: a third of all pairs are ties. */
const moody: Prefers = (first, second) => new Random(2, `${first},${second}`).integer(2)
const wins = (prefers: Prefers) => (left: number, right: number) =>
  prefers(left, right) === 1 && prefers(right, left) === 0

const sizes = fc.record({ count: fc.integer({ min: 1, max: 50 }), top: fc.integer({ min: 1, max: 60 }) })

describe("pairwise heapsort", () => {
  it("asks what the recursive heapsort asks, both orders at once, whatever the answers are", () => {
    fc.assert(
      fc.property(sizes, fc.integer(), fc.boolean(), ({ count, top }, seed, sane) => {
        const prefers = sane ? perfect(relevances(count, seed)) : moody
        const trace: string[] = []
        let built = 0
        const greater = (left: number, right: number) => {
          trace.push(`${left},${right}`, `${right},${left}`)
          return wins(prefers)(left, right)
        }
        const order = classicBinaryHeapsort(count, top, greater, () => (built = trace.length))
        const ours = run(count, { top }, prefers)
        const asked = ours.asked.map(String)
        expect(ours.order).toEqual(order)
        expect([...asked].sort()).toEqual([...trace].sort())
        expect(asked.slice(built)).toEqual(trace.slice(built))
      }),
    )
  })

  it.each([
    // Counted by hand, where nothing ever wins: 7 documents have 3 nodes with two children each, 6 comparisons, 12 prompts; an extraction looks at the root's two.
    [7, 1, 12],
    [7, 2, 16],
    [2, 1, 2],
    [1, 1, 0],
    [8, 1, 14],
  ])("of %i documents whose comparisons are all ties, for k = %i, asks %i times", (count, top, prompts) => {
    const { asked, order } = run(count, { top }, () => 1)
    expect(asked).toHaveLength(prompts)
    expect(order[0]).toBe(0)
  })

  it("takes an answer that contradicts itself for a tie", () => {
    // The second document is preferred wherever it stands second, and first: only the last pair is consistent.
    expect(run(2, {}, () => 0).order).toEqual([0, 1])
    expect(run(2, {}, () => 1).order).toEqual([0, 1])
    expect(run(2, {}, (first) => (first === 1 ? 1 : undefined)).order).toEqual([0, 1])
    expect(run(2, {}, (first) => (first === 1 ? 0.5 : 0)).order).toEqual([0, 1])
    expect(run(2, {}, (first) => (first === 1 ? 0.51 : 0.49)).order).toEqual([1, 0])
    // By probability it is enough to be preferred more when shown first.
    expect(run(2, {}, (first) => (first === 1 ? 0.9 : 0.8), "probability").order).toEqual([1, 0])
    expect(run(2, {}, () => 0.8, "probability").order).toEqual([0, 1])
  })
})

describe("pairwise sliding", () => {
  it("asks what PRP-sliding asks, in the same order, whatever the answers are", () => {
    fc.assert(
      fc.property(sizes, fc.integer(), fc.boolean(), ({ count, top }, seed, sane) => {
        const prefers = sane ? perfect(relevances(count, seed)) : moody
        const trace: string[] = []
        const order = classicSliding(count, top, (lower, upper) => {
          trace.push(`${lower},${upper}`, `${upper},${lower}`)
          return wins(prefers)(lower, upper)
        })
        const ours = run(count, { algorithm: "sliding", top }, prefers)
        expect(ours.asked.map(String)).toEqual(trace)
        expect(ours.order).toEqual(order)
        expect(ours.rounds.every(({ length }) => length === 2)).toBe(true)
      }),
    )
  })

  it("goes through the list once where nothing changes", () => {
    expect(run(30, { algorithm: "sliding" }, perfect(range(30).reverse())).asked).toHaveLength(2 * 29)
  })
})

describe("all pairs", () => {
  it("asks about each pair in both orders, once", () => {
    for (let count = 0; count <= 33; count++) {
      const { asked } = run(count, { algorithm: "all-pairs" }, () => 1)
      expect(asked).toHaveLength(count * Math.max(0, count - 1))
      expect(new Set(asked.map(String)).size).toBe(asked.length)
      expect(asked.every(([first, second]) => first !== second && first < count && second < count)).toBe(true)
    }
  })

  it("gives a point for a win, a half to both for a tie", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.boolean(), (count, sane) => {
        const prefers = sane ? perfect(relevances(count, count)) : moody
        const points = range(count).map((document) => {
          let sum = 0
          for (const other of range(count)) {
            if (other === document) continue
            if (wins(prefers)(document, other)) sum += 1
            else if (!wins(prefers)(other, document)) sum += 0.5
          }
          return sum
        })
        const { order, scores } = run(count, { algorithm: "all-pairs" }, prefers)
        expect(order).toEqual(range(count).sort((left, right) => points[right]! - points[left]! || left - right))
        expect(scores).toEqual(order.map((document) => points[document]))
      }),
    )
  })

  it("adds the mean of both orders by probability", () => {
    const preferences = new Map([
      ["0,1", 0.9],
      ["1,0", 0.3],
      ["0,2", 0.2],
      ["2,0", 0.6],
      ["1,2", 0.5],
      ["2,1", 0.5],
    ])
    const prefers: Prefers = (first, second) => preferences.get(`${first},${second}`)
    const { order, scores } = run(3, { algorithm: "all-pairs" }, prefers, "probability")
    expect(order).toEqual([2, 0, 1])
    // (0.9 + 0.7 + 0.2 + 0.4) / 2 and so on.
    for (const [at, score] of [1.2, 1.1, 0.7].entries()) expect(scores![at]).toBeCloseTo(score, 12)
  })

  it("compares neighbours first, all documents about as often at any time", () => {
    const { rounds } = run(40, { algorithm: "all-pairs" }, () => 1)
    expect(rounds.map(({ length }) => length)).toEqual([80, 160, 320, 640, 360])
    for (let asked = 0; asked <= 1560; asked += 130) {
      const counts = new Array<number>(40).fill(0)
      for (const { first, second } of rounds.flat().slice(0, asked)) {
        counts[first]!++
        counts[second]!++
      }
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(4)
    }
  })
})

describe.each<PairwiseSettings>([{}, { algorithm: "sliding" }, { algorithm: "all-pairs" }])(
  "pairwise %j",
  (settings) => {
    it("finds the ten best with a comparator that is right", () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 60 }), fc.integer(), (count, seed) => {
          const relevance = relevances(count, seed)
          const best = range(count).sort((left, right) => relevance[right]! - relevance[left]!)
          for (const verdict of ["consistent", "probability"] as const)
            expect(run(count, settings, perfect(relevance), verdict).order.slice(0, 10)).toEqual(best.slice(0, 10))
        }),
        { numRuns: 40 },
      )
    })

    it("loses nothing, repeats nothing and throws nothing with an oracle that is hostile", () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 0, max: 20 }),
          fc.infiniteStream(fc.constantFrom(...hostileValues)),
          (count, values) => {
            const { standing } = answerAll(pairwiseProgram(settings), taskOf(count), new Random(count), () => {
              const value = values.next().value
              return (values.next().value === null ? value : { preference: value }) as PairwiseAnswer
            })
            expect(new Set(standing.order).size).toBe(standing.order.length)
            expect(whole(standing.order, count).sort((a, b) => a - b)).toEqual(range(count))
            expect((standing.scores ?? []).every(Number.isFinite)).toBe(true)
          },
        ),
      )
    })

    it("has all documents in place wherever a budget ends", async () => {
      const count = 14
      const relevance = relevances(count, 8)
      const oracle = {
        name: "oracle",
        fingerprint: "0",
        ask: async (_: unknown, questions: readonly PairwiseQuestion[]) =>
          questions.map(({ first, second }) => ({
            answer: { preference: relevance[first]! > relevance[second]! ? 1 : 0 },
            usage: { ...noUsage, calls: 1 },
          })),
        mostTokens: () => 1,
        describe: () => ({}),
      }
      const reranker = new ProgramReranker(pairwiseProgram(settings), oracle, {
        name: "pairwise",
        scoreKind: "ordinal",
      })
      const best = range(count).sort((left, right) => relevance[right]! - relevance[left]!)
      for (let maxCalls = 0; ; maxCalls++) {
        const [ranking] = await reranker.rerank([rankingOf(count)], { budget: { maxCalls } })
        const ids = ranking!.hits.map(({ id }) => Number(id.slice(1)))
        expect([...ids].sort((a, b) => a - b)).toEqual(range(count))
        expect(ranking!.usage.calls).toBeLessThanOrEqual(maxCalls)
        if (settings.algorithm !== "all-pairs") {
          // What is settled is right; all others are as they came in.
          const right = ids.findIndex((id, rank) => id !== best[rank])
          const rest = right === -1 ? [] : ids.slice(right)
          expect(rest).toEqual([...rest].sort((a, b) => a - b))
        }
        if (ranking!.status === "ranked") {
          expect(ids.slice(0, 10)).toEqual(best.slice(0, 10))
          break
        }
      }
    })
  },
)

describe("settings", () => {
  it.each<[PairwiseSettings, RegExp]>([
    [{ algorithm: "quicksort" as "heapsort" }, /algorithm must be one of heapsort, sliding, all-pairs/],
    [{ top: 0 }, /top must be a whole number of at least 1/],
    [{ top: 1.5 }, /top/],
  ])("%j are refused", (settings, message) => {
    expect(() => pairwiseProgram(settings)).toThrow(message)
  })
})
