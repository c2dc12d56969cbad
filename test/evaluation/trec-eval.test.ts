import { execFileSync } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Random } from "../../src/core/random.js"
import { emptyRanking, type Ranking } from "../../src/core/ranking.js"
import { evaluateRankings, type Qrels, writeRun } from "../../src/evaluation/index.js"

/** A Python that has pytrec_eval (package pytrec-eval-terrier): PYTHON, bench/.venv, or the one on the path. */
const python = [process.env.PYTHON, resolve(import.meta.dirname, "../../bench/.venv/bin/python"), "python3"].find(
  (candidate) => {
    if (!candidate) return false
    try {
      execFileSync(candidate, ["-c", "import pytrec_eval"], { stdio: "ignore" })
      return true
    } catch {
      return false
    }
  },
)

const script = `
import json, sys, pytrec_eval
with open(sys.argv[1]) as f: qrels = pytrec_eval.parse_qrel(f)
with open(sys.argv[2]) as f: run = pytrec_eval.parse_run(f)
names = {"ndcg_cut.10,100", "ndcg", "map", "map_cut.100", "recip_rank", "P.10", "recall.100", "success.5", "bpref", "Rprec"}
json.dump(pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run), sys.stdout)
`

const names: Record<string, string> = {
  "nDCG@10": "ndcg_cut_10",
  "nDCG@100": "ndcg_cut_100",
  nDCG: "ndcg",
  AP: "map",
  "AP@100": "map_cut_100",
  RR: "recip_rank",
  "P@10": "P_10",
  "R@100": "recall_100",
  "Success@5": "success_5",
  Bpref: "bpref",
  Rprec: "Rprec",
}

describe.skipIf(!python)("trec_eval on a run that writeRun wrote (needs Python with pytrec-eval-terrier)", () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "rankine-trec-eval-"))
  })
  afterAll(() => rm(directory, { recursive: true }))

  it("finds every query's value as evaluateRankings does, although ids ascend within ties", async () => {
    const random = new Random(20, "trec-eval")
    const rankings: Ranking[] = []
    const qrels = new Map<string, Map<string, number>>()
    for (let query = 0; query < 60; query++) {
      const id = `q${query}`
      const judged = Array.from({ length: 1 + random.integer(60) }, () => `d${random.integer(300)}`)
      qrels.set(id, new Map(judged.map((document) => [document, random.integer(5) - 1])))
      if (query % 10 === 3) continue
      // Few different scores, some apart only as 64-bit floats; ties in ascending order of ids, as retrievers give them.
      const base = 10 * random.float()
      const documents = random.shuffle(Array.from({ length: 300 }, (_, i) => `d${i}`)).slice(0, 1 + random.integer(200))
      const hits = documents.map((document) => ({
        id: document,
        score: base + random.integer(40) * (query % 2 ? 1e-8 : 0.1),
      }))
      hits.sort((left, right) => right.score - left.score || (left.id < right.id ? -1 : 1))
      rankings.push({ ...emptyRanking({ id, text: id }, "bm25"), hits })
    }
    const evaluation = evaluateRankings(rankings, qrels as Qrels, Object.keys(names))
    const [qrelsFile, runFile] = [join(directory, "qrels.txt"), join(directory, "run.trec")]
    const lines = [...qrels].flatMap(([query, of]) => [...of].map(([id, grade]) => `${query} 0 ${id} ${grade}\n`))
    await writeFile(qrelsFile, lines.join(""))
    await writeRun(runFile, rankings)
    const output = execFileSync(python!, ["-c", script, qrelsFile, runFile], { encoding: "utf8" })
    const theirs = JSON.parse(output) as Record<string, Record<string, number>>
    expect(Object.keys(theirs)).toHaveLength(54)
    for (const [measure, theirName] of Object.entries(names)) {
      let sum = 0
      for (const [query, values] of evaluation.perQuery) {
        const expected = theirs[query]?.[theirName] ?? 0
        expect(Math.abs(values[measure]! - expected), `${measure} of ${query}`).toBeLessThan(1e-15)
        sum += expected
      }
      // As trec_eval -c prints it: four decimals, over all queries of the qrels.
      expect(evaluation.measures[measure]!.toFixed(4)).toBe((sum / qrels.size).toFixed(4))
      expect(sum).toBeGreaterThan(0)
    }
  })
})
