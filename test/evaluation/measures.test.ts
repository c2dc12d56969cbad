import { describe, expect, it } from "vitest"
import { RankineError } from "../../src/core/errors.js"
import {
  createMeasure,
  evaluate,
  measureDefinitions,
  parseMeasure,
  parseMeasures,
  type Qrels,
  type Run,
} from "../../src/evaluation/index.js"

describe("parsing", () => {
  it.each([
    ["nDCG@10", "nDCG@10"],
    ["ndcg@10", "nDCG@10"],
    ["nDCG", "nDCG"],
    [" nDCG @ 10 ", "nDCG@10"],
    ["nDCG(cutoff=10)", "nDCG@10"],
    ["nDCG(gains=linear)@10", "nDCG@10"],
    ["nDCG(dcg='log2')@10", "nDCG@10"],
    ["nDCG(gains=exp)@10", "nDCG(dcg='exp-log2')@10"],
    ["nDCG(dcg='exp-log2')@10", "nDCG(dcg='exp-log2')@10"],
    ['nDCG(dcg="exp-log2")@10', "nDCG(dcg='exp-log2')@10"],
    ["ndcg_cut_10", "nDCG@10"],
    ["ndcg_cut.10", "nDCG@10"],
    ["AP", "AP"],
    ["map", "AP"],
    ["MAP@100", "AP@100"],
    ["AP(rel=2)", "AP(rel=2)"],
    ["AP(rel=1)@5", "AP@5"],
    ["P(rel=2)@5", "P(rel=2)@5"],
    ["precision@5", "P@5"],
    ["P_5", "P@5"],
    ["MRR@10", "RR@10"],
    ["recip_rank", "RR"],
    ["Recall@100", "R@100"],
    ["recall_100", "R@100"],
    ["R_cap@100", "R_cap@100"],
    ["r_CAP@100", "R_cap@100"],
    ["Success@1", "Success@1"],
    ["Bpref", "Bpref"],
    ["BPREF(rel=2)", "Bpref(rel=2)"],
    ["RBP", "RBP(p=0.8)"],
    ["RBP(p=0.95,rel=2)@50", "RBP(rel=2,p=0.95)@50"],
    ["ERR@20", "ERR@20"],
    ["ERR(max=3)@20", "ERR(max=3)@20"],
    ["Judged@10", "Judged@10"],
    ["Hole@10", "hole@10"],
    ["Rprec", "Rprec"],
  ])("%s is %s", (text, canonical) => {
    const measure = parseMeasure(text)
    expect(measure.name).toBe(canonical)
    expect(parseMeasure(canonical)).toMatchObject({ name: canonical, parameters: measure.parameters })
  })

  it.each([
    ["nope@10", /unknown measure nope@10; there are nDCG@10, AP@10.*Bpref.*hole@10/],
    ["", /cannot read/],
    ["nDCG@", /cannot read/],
    ["nDCG@0", /cutoff must be a whole number of at least 1, not 0/],
    ["nDCG@ten", /cutoff must be/],
    ["nDCG@1.5", /cutoff must be/],
    ["nDCG@-3", /cutoff must be/],
    ["P", /P needs a cut-off, such as P@10/],
    ["Bpref@10", /Bpref takes no cutoff; it takes rel/],
    ["nDCG(rel=2)@10", /nDCG takes no rel; it takes cutoff, gains/],
    ["nDCG(gains=cubic)@10", /gains are linear or exp/],
    ["nDCG(gains={0:0})@10", /gains are linear or exp/],
    ["AP(2)", /not of the form name=value/],
    ["AP(rel=2,rel=3)", /given twice/],
    ["AP(cutoff=2)@3", /given twice/],
    ["AP(rel=0)", /rel must be a number above 0/],
    ["AP(rel=x)", /rel must be/],
    ["RBP(p=1)", /p must be between 0 and 1/],
    ["Judged(toString=1)@5", /takes no toString/],
    ["constructor", /unknown measure/],
  ])("refuses %j", (text, message) => {
    expect(() => parseMeasure(text)).toThrow(RankineError)
    expect(() => parseMeasure(text)).toThrow(message)
  })

  it("reads lists, with commas inside parentheses", () => {
    expect(parseMeasures("nDCG@10,R@100, RBP(p=0.5,rel=2) AP").map(({ name }) => name)).toEqual([
      "nDCG@10",
      "R@100",
      "RBP(rel=2,p=0.5)",
      "AP",
    ])
    expect(() => parseMeasures(" , ")).toThrow("at least one measure")
  })

  it("gives a default relevance grade to the measures that take one", () => {
    expect(parseMeasures("nDCG@10,AP,P(rel=3)@5", { rel: 2 }).map(({ name }) => name)).toEqual([
      "nDCG@10",
      "AP(rel=2)",
      "P(rel=3)@5",
    ])
  })

  it("every definition can be named, and no name means two", () => {
    const names = measureDefinitions
      .flatMap(({ name, aliases }) => [name, ...aliases])
      .map((name) => name.toLowerCase())
    expect(new Set(names).size).toBe(names.length)
    for (const definition of measureDefinitions) {
      const cutoff = definition.cutoff === "none" ? {} : { cutoff: 7 }
      const { name } = createMeasure(definition, cutoff)
      expect(parseMeasure(name).definition).toBe(definition)
    }
  })
})

const qrelsOf = (grades: Record<string, number>): Qrels => new Map([["q", new Map(Object.entries(grades))]])
const runOf = (...ids: string[]): Run => new Map([["q", ids.map((id, index) => ({ id, score: -index }))]])
const value = (measure: string, run: Run, qrels: Qrels) => Object.values(evaluate(run, qrels, [measure]).measures)[0]

// Worked out by hand from the papers' definitions.
describe("values by hand", () => {
  const qrels = qrelsOf({ a: 3, b: 0, c: 1, d: 2, e: 0, f: -1 })
  const run = runOf("c", "x", "b", "a", "f")

  it.each([
    ["nDCG@2", 1 / (3 + 2 / Math.log2(3))],
    ["nDCG(gains=exp)@4", (1 + 7 / Math.log2(5)) / (7 + 3 / Math.log2(3) + 1 / 2)],
    ["AP", (1 + 2 / 4) / 3],
    ["AP@3", 1 / 3],
    ["AP(rel=2)", 1 / 4 / 2],
    ["RR", 1],
    ["RR(rel=2)", 1 / 4],
    ["RR(rel=2)@3", 0],
    ["P@10", 0.2],
    ["R@4", 2 / 3],
    ["R_cap@1", 1],
    ["R_cap@4", 2 / 3],
    ["Success(rel=3)@3", 0],
    ["Success(rel=3)@4", 1],
    ["Rprec", 1 / 3],
    // Relevant a, c, d; judged non-relevant b, e. c stands above both, a below one of min(2, 3).
    ["Bpref", (1 + (1 - 1 / 2)) / 3],
    ["RBP(p=0.5)", 0.5 + 0.5 ** 4],
    ["ERR@10", 1 / 16 + ((15 / 16) * (7 / 16)) / 4],
    ["ERR(max=3)@10", 1 / 8 + ((7 / 8) * (7 / 8)) / 4],
    ["Judged@4", 3 / 4],
    ["Judged@100", 4 / 5],
    ["hole@4", 1 / 4],
    ["hole@10", 1 / 10],
  ])("%s", (measure, expected) => {
    expect(value(measure, run, qrels)).toBeCloseTo(expected, 14)
  })

  it("fractional grades gain what they are", () => {
    expect(value("nDCG@1", runOf("b"), qrelsOf({ a: 1, b: 0.5 }))).toBe(0.5)
    expect(value("AP(rel=0.5)", runOf("b"), qrelsOf({ a: 0.25, b: 0.5 }))).toBe(1)
  })

  it("hole looks at the judgements of all queries, Judged at those of its own", () => {
    const two: Qrels = new Map([
      ["q", new Map([["a", 1]])],
      ["r", new Map([["b", 1]])],
    ])
    expect(evaluate(runOf("a", "b"), two, ["hole@2", "Judged@2"]).perQuery.get("q")).toEqual({
      "hole@2": 0,
      "Judged@2": 0.5,
    })
  })

  it("ERR names the grade that its scale cannot hold", () => {
    expect(() => value("ERR@5", runOf("a"), qrelsOf({ a: 5 }))).toThrow(/ERR\(max=5\)/)
  })

  it("nothing relevant and nothing ranked are 0", () => {
    for (const definition of measureDefinitions) {
      const { name } = createMeasure(definition, definition.cutoff === "none" ? {} : { cutoff: 3 })
      expect(value(name, new Map(), qrels), name).toBe(0)
      if (name !== "Judged@3") expect(value(name, runOf("a", "b", "f"), qrelsOf({ a: 0, b: -1, f: 0 })), name).toBe(0)
    }
  })
})
