import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/index.js"
import {
  cosine,
  createAnalyzer,
  jaccard,
  minHash,
  minHashSimilarity,
  termVector,
  textCosine,
} from "../../src/text/index.js"

describe("cosine", () => {
  it("is the cosine of term frequencies", () => {
    // (2, 1, 0) and (1, 1, 1): 3 / (sqrt 5 * sqrt 3)
    expect(cosine(termVector(["a", "a", "b"]), termVector(["a", "b", "c"]))).toBeCloseTo(3 / Math.sqrt(15), 12)
    expect(cosine(termVector(["a"]), termVector(["b"]))).toBe(0)
    expect(cosine(termVector([]), termVector(["b"]))).toBe(0)
    expect(cosine(termVector([]), termVector([]))).toBe(1)
    const many = termVector(Array.from({ length: 50 }, (_, index) => `t${index % 7}`))
    expect(cosine(many, many)).toBeLessThanOrEqual(1)
    expect(cosine(many, many)).toBeCloseTo(1, 12)
  })

  it("compares texts through an analyzer", () => {
    expect(textCosine("The dog runs", "running dogs!", createAnalyzer("english"))).toBeCloseTo(1, 12)
    expect(textCosine("The dog runs", "running dogs!", createAnalyzer("standard"))).toBe(0)
  })
})

describe("jaccard", () => {
  it("counts shared shingles", () => {
    const left = "a b c d e".split(" ")
    expect(jaccard(left, "a b c d f".split(" "))).toBe(2 / 4)
    expect(jaccard(left, "e d c b a".split(" "))).toBe(0)
    expect(jaccard(left, "e d c b a".split(" "), 1)).toBe(1)
    expect(jaccard(left, left)).toBe(1)
  })

  it("takes a short list as one shingle, and empty lists for alike", () => {
    expect(jaccard(["a", "b"], ["a", "b"])).toBe(1)
    expect(jaccard(["a", "b"], ["a", "b", "c"])).toBe(0)
    expect(jaccard([], [])).toBe(1)
    expect(jaccard([], ["a"])).toBe(0)
  })

  it("does not mistake joined terms for each other", () => {
    expect(jaccard(["a,b", "c"], ["a", "b,c"], 2)).toBe(0)
    expect(jaccard(["1", "11"], ["11", "1"], 2)).toBe(0)
  })

  it("refuses a shingle that is none", () => {
    for (const shingle of [0, -1, 1.5]) expect(() => jaccard(["a"], ["a"], shingle)).toThrow(RankineError)
  })
})

describe("minHash", () => {
  it("estimates jaccard", () => {
    const base = Array.from({ length: 400 }, (_, index) => `word${(index * 7919) % 1009}`)
    for (const shared of [0, 100, 200, 300, 400]) {
      const other = base.map((term, index) => (index < shared ? term : `${term}x`))
      const estimate = minHashSimilarity(minHash(base, { size: 1024 }), minHash(other, { size: 1024 }))
      // Four standard errors of a share among 1024.
      expect(Math.abs(estimate - jaccard(base, other))).toBeLessThan(4 * Math.sqrt(0.25 / 1024))
    }
  })

  it("depends on the terms alone and tells short lists apart", () => {
    expect(minHash(["a", "b"])).toEqual(minHash(["a", "b"]))
    expect(minHash(["a", "b"])).not.toEqual(minHash(["ab"]))
    expect(minHashSimilarity(minHash([]), minHash([]))).toBe(1)
    expect(minHash(["a"], { size: 7 })).toHaveLength(7)
  })

  it("refuses what cannot be compared", () => {
    expect(() => minHashSimilarity(minHash(["a"], { size: 8 }), minHash(["a"], { size: 16 }))).toThrow(RankineError)
    expect(() => minHash(["a"], { size: 0 })).toThrow(RankineError)
    expect(() => minHash(["a"], { shingle: 0.5 })).toThrow(RankineError)
  })
})
