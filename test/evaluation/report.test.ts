import { parseHTML } from "linkedom"
import { describe, expect, it } from "vitest"
import { Random } from "../../src/core/random.js"
import { type BenchmarkResult, renderHtml, renderJson, renderMarkdown } from "../../src/evaluation/index.js"
import { latenciesOf, resultOf, valuesOf } from "./fixtures/results.js"

const bm25 = resultOf(
  { name: "bm25", k1: 0.9 },
  valuesOf(new Random(1, "a"), 40),
  latenciesOf(new Random(1, "l"), 40, 2),
)
const dense = resultOf({ name: "dense" }, valuesOf(new Random(1, "b"), 40, 0.25), {
  ...latenciesOf(new Random(2, "l"), 40, 30),
  status: { ranked: 39, partial: 0, fallback: 0, failed: 1, unanswered: 0 },
  warnings: [{ code: "truncated", count: 12 }],
})

const open = (html: string) => parseHTML(html).document

describe("renderHtml", () => {
  it("is one page that asks for nothing", async () => {
    const html = await renderHtml([bm25, dense])
    expect(html).toMatch(/^<!doctype html>/)
    expect(html).not.toMatch(/<script|<img|<iframe|@import|url\(/i)
    const document = open(html)
    for (const node of document.querySelectorAll("[src], [href]"))
      expect(node.getAttribute("src") ?? node.getAttribute("href")).toBe("data:,")
    expect(html.match(/https?:|\/\/[a-z]/gi)).toBeNull()
    expect(html).toContain("prefers-color-scheme: dark")
    expect(document.querySelector("meta[name=viewport]")).not.toBeNull()
  })

  it("shows every plot and number of two runs", async () => {
    const document = open(await renderHtml([bm25, dense], { title: "Two runs" }))
    expect(document.querySelector("h1")!.textContent).toBe("Two runs")
    const labels = [...document.querySelectorAll("svg[aria-label]")].map((svg) => svg.getAttribute("aria-label")!)
    expect([...new Set(labels)]).toEqual([
      "Mean of every measure with its 95% confidence interval",
      "nDCG@10 of every query: bm25 against dense",
      "Distribution of the latencies",
      "nDCG@10 against queries per second",
    ])
    const titles = [...document.querySelectorAll("svg[aria-label*='every query'] title")].map(
      (node) => node.textContent!,
    )
    expect(titles).toHaveLength(40)
    const q7 = [bm25, dense].map(({ perQuery }) => perQuery.q7!["nDCG@10"]!.toFixed(4))
    expect(titles).toContain(`query q7\nbm25: ${q7[0]}\ndense: ${q7[1]}`)
    const text = document.body.textContent!
    expect(text).toContain(bm25.measures["nDCG@10"]!.toFixed(4))
    expect(text).toContain(dense.measures["nDCG@10"]!.toFixed(4))
    expect(text).toContain("truncated 12")
    expect(document.querySelector(".lead")!.textContent).toMatch(/By nDCG@10, against bm25 .* dense is better/)
    expect(text).not.toMatch(/NaN|undefined|Infinity|\[object/)
  })

  it("shows one run by itself", async () => {
    const document = open(await renderHtml([bm25]))
    const labels = new Set(
      [...document.querySelectorAll("svg[aria-label]")].map((svg) => svg.getAttribute("aria-label")),
    )
    expect(labels).toContain("nDCG@10 over the queries")
    expect(document.querySelector(".lead")!.textContent).toContain("bm25 reaches nDCG@10")
    expect(document.body.textContent).not.toContain("Differences")
  })

  it("takes nothing from a result as markup", async () => {
    const evil = '<script>alert("x")</script>&"\''
    const results = [
      bm25,
      resultOf({ name: evil, note: evil }, { [evil]: { "nDCG@10": 1 }, q1: { "nDCG@10": 0 }, q2: { "nDCG@10": 0.3 } }),
    ]
    const html = await renderHtml(results, { title: evil })
    expect(html.includes("<script>")).toBe(false)
    expect(open(html).querySelector("h1")!.textContent).toBe(evil)
    const markdown = renderMarkdown(results)
    expect(markdown).not.toContain("<script>")
  })

  it.each<[string, BenchmarkResult[]]>([
    ["a single query", [resultOf({ name: "a" }, { q: { AP: 0.5 } }), resultOf({ name: "b" }, { q: { AP: 0.5 } })]],
    [
      "zeros everywhere",
      [
        resultOf({ name: "a" }, { q: { AP: 0 }, r: { AP: 0 } }),
        resultOf({ name: "b" }, { q: { AP: 0 }, r: { AP: 0 } }),
      ],
    ],
    [
      "nothing timed",
      ["a", "b"].map((name) =>
        resultOf(
          { name },
          { q: { AP: 0.1 }, r: { AP: 1 } },
          {
            queriesPerSecond: 0,
            latenciesMs: [],
            timings: { loadSeconds: 0, indexSeconds: 0, querySeconds: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0 },
          },
        ),
      ),
    ],
    ["percentiles without latencies", [resultOf({ name: "a" }, { q: { AP: 0.1 }, r: { AP: 1 } })]],
    [
      "nine runs",
      Array.from({ length: 9 }, (_, index) =>
        resultOf({ name: "x", k1: index }, valuesOf(new Random(index, "n"), 5), {
          queriesPerSecond: 10 ** (index / 2),
        }),
      ),
    ],
  ])("copes with %s", async (_, results) => {
    const html = await renderHtml(results)
    const svgs = [...open(html).querySelectorAll("svg")].map((svg) => svg.outerHTML).join("")
    expect(svgs).not.toMatch(/NaN|Infinity|undefined/)
    expect(html.replaceAll("font-variant", "")).not.toMatch(/>[^<]*(NaN|undefined|Infinity)/)
    expect(renderMarkdown(results)).not.toMatch(/NaN|undefined|Infinity/)
  })

  it("refuses a report of nothing", async () => {
    await expect(renderHtml([])).rejects.toMatchObject({ code: "argument" })
  })
})

describe("renderMarkdown", () => {
  it("says the same in tables", () => {
    const markdown = renderMarkdown([bm25, dense])
    expect(markdown).toContain(`| bm25 | ${bm25.measures["nDCG@10"]!.toFixed(4)} ± `)
    expect(markdown).toContain(`| dense | **${dense.measures["nDCG@10"]!.toFixed(4)}** ± `)
    expect(markdown).toContain("## Differences from bm25")
    expect(markdown).toMatch(/\| dense \| nDCG@10 \| \+0\.\d{4} \| \d+ \/ \d+ \/ \d+ \| .* \| better \|/)
    expect(markdown).toContain("| dense | 39 | 0 | 0 | 1 | 0 | truncated 12 |")
    const widths = markdown
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .map((line) => line.split(" | ").length)
    expect(new Set(widths).size).toBeGreaterThan(1)
  })
})

describe("renderJson", () => {
  it("rounds nothing and holds no per-query values", () => {
    const report = JSON.parse(renderJson([bm25, dense], { measures: ["nDCG@10"], baseline: "dense" }))
    expect(report.schema).toBe("rankine.report/1")
    expect(report.runs.map(({ name }: { name: string }) => name)).toEqual(["bm25", "dense"])
    expect(report.runs[0].measures).toEqual(bm25.measures)
    expect(report.runs[0]).not.toHaveProperty("perQuery")
    expect(report.runs[0].intervals["nDCG@10"].low).toBeLessThan(bm25.measures["nDCG@10"]!)
    expect(report.comparison.baseline).toBe("dense")
    expect(JSON.parse(renderJson([bm25])).comparison).toBeNull()
  })
})
