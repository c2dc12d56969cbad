import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  addUsage,
  compareHits,
  compareIds,
  emptyRanking,
  exitCodes,
  failedRanking,
  mergeWarnings,
  noUsage,
  RankineError,
  sortReranked,
  throwIfAborted,
  toRankineError,
} from "../../src/core/index.js"

describe("compareIds", () => {
  it("is the order of UTF-8 bytes", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({
        unit: fc.constantFrom("a", "\u07FF", "\uD7FF", "\uE000", "\uFFFD", "\u{10000}", "\u{1F980}", "\u{10FFFF}"),
      }),
    )
    fc.assert(
      fc.property(text, text, (left, right) => {
        const expected = Buffer.compare(Buffer.from(left), Buffer.from(right))
        expect(Math.sign(compareIds(left, right))).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it("differs from the order of UTF-16 units where it should", () => {
    expect("\u{1F980}" < "\uFFFD").toBe(true)
    expect(compareIds("\u{1F980}", "\uFFFD")).toBeGreaterThan(0)
    expect(compareIds("a", "ab")).toBeLessThan(0)
    expect(compareIds("a", "a")).toBe(0)
  })
})

describe("orders", () => {
  it("retrievers: score descending, equal scores by id", () => {
    const hits = [
      { id: "b", score: 1 },
      { id: "c", score: 2 },
      { id: "a", score: 1 },
    ]
    expect(hits.toSorted(compareHits).map((hit) => hit.id)).toEqual(["c", "a", "b"])
  })

  it("rerankers: score descending, equal scores as they came in", () => {
    const hits = ["z", "a", "m"].map((id) => ({ id, score: id === "m" ? 2 : 1 }))
    expect(sortReranked(hits).map((hit) => hit.id)).toEqual(["m", "z", "a"])
    expect(hits.map((hit) => hit.id)).toEqual(["z", "a", "m"])
  })
})

describe("warnings and usage", () => {
  it("merge by code, with counts and ids added", () => {
    expect(
      mergeWarnings(
        [{ code: "truncated", count: 2 }],
        [{ code: "missing-document", count: 1, ids: ["a"] }],
        [
          { code: "truncated", count: 3 },
          { code: "missing-document", count: 1, ids: ["b"] },
        ],
      ),
    ).toEqual([
      { code: "truncated", count: 5 },
      { code: "missing-document", count: 2, ids: ["a", "b"] },
    ])
    expect(mergeWarnings([], [])).toEqual([])
  })

  it("usage adds up in every count", () => {
    const one = {
      calls: 1,
      promptTokens: 2,
      cachedTokens: 3,
      completionTokens: 4,
      truncated: 5,
      repaired: 6,
      seconds: 7,
    }
    expect(addUsage(one, noUsage)).toEqual(one)
    expect(Object.values(addUsage(one, one))).toEqual([2, 4, 6, 8, 10, 12, 14])
  })

  it("a failed ranking keeps its hits", () => {
    const error = new RankineError("model", "gone")
    const ranking = { ...emptyRanking({ id: "q", text: "?" }, "bm25"), hits: [{ id: "a", score: 1 }] }
    expect(failedRanking(ranking, error)).toEqual({ ...ranking, status: "failed", error })
  })
})

describe("errors", () => {
  it("anything thrown becomes a RankineError, one that is one stays itself", () => {
    const own = new RankineError("data", "x")
    expect(toRankineError(own)).toBe(own)
    expect(toRankineError(new Error("y"))).toMatchObject({ code: "internal", message: "y" })
    expect(toRankineError(new Error("y"), "network").code).toBe("network")
    expect(toRankineError("text")).toMatchObject({ code: "internal", message: "text" })
    expect(toRankineError(AbortSignal.abort().reason).code).toBe("aborted")
  })

  it("throwIfAborted keeps the reason", () => {
    throwIfAborted(undefined)
    throwIfAborted(new AbortController().signal)
    const reason = new Error("enough")
    try {
      throwIfAborted(AbortSignal.abort(reason))
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: "aborted", cause: reason })
    }
  })

  it("no error leaves with the exit code of success or of partial results by mistake", () => {
    for (const [code, exit] of Object.entries(exitCodes)) {
      expect(exit).toBeGreaterThan(0)
      expect(exit === 7).toBe(code === "budget")
    }
  })
})
