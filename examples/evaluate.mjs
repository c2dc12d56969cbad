// Measures of a run that any program wrote, with trec_eval's conventions.
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { evaluate, readQrels, readRun } from "rankine/evaluation"

const directory = await mkdtemp(join(tmpdir(), "rankine-example-"))
try {
  await writeFile(
    join(directory, "run.trec"),
    ["q1 Q0 d1 1 9.5 demo", "q1 Q0 d2 2 7.1 demo", "q1 Q0 d3 3 7.1 demo", "q2 Q0 d4 1 3.2 demo"].join("\n"),
  )
  await writeFile(join(directory, "qrels.txt"), ["q1 0 d1 1", "q1 0 d3 2", "q2 0 d5 1", "q3 0 d6 1"].join("\n"))

  const { run } = await readRun(join(directory, "run.trec"))
  const { qrels } = await readQrels(join(directory, "qrels.txt"))
  const { measures, perQuery, queries, status } = evaluate(run, qrels, ["nDCG@10", "AP", "RR@10", "R@100"])

  console.log(`means over ${queries} judged queries:`, measures)
  // q3 is judged and was not answered: it counts as 0, and is reported.
  console.log("how they were answered:", status)
  console.table(Object.fromEntries(perQuery))
} finally {
  await rm(directory, { recursive: true, force: true })
}
