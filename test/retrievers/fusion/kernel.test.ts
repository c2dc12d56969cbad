import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type FusionMethodName, fuseHits, fusionMethodNames } from "../../../retrievers/fusion/index.js"
import { compareIds, type Hit, RankineError } from "../../../src/core/index.js"

const list = (text: string): Hit[] =>
  text.split(" ").map((part) => {
    const [id, score] = part.split(":")
    return { id: id!, score: Number(score) }
  })
const ids = (hits: readonly Hit[]) => hits.map((hit) => hit.id).join("")
const scores = (hits: readonly Hit[]) => Object.fromEntries(hits.map((hit) => [hit.id, hit.score]))

const lists = fc.array(
  fc.uniqueArray(fc.record({ id: fc.stringMatching(/^[a-m]$/), score: fc.double({ min: -9, max: 9, noNaN: true }) }), {
    selector: (hit) => hit.id,
    maxLength: 12,
  }),
  { minLength: 1, maxLength: 4 },
)
const sorted = lists.map((some) => some.map((hits) => hits.toSorted((a, b) => b.score - a.score)))

describe("every method", () => {
  it.each(fusionMethodNames)("%s: every document once, best first, ties by id", (method) => {
    fc.assert(
      fc.property(sorted, (some) => {
        const fused = fuseHits(some, { method })
        expect(fused.map((hit) => hit.id).toSorted()).toEqual([...new Set(some.flat().map((hit) => hit.id))].toSorted())
        fused.slice(1).forEach((hit, index) => {
          const before = fused[index]!
          expect(before.score > hit.score || (before.score === hit.score && compareIds(before.id, hit.id) < 0)).toBe(
            true,
          )
        })
      }),
    )
  })

  it.each(fusionMethodNames)("%s: a document that is first everywhere stays first", (method) => {
    // log-ISR gives 0 to what one list holds, and interleaving repeats the first list: both still put it first.
    const some = [list("a:9 b:5 c:3"), list("a:8 d:5 b:3"), list("a:7 c:5 e:3")]
    expect(fuseHits(some, { method })[0]!.id).toBe("a")
  })

  it.each(fusionMethodNames.filter((method) => method !== "interleave"))(
    "%s: the order of the lists does not matter",
    (method) => {
      const some = [list("a:9 b:5 c:3"), list("d:8 a:5 b:3"), list("c:7 e:5 a:3")]
      expect(ids(fuseHits(some, { method }))).toBe(ids(fuseHits(some.toReversed(), { method })))
    },
  )

  it.each(fusionMethodNames)("%s: empty lists, no lists", (method) => {
    expect(fuseHits([], { method })).toEqual([])
    expect(fuseHits([[], []], { method })).toEqual([])
    expect(ids(fuseHits([[], list("b:2 a:1")], { method }))).toBe(method === "log-isr" ? "ab" : "ba")
  })

  it.each(fusionMethodNames)("%s: refuses NaN", (method) => {
    const fusing = () => fuseHits([[{ id: "a", score: Number.NaN }]], { method })
    expect(fusing).toThrow(RankineError)
    expect(fusing).toThrow(/document "a" with NaN/)
  })
})

describe("by hand", () => {
  it("rrf: 1 / (k + rank), weighted", () => {
    const some = [list("a:9 b:5"), list("b:8 c:5")]
    expect(scores(fuseHits(some))).toEqual({ a: 1 / 61, b: 1 / 62 + 1 / 61, c: 1 / 62 })
    expect(scores(fuseHits(some, { k: 0, weights: [2, 1] }))).toEqual({ a: 2, b: 2, c: 0.5 })
    expect(ids(fuseHits(some, { k: 0, weights: [2, 1] }))).toBe("abc")
  })

  it("wsum: an absent document counts 0, or the lowest score where that is negative", () => {
    const some = [list("a:3 b:1"), list("c:-1 a:-2")]
    expect(scores(fuseHits(some, { method: "wsum", norm: "none", weights: [1, 2] }))).toEqual({
      a: 3 - 4,
      b: 1 - 4,
      c: 0 - 2,
    })
  })

  it("after zmuv an absent document never beats the same list's last", () => {
    const some = [list("a:3 b:2 c:1"), list("a:3 b:2 c:1 d:0.5")]
    const fused = fuseHits(some, { method: "combsum", norm: "zmuv" })
    expect(ids(fused)).toBe("abcd")
  })

  it("a single hit is worth 1 under min-max, so that it counts", () => {
    expect(scores(fuseHits([list("a:7"), list("b:3 c:1")], { method: "wsum", weights: [1, 1] }))).toEqual({
      a: 1,
      b: 1,
      c: 0,
    })
    expect(scores(fuseHits([list("a:7 b:7")], { method: "combsum", norm: "sum" }))).toEqual({ a: 0.5, b: 0.5 })
    expect(scores(fuseHits([list("a:7 b:7")], { method: "combsum", norm: "min-max-inverted" }))).toEqual({ a: 1, b: 1 })
    expect(scores(fuseHits([list("a:7 b:7")], { method: "combsum", norm: "zmuv" }))).toEqual({ a: 0, b: 0 })
  })

  it("deviations: standard deviations above the list's end; what a list does not hold is 0, equal scores are 1", () => {
    // 1, 2 and 6: mean 3, population deviation sqrt(14 / 3).
    const deviation = Math.sqrt(14 / 3)
    const fused = scores(fuseHits([list("a:6 b:2 c:1"), list("d:7 e:7")], { method: "wsum", norm: "deviations" }))
    expect(fused.a).toBeCloseTo(5 / deviation, 12)
    expect(fused.b).toBeCloseTo(1 / deviation, 12)
    expect(fused).toMatchObject({ c: 0, d: 1, e: 1 })
  })

  it("saturation keeps the order and bounds the scores", () => {
    fc.assert(
      fc.property(sorted, (some) => {
        const spec = { method: "wsum", norm: "deviations" } as const
        const plain = fuseHits(some, spec)
        const bounded = fuseHits(some, { ...spec, saturation: 5 })
        expect(ids(bounded)).toBe(ids(plain))
        bounded.forEach((hit, rank) => {
          expect(hit.score).toBeCloseTo(plain[rank]!.score / (plain[rank]!.score + 5), 12)
          expect(hit.score).toBeLessThan(1)
        })
      }),
    )
    const below = () => fuseHits([list("a:7 b:-7")], { method: "combsum", norm: "none", saturation: 1 })
    expect(below).toThrow(expect.objectContaining({ code: "score-kind" }))
    expect(() => fuseHits([list("a:7")], { method: "rrf", saturation: 1 })).toThrow(/by rank/)
    expect(() => fuseHits([list("a:7")], { method: "wsum", saturation: 0 })).toThrow(/above 0/)
  })

  it("dbsf: mean 2, sample deviation 1: (s - mean + 3) / 6; equal scores 0.5; lists added", () => {
    const fused = scores(fuseHits([list("a:3 b:2 c:1"), list("a:7")], { method: "dbsf" }))
    expect(fused.a).toBeCloseTo(4 / 6 + 0.5, 12)
    expect(fused.b).toBeCloseTo(0.5, 12)
    expect(fused.c).toBeCloseTo(2 / 6, 12)
  })

  it("interleave: turns, no repetitions, goes on when a list ends", () => {
    const fused = fuseHits([list("a:9 b:5 c:3"), list("a:8 d:5"), list("e:1")], { method: "interleave" })
    expect(ids(fused)).toBe("adebc")
    expect(fused.map((hit) => hit.score)).toEqual([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
  })

  it("a repeated document counts at its first place only", () => {
    const once = fuseHits([list("a:9 b:5"), list("b:8 c:5")])
    expect(fuseHits([list("a:9 a:7 b:5"), list("b:8 c:5 b:1")])).toEqual(once)
  })

  it("the best list gives text, span and source", () => {
    const document = { id: "a", text: "t" }
    const fused = fuseHits([
      [
        { id: "b", score: 2 },
        { id: "a", score: 1, document, source: "one" },
      ],
      [{ id: "a", score: 5, span: [1, 2], source: "two" }],
    ])
    expect(fused.find((hit) => hit.id === "a")).toMatchObject({ document, span: [1, 2], source: "two" })
  })
})

describe("condorcet", () => {
  const votes = (some: readonly Hit[][], left: string, right: string, weights = some.map(() => 1)): number =>
    some.reduce((sum, hits, index) => {
      const place = (id: string) => {
        const at = hits.findIndex((hit) => hit.id === id)
        return at === -1 ? Number.POSITIVE_INFINITY : at
      }
      return sum + weights[index]! * Math.sign(place(right) === place(left) ? 0 : place(right) - place(left))
    }, 0)

  it("no document is strictly preferred to the one above it, and a Condorcet winner is first", () => {
    fc.assert(
      fc.property(sorted, fc.boolean(), (some, weighted) => {
        const weights = some.map((_, index) => (weighted ? index + 1 : 1))
        const fused = fuseHits(some, { method: "condorcet", weights })
        fused.slice(1).forEach((hit, index) => {
          expect(votes(some, hit.id, fused[index]!.id, weights)).toBeLessThanOrEqual(0)
        })
        const winner = fused.find((one) =>
          fused.every((other) => other === one || votes(some, one.id, other.id, weights) > 0),
        )
        if (winner) expect(fused[0]!.id).toBe(winner.id)
      }),
    )
  })

  it("three voters", () => {
    const some = [list("a:3 b:2 c:1"), list("b:3 a:2 c:1"), list("a:3 c:2 b:1")]
    const fused = fuseHits(some, { method: "condorcet" })
    expect(scores(fused)).toEqual({ a: 3, b: 2, c: 1 })
    expect(ids(fuseHits(some, { method: "condorcet", weights: [1, 5, 1] }))).toBe("bac")
  })
})

describe("specs that make no sense", () => {
  const cases: [string, Parameters<typeof fuseHits>[1], RegExp][] = [
    ["unknown method", { method: "borad" as FusionMethodName }, /unknown fusion method "borad": use one of rrf/],
    ["a method inherited from Object", { method: "constructor" as FusionMethodName }, /unknown fusion method/],
    ["norm of a fusion by rank", { method: "rrf", norm: "min-max" }, /rrf takes no normalisation/],
    ["foreign parameter", { method: "wsum", k: 3 }, /wsum has no parameter "k"/],
    ["phi out of range", { method: "rbc", phi: 1 }, /between 0 and 1/],
    ["weights where none are taken", { method: "combsum", weights: [1, 1] }, /use wsum or wmnz/],
    ["number of weights", { weights: [1] }, /1 weights for 2 lists/],
    ["negative weight", { weights: [1, -1] }, /at least 0/],
    ["weights all 0", { weights: [0, 0] }, /not all 0/],
  ]
  it.each(cases)("%s", (_, spec, message) => {
    const fusing = () => fuseHits([list("a:1"), list("b:1")], spec)
    expect(fusing).toThrow(RankineError)
    expect(fusing).toThrow(message)
  })

  it("max normalisation of negative scores, and infinite scores where scores are read", () => {
    expect(() => fuseHits([list("a:-1 b:-2")], { method: "combsum", norm: "max" })).toThrow(/best score of at least 0/)
    const infinite = [{ id: "a", score: Number.POSITIVE_INFINITY }]
    expect(() => fuseHits([infinite], { method: "combsum" })).toThrow(/Infinity/)
    expect(ids(fuseHits([infinite], { method: "rrf" }))).toBe("a")
  })
})
