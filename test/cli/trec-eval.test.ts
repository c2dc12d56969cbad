/** trec_eval on `run.trec` gives the measures of `result.json`, on real collections. */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BenchmarkResult } from "../../src/evaluation/index.js"
import { rankine } from "./run.js"

const python = [process.env.PYTHON, resolve("bench/.venv/bin/python"), "python3"].find((candidate) => {
  try {
    if (candidate) execFileSync(candidate, ["-c", "import pytrec_eval"], { stdio: "ignore" })
    return candidate !== undefined
  } catch {
    return false
  }
})

/** Reads BEIR's qrels by itself, so that nothing of ours stands between the files and trec_eval. */
const script = `
import json, sys, pytrec_eval
qrels = {}
for number, line in enumerate(open(sys.argv[1])):
    if number == 0: continue
    query, document, grade = line.split("\\t")
    qrels.setdefault(query, {})[document] = int(grade)
run = pytrec_eval.parse_run(open(sys.argv[2]))
values = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "map", "recall.100"}).evaluate(run)
names = {"nDCG@10": "ndcg_cut_10", "AP": "map", "R@100": "recall_100"}
zero = dict.fromkeys(names.values(), 0.0)
print(json.dumps({"queries": len(qrels), "perQuery": {query: {ours: values.get(query, zero)[theirs] for ours, theirs in names.items()} for query in qrels}}))
`

let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "rankine-trec-eval-"))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

describe.skipIf(!python)("trec_eval on what bench wrote (needs Python with pytrec-eval-terrier)", () => {
  for (const name of ["scifact", "nfcorpus", "cacm"]) {
    const data = `../shared/data/${name}`
    it.skipIf(!existsSync(data))(name, async () => {
      const output = join(scratch, name)
      expect((await rankine(["bench", "--data", data, "--output", output])).code).toBe(0)
      const result = JSON.parse(await readFile(join(output, "result.json"), "utf8")) as BenchmarkResult
      const printed = execFileSync(python!, ["-c", script, `${data}/qrels/test.tsv`, join(output, "run.trec")])
      const theirs = JSON.parse(printed.toString()) as {
        queries: number
        perQuery: Record<string, Record<string, number>>
      }
      expect(result.dataset.judgedQueries).toBe(theirs.queries)
      for (const measure of ["nDCG@10", "AP", "R@100"]) {
        let sum = 0
        for (const [query, values] of Object.entries(theirs.perQuery)) {
          expect(Math.abs(result.perQuery[query]![measure]! - values[measure]!), query).toBeLessThan(1e-15)
          sum += values[measure]!
        }
        expect(result.measures[measure]).toBeCloseTo(sum / theirs.queries, 13)
      }
    })
  }
})
