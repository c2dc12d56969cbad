import { describe, expect, it } from "vitest"
import { compileFilter, type Filter, RankineError } from "../../src/core/index.js"

const documents = [
  { id: "a", metadata: { year: 2019, lang: "en", tags: ["x", "y"], rank: "10" } },
  { id: "b", metadata: { year: 2020, lang: "de", tags: [] } },
  { id: "c", metadata: { year: 2021, lang: null, draft: true } },
  { id: "d" },
]
/** `$not` in `$not`, so many times. */
const nested = (levels: number): unknown => (levels === 0 ? { a: 1 } : { $not: nested(levels - 1) })
const matching = (filter: Filter) =>
  documents
    .filter(compileFilter(filter))
    .map((document) => document.id)
    .join("")

describe("filters", () => {
  const cases: [string, Filter, string][] = [
    ["nothing asked", {}, "abcd"],
    ["equal", { lang: "en" }, "a"],
    ["several fields", { lang: "en", year: 2020 }, ""],
    ["null stands for absent too", { lang: null }, "cd"],
    ["$eq", { year: { $eq: 2020 } }, "b"],
    ["$ne", { lang: { $ne: "en" } }, "bcd"],
    ["$in", { lang: { $in: ["en", "de"] } }, "ab"],
    ["$nin", { lang: { $nin: ["en", "de"] } }, "cd"],
    ["range", { year: { $gt: 2019, $lte: 2021 } }, "bc"],
    ["strings in order", { lang: { $gte: "e" } }, "a"],
    ["no comparison across types", { rank: { $gt: 9 } }, ""],
    ["$exists", { draft: { $exists: true } }, "c"],
    ["$exists false", { year: { $exists: false } }, "d"],
    ["one of an array", { tags: "y" }, "a"],
    ["none of an array", { tags: { $ne: "y" } }, "bcd"],
    ["the id", { id: { $in: ["a", "d"] } }, "ad"],
    ["$and", { $and: [{ year: { $gte: 2020 } }, { lang: "de" }] }, "b"],
    ["$or", { $or: [{ lang: "en" }, { draft: true }] }, "ac"],
    ["$not", { $not: { year: { $gte: 2020 } } }, "ad"],
    ["an inherited name is no metadata", { constructor: { $exists: true } } as unknown as Filter, ""],
    ["a function", (document) => document.id > "b", "cd"],
    ["an absent condition", { year: undefined }, "abcd"],
  ]
  it.each(cases)("%s", (_, filter, expected) => {
    expect(matching(filter)).toBe(expected)
  })

  it.each([
    ["operator", { year: { $near: 3 } }, /unknown filter operator \$near: use \$eq/],
    ["operator at the top", { $eq: 3 }, /\$eq cannot stand on its own/],
    ["unknown operator at the top", { $xor: [] }, /\$xor cannot stand on its own/],
    ["$in without a list", { year: { $in: 3 } }, /\$in of "year" needs a list/],
    ["$or without a list", { $or: 3 }, /\$or/],
    ["a list as a condition", { year: [2020] }, /year/],
    ["no object", 3, /filter is an object/],
    ["a list", [], /filter is an object/],
    ["null inside", { $and: [null] }, /filter is an object/],
    ["what is too deep", nested(40), /deep|levels/],
    ["deep inside", { $or: [{ $not: { a: { $foo: 1 } } }] }, /\$foo/],
  ])("refuses %s before any document is read", (_, filter, message) => {
    const compile = () => compileFilter(filter as unknown as Filter)
    expect(compile).toThrow(RankineError)
    expect(compile).toThrow(message)
  })
})
