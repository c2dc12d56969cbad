import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { evaluate, readQrels, readRun } from "../../src/evaluation/index.js"

const data = resolve(import.meta.dirname, "../../../shared/data/trec_dl19")

describe.skipIf(!existsSync(data))("candidate files of TREC DL 2019", () => {
  // The values that rank_llm's candidate files are published with.
  it.each([
    ["bm25", 0.5058],
    ["bm25_rm3", 0.5216],
    ["d_bert_kd_tasb", 0.721],
    ["open_ai_ada2", 0.7035],
    ["rep_llama", 0.7439],
    ["splade_p_p_ensemble_distil", 0.7308],
  ])("%s has nDCG@10 %d", async (name, expected) => {
    const { qrels } = await readQrels(resolve(data, "qrels/test.tsv"))
    const { run, format } = await readRun(resolve(data, `candidates/${name}.top100.jsonl`))
    const { measures, queries, status, warnings } = evaluate(run, qrels, ["nDCG@10"])
    expect(format).toBe("candidates")
    expect(queries).toBe(43)
    expect(status).toEqual({ ranked: 43, partial: 0, fallback: 0, failed: 0, unanswered: 0 })
    expect(warnings).toEqual([])
    expect(measures["nDCG@10"]!.toFixed(4)).toBe(expected.toFixed(4))
  })
})
