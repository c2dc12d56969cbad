import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
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
    const path = resolve(data, "bright/biology/reasonir_gpt4cot.top100.trec")
    const { run, tag } = await readRun(path)
    const { qrels } = await readQrels(resolve(data, "bright/biology/qrels/test.tsv"))
    const { queries, status, measures } = evaluate(run, qrels, ["nDCG@10"])
    expect(tag).toBe("reasonir")
    expect(queries).toBe(103)
    expect(status.ranked).toBe(103)
    // It has 546 ties. pytrec_eval gives 0.4349; in the order of the rank column, which trec_eval ignores, it is 0.4337.
    expect(measures["nDCG@10"]!.toFixed(4)).toBe("0.4349")
    const byRank = new Map<string, { id: string; score: number }[]>()
    for (const line of (await readFile(path, "utf8")).trim().split("\n")) {
      const [query, , id, rank] = line.split(" ")
      if (!byRank.has(query!)) byRank.set(query!, [])
      byRank.get(query!)!.push({ id: id!, score: -Number(rank) })
    }
    for (const hits of byRank.values()) hits.sort((left, right) => right.score - left.score)
    expect(evaluate(byRank, qrels, ["nDCG@10"]).measures["nDCG@10"]!.toFixed(4)).toBe("0.4337")
    for (const hits of run.values())
      for (let i = 1; i < hits.length; i++)
        expect(Math.fround(hits[i - 1]!.score)).toBeGreaterThanOrEqual(Math.fround(hits[i]!.score))
  })
})
