import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { evaluate, readQrels, readRun } from "../../src/evaluation/index.js"

const data = resolve(import.meta.dirname, "../../../shared/data")

describe.skipIf(!existsSync(data))("judgements and runs of real collections", () => {
  // The numbers of judged queries that the collections' descriptions give.
  it.each([
    ["scifact", 300, 339],
    ["nfcorpus", 323, 12334],
    ["cacm", 52, 796],
    ["trec_dl19", 43, 9260],
  ])("%s judges %d queries by %d judgements", async (name, queries, judgements) => {
    const { qrels } = await readQrels(resolve(data, name, "qrels/test.tsv"))
    expect(qrels.size).toBe(queries)
    expect([...qrels.values()].reduce((sum, of) => sum + of.size, 0)).toBe(judgements)
  })

  it("ReasonIR's run on BRIGHT biology is read and sorted", async () => {
    const { run, tag } = await readRun(resolve(data, "bright/biology/reasonir_gpt4cot.top100.trec"))
    const { qrels } = await readQrels(resolve(data, "bright/biology/qrels/test.tsv"))
    const { queries, status, measures } = evaluate(run, qrels, ["nDCG@10"])
    expect(tag).toBe("reasonir")
    expect(queries).toBe(103)
    expect(status.ranked).toBe(103)
    // The value that the run was collected with, computed by another program.
    expect(measures["nDCG@10"]!.toFixed(4)).toBe("0.4337")
    for (const hits of run.values())
      for (let i = 1; i < hits.length; i++)
        expect(Math.fround(hits[i - 1]!.score)).toBeGreaterThanOrEqual(Math.fround(hits[i]!.score))
  })
})
