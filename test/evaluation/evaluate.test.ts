import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/errors.js"
import { emptyRanking, failedRanking, type Ranking } from "../../src/core/ranking.js"
import { evaluate, evaluateRankings, type Qrels, type Run } from "../../src/evaluation/index.js"

const qrels: Qrels = new Map([
  ["1", new Map([["a", 1]])],
  ["2", new Map([["b", 1]])],
  ["3", new Map([["c", 0]])],
  ["4", new Map()],
])

describe("evaluate", () => {
  it("means run over the judged queries, answered or not", () => {
    const run: Run = new Map([
      ["1", [{ id: "a", score: 1 }]],
      ["4", [{ id: "a", score: 1 }]],
      ["9", [{ id: "a", score: 1 }]],
    ])
    const evaluation = evaluate(run, qrels, ["MRR@10", "P@1"])
    expect(evaluation.measures).toEqual({ "RR@10": 1 / 3, "P@1": 1 / 3 })
    expect(evaluation.queries).toBe(3)
    expect(evaluation.queriesWithoutRelevant).toBe(1)
    expect(evaluation.status).toEqual({ ranked: 1, partial: 0, fallback: 0, failed: 0, unanswered: 2 })
    expect(evaluation.warnings).toEqual([
      { code: "unanswered-query", count: 2, ids: ["2", "3"] },
      { code: "unjudged-query", count: 2, ids: ["4", "9"] },
    ])
    expect([...evaluation.perQuery]).toEqual([
      ["1", { "RR@10": 1, "P@1": 1 }],
      ["2", { "RR@10": 0, "P@1": 0 }],
      ["3", { "RR@10": 0, "P@1": 0 }],
    ])
  })

  it("takes the order as given, whatever the scores say", () => {
    const run: Run = new Map([
      [
        "1",
        [
          { id: "x", score: 1 },
          { id: "a", score: 7 },
        ],
      ],
    ])
    expect(evaluate(run, qrels, ["RR"]).perQuery.get("1")).toEqual({ RR: 0.5 })
  })

  it("query ids that are names of object members are ordinary ids", () => {
    const odd: Qrels = new Map(["__proto__", "constructor"].map((id) => [id, new Map([["a", 1]])]))
    const run: Run = new Map([["__proto__", [{ id: "a", score: 1 }]]])
    const { measures, perQuery } = evaluate(run, odd, ["RR"])
    expect(measures).toEqual({ RR: 0.5 })
    expect(Object.keys(Object.fromEntries(perQuery))).toEqual(["__proto__", "constructor"])
  })

  it.each([
    ["a document twice", [1, 2].map((score) => ({ id: "a", score })), "data", /document a is twice.*query 1/],
    ["a NaN score", [{ id: "a", score: Number.NaN }], "score-kind", /NaN/],
  ] as const)("refuses %s", (_, hits, code, message) => {
    const call = () => evaluate(new Map([["1", hits]]), qrels, ["RR"])
    expect(call).toThrow(message)
    expect(call).toThrow(expect.objectContaining({ code }))
  })

  it("refuses to evaluate nothing", () => {
    expect(() => evaluate(new Map(), qrels, [])).toThrow(RankineError)
    expect(() => evaluate(new Map(), new Map([["4", new Map()]]), ["RR"])).toThrow("the qrels judge no query")
  })
})

describe("evaluateRankings", () => {
  const ranking = (id: string, ids: string[], extra: Partial<Ranking> = {}): Ranking => ({
    ...emptyRanking({ id, text: id }, "bm25"),
    hits: ids.map((hit, index) => ({ id: hit, score: -index })),
    ...extra,
  })

  it("counts how every judged query was answered, and adds up warnings and usage", () => {
    const usage = { ...emptyRanking({ id: "", text: "" }, "bm25").usage, calls: 2, seconds: 0.5 }
    const many: Qrels = new Map(["1", "2", "3", "4", "5", "6"].map((id) => [id, new Map([["a", 1]])]))
    const evaluation = evaluateRankings(
      [
        ranking("1", ["a"], { usage, warnings: [{ code: "no-known-terms", count: 1 }] }),
        ranking("2", ["x", "a"], { status: "partial", usage, warnings: [{ code: "no-known-terms", count: 2 }] }),
        ranking("3", ["a"], { status: "fallback" }),
        failedRanking(ranking("4", ["a"]), new RankineError("model", "broken")),
        failedRanking(ranking("5", []), new RankineError("model", "broken")),
        ranking("6", []),
        ranking("7", ["a"]),
      ],
      many,
      ["RR"],
    )
    expect(evaluation.status).toEqual({ ranked: 1, partial: 1, fallback: 1, failed: 2, unanswered: 1 })
    expect(evaluation.measures.RR).toBeCloseTo((1 + 0.5 + 1 + 1) / 6, 15)
    expect(evaluation.usage).toMatchObject({ calls: 4, seconds: 1 })
    expect(evaluation.warnings).toEqual([
      { code: "no-known-terms", count: 3 },
      { code: "unanswered-query", count: 1, ids: ["6"] },
      { code: "unjudged-query", count: 1, ids: ["7"] },
    ])
  })

  it("refuses two rankings of one query, and one that is not final", () => {
    expect(() => evaluateRankings([ranking("1", []), ranking("1", [])], qrels, ["RR"])).toThrow(
      "two rankings of query 1",
    )
    expect(() => evaluateRankings([ranking("1", [], { final: false })], qrels, ["RR"])).toThrow("not final")
  })
})
