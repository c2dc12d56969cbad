import { writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { readRecords } from "../../bench/engines/serve.mjs"
import { meanNdcg, meanOverlap, ratios, spread } from "../../bench/lib/statistics.mjs"

test("nDCG has linear gains, leaves the query's own document out and counts unanswered queries as 0", () => {
  const qrels = new Map([
    ["q1", new Map(Object.entries({ a: 2, b: 1, x: 0 }))],
    ["q2", new Map(Object.entries({ a: 1 }))],
  ])
  // 2 / log2(3) + 1 / log2(4) over 2 + 1 / log2(3).
  const first = 1.7618595071429148 / 2.6309297535714573
  const ranking = ["q1", "c", "a", "b"]
  expect(meanNdcg(new Map([["q1", ranking]]), qrels)).toBeCloseTo(first / 2, 12)
  expect(
    meanNdcg(
      new Map([
        ["q1", ranking],
        ["q2", ["b", "a"]],
      ]),
      qrels,
      1,
    ),
  ).toBe(0)
})

test("spread and ratios are taken over rounds", () => {
  expect(spread([])).toBeUndefined()
  expect(spread([3, 1, 2])).toEqual({ median: 2, minimum: 1, maximum: 3 })
  expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, minimum: 1, maximum: 4 })
  expect(ratios([10, 20, 30], [10, 10, 10])).toEqual({ median: 2, minimum: 1, maximum: 3 })
  expect(ratios([10, 20], [])).toBeUndefined()
})

test("overlap is the share of common documents", () => {
  const left = new Map([
    ["q1", ["a", "b"]],
    ["q2", ["c"]],
    ["q3", []],
  ])
  const right = new Map([
    ["q1", ["b", "x"]],
    ["q2", ["c"]],
  ])
  expect(meanOverlap(left, right)).toBe(0.75)
})

test("records come back whole from files larger than a read, whatever the script", () => {
  const file = join(tmpdir(), `rankine-records-${process.pid}.tsv`)
  const long = "ä語🚂 ".repeat(600_000)
  const records = [
    { id: "1", text: "plain" },
    { id: "ü", text: long },
    { id: "3", text: "" },
    { id: "4", text: "tab\tinside" },
  ]
  writeFileSync(file, records.map(({ id, text }) => `${id}\t${text}\n`).join(""))
  expect(readRecords(file)).toEqual(records)
})
