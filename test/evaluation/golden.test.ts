import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { evaluate, type Qrels, type Run, readQrels, readRun } from "../../src/evaluation/index.js"
import golden from "./fixtures/golden.json" with { type: "json" }

type PerMeasure = Record<string, Record<string, number>>

// Rankings with ties, scores equal only as 32-bit floats, negative grades, unanswered and unjudged queries,
// evaluated by the tools that golden.json names.
describe("values of trec_eval, cwl_eval, ir_measures and gdeval", () => {
  let directory: string
  let run: Run
  let qrels: Qrels

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "rankine-golden-"))
    await writeFile(join(directory, "run.trec"), golden.run)
    await writeFile(join(directory, "qrels.txt"), golden.qrels)
    run = (await readRun(join(directory, "run.trec"))).run
    qrels = (await readQrels(join(directory, "qrels.txt"))).qrels
  })
  afterAll(() => rm(directory, { recursive: true }))

  it.each(Object.keys(golden.exact))("%s agrees query by query", (measure) => {
    const { perQuery, measures } = evaluate(run, qrels, [measure])
    const expected = (golden.exact as PerMeasure)[measure]!
    expect([...perQuery.keys()].sort()).toEqual(Object.keys(expected).sort())
    for (const [query, values] of perQuery)
      expect(Math.abs(values[measure]! - expected[query]!), `query ${query}`).toBeLessThan(1e-15)
    expect(measures[measure]).toBeCloseTo((golden.means as Record<string, number>)[measure]!, 14)
  })

  it.each(Object.keys(golden.fiveDecimals))("%s agrees to gdeval's five decimals", (measure) => {
    const { perQuery } = evaluate(run, qrels, [measure])
    const expected = (golden.fiveDecimals as PerMeasure)[measure]!
    for (const [query, values] of perQuery)
      expect(Math.abs(values[measure]! - expected[query]!), `query ${query}`).toBeLessThan(5.1e-6)
  })

  it("counts unanswered, unjudged and hopeless queries", () => {
    const { queries, queriesWithoutRelevant, status, warnings } = evaluate(run, qrels, ["AP"])
    const relevant = new Set(
      golden.qrels.split("\n").flatMap((line) => (Number(line.split(" ")[3]) > 0 ? [line.split(" ")[0]] : [])),
    )
    expect(queries).toBe(24)
    expect(queriesWithoutRelevant).toBe(24 - relevant.size)
    expect(queriesWithoutRelevant).toBeGreaterThanOrEqual(2)
    expect(status).toEqual({ ranked: 22, partial: 0, fallback: 0, failed: 0, unanswered: 2 })
    expect(warnings).toEqual([
      { code: "unanswered-query", count: 2, ids: ["104", "109"] },
      { code: "unjudged-query", count: 1, ids: ["999"] },
    ])
  })
})
