import { expect, test } from "vitest"
import { checkMarks } from "../../bench/lib/marks.mjs"
import { figure, renderPage, renderReport } from "../../bench/lib/report.mjs"

const row = (engine: string, extra: object) => ({
  engine,
  version: "1",
  index: [{ totalSeconds: 2 }],
  searches: {},
  ...extra,
})

const result = {
  date: "2026-01-02T03:04:05.000Z",
  machine: { processor: "P", cores: 2, memoryBytes: 2 ** 33, system: "S", node: "20", commit: "abc", changed: false },
  settings: { rounds: 3, seconds: 2, cpu: 1 },
  collections: [
    {
      name: "scifact",
      documents: 5183,
      queries: 300,
      bytes: 2 ** 20,
      analyzer: "english",
      rows: [
        row("rankine", { ndcg: 0.67891, searches: { "search@10": [300, 100, 200] }, postings: 10, indexBytes: 55 }),
        row("bm25s", {
          index: [{ totalSeconds: 4 }, { totalSeconds: 5 }, { totalSeconds: 6 }],
          searches: { "search@10": [100, 100, 100] },
          ratios: { "search@10": { median: 2, minimum: 1, maximum: 3 } },
        }),
        row("orama", { index: [], stopped: "stopped: over 10 min at load" }),
        { engine: "wink", absent: "not installed (npm run bench:setup)" },
      ],
    },
    { name: "nfcorpus", missing: "no nfcorpus/corpus.jsonl in the data root" },
    ...[10_000, 1_000_000].map((documents) => ({
      name: `generated-${documents}`,
      documents,
      queries: 500,
      bytes: 1,
      analyzer: "whitespace",
      rows: [row("rankine", { latency: { median: documents === 10_000 ? 0.02 : 0.3 } })],
    })),
  ],
}

test("marks compare what was measured, and only that", () => {
  const marks = [
    { measure: "ndcg", collection: "scifact", expected: 0.6789, tolerance: 0.00005 },
    { measure: "ndcg", collection: "nfcorpus", expected: 0.3218, tolerance: 0.00005 },
    { measure: "search@10", collection: "scifact", peer: "bm25s", atLeast: 2.5 },
    { measure: "index", collection: "scifact", peer: "bm25s", atLeast: 1 },
    { measure: "index", collection: "scifact", peer: "wink", atLeast: 1 },
    { measure: "growth", from: 10_000, to: 1_000_000, atMost: 10 },
  ]
  expect(checkMarks(result, marks).map(({ value, met }) => [value, met])).toEqual([
    ["0.6789", true],
    ["2.00×", false],
    ["2.50×", true],
    ["15.0×", false],
  ])
})

test("the marks of the repository can be read", () => {
  expect(checkMarks(result).map(({ name }) => name)).toContain("scifact: nDCG@10")
})

test("tables show medians with their spread, and why an engine is not there", () => {
  const text = renderReport(
    result,
    checkMarks(result, [{ measure: "growth", from: 10_000, to: 1_000_000, atMost: 10 }]),
  )
  expect(text).toContain("| rankine 1 |")
  expect(text).toContain("200 (100–300)")
  expect(text).toContain("2.00× (1.00×–3.00×)")
  expect(text).toContain("- orama: stopped: over 10 min at load.")
  expect(text).toContain("- wink: not installed (npm run bench:setup).")
  expect(text).toContain("Left out: no nfcorpus/corpus.jsonl in the data root.")
  expect(text).toContain("| 1,000,000 | 0.300 | 15.0× |")
  expect(text).toContain("**missed**")
  expect(text).toContain("| 5.50 |")
  expect(renderPage(result, [])).toMatch(/^# BM25/)
})

test("figures have three digits", () => {
  expect([12345.6, 99.96, 0.01234, 0, undefined].map(figure)).toEqual(["12,346", "100", "0.0123", "0", "–"])
})
