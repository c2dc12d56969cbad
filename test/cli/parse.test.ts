import { InvalidArgumentError } from "commander"
import { describe, expect, it } from "vitest"
import { filterJson, list, numberBetween, numberList, oneOf, weights, wholeNumber } from "../../src/cli/parse.js"
import { compileFilter } from "../../src/core/index.js"

describe("option values", () => {
  it("takes whole numbers and refuses the rest", () => {
    expect(wholeNumber(1)("10")).toBe(10)
    for (const text of ["0", "-1", "1.5", "ten", "", " ", "1e99", "Infinity"])
      expect(() => wholeNumber(1)(text), text).toThrow(InvalidArgumentError)
  })

  it("takes numbers within limits", () => {
    expect(numberBetween(0, 1)("0.4")).toBe(0.4)
    expect(() => numberBetween(0, 1)("1.1")).toThrow(/from 0 to 1/)
    expect(() => numberBetween(0)("-0.1")).toThrow(/at least 0/)
    expect(() => numberBetween(0)("")).toThrow(InvalidArgumentError)
    expect(() => numberBetween(0)("NaN")).toThrow(InvalidArgumentError)
  })

  it("splits lists", () => {
    expect(list(" nDCG@10, R@100,,AP ")).toEqual(["nDCG@10", "R@100", "AP"])
    expect(numberList(0)("0.5,1")).toEqual([0.5, 1])
    expect(() => list(" , ")).toThrow(InvalidArgumentError)
    expect(() => numberList(0)("0.5,x")).toThrow(InvalidArgumentError)
  })

  it("reads field weights", () => {
    expect(weights("title=2,text=1")).toEqual({ title: 2, text: 1 })
    expect(weights("a=b=0.5")).toEqual({ "a=b": 0.5 })
    for (const text of ["title", "title=", "=1", "title=x", "title=-1"])
      expect(() => weights(text), text).toThrow(/title=2,text=1/)
  })

  it("names the choices", () => {
    expect(oneOf(["lucene", "exact"])("exact")).toBe("exact")
    expect(() => oneOf(["lucene", "exact"])("Exact")).toThrow(/lucene, exact/)
  })

  it("reads filters and checks their operators", () => {
    const filter = compileFilter(filterJson('{"year":{"$gte":2020}}'))
    expect(filter({ id: "a", metadata: { year: 2021 } })).toBe(true)
    expect(filter({ id: "b", metadata: { year: 2019 } })).toBe(false)
    expect(() => filterJson("{year:2020}")).toThrow(/no JSON/)
    expect(() => filterJson("[1]")).toThrow(/JSON object/)
    expect(() => filterJson('{"year":{"$above":2020}}')).toThrow(/\$above/)
  })
})
