// Rerankers by language models over candidates with texts: quality, calls, tokens, time and malformed answers, beside no reranking.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"

const { values: flags } = parseArgs({
  options: {
    dist: { type: "string", default: "dist" },
    data: { type: "string", default: "../shared/data/trec_dl19" },
    model: { type: "string", default: "SmolLM2-135M-Instruct" },
    precision: { type: "string" },
    endpoint: { type: "string" },
    threads: { type: "string" },
    methods: { type: "string" },
    queries: { type: "string" },
    depth: { type: "string", default: "100" },
    "max-tokens": { type: "string" },
    measures: { type: "string", default: "nDCG@10" },
    out: { type: "string" },
    from: { type: "string" },
    write: { type: "string" },
    help: { type: "boolean" },
  },
})

/** Methods whose answers are as long as the model likes: `--max-tokens` cuts them short. */
const WRITES = new Set(["rank1", "rank-r1", "reason-rank", "grouprank"])

if (flags.help) {
  console.log(`node bench/llm.mjs [--methods yes-no,first] [--data DIR] [--queries N] [--depth N] [--model NAME] [--precision P]
                  [--endpoint URL] [--threads N] [--max-tokens N] [--out FILE]     runs the methods, one after the other, and keeps each result at once
node bench/llm.mjs --from FILE,FILE --write docs/benchmarks-rerankers.md   makes the page of kept results`)
  process.exit(0)
}

if (flags.from) {
  const results = flags.from.split(",").flatMap((file) => JSON.parse(readFileSync(file, "utf8")).results)
  const text = page(results)
  if (flags.write) replaceTables(flags.write, text)
  else console.log(text)
  process.exit(0)
}

const load = (file) => import(resolve(flags.dist, file))
const [{ openDataset }, { evaluateRankings }, { buildPipeline }, { disposeModels }] = await Promise.all([
  load("datasets/index.js"),
  load("src/evaluation/index.js"),
  load("src/pipelines/index.js"),
  load("src/models/index.js"),
])
const { peakMemoryBytes } = await load("src/pipelines/environment.js")

const dataset = await openDataset(flags.data)
if (!dataset.candidates) throw new Error(`${flags.data} brings no candidates`)
const judged = dataset.queries.slice(0, flags.queries ? Number(flags.queries) : undefined)
const model = flags.endpoint
  ? { endpoint: flags.endpoint, name: flags.model }
  : {
      path: flags.model,
      ...(flags.precision ? { precision: flags.precision } : {}),
      ...(flags.threads ? { threads: Number(flags.threads) } : {}),
    }
const out = flags.out ?? join("bench/results", `${new Date().toISOString().slice(0, 19).replaceAll(":", "")}-llm.json`)
mkdirSync("bench/results", { recursive: true })
const results = []

for (const method of ["none", ...(flags.methods ?? "yes-no").split(",").filter((name) => name !== "none")]) {
  const written = flags["max-tokens"] && WRITES.has(method) ? { maxTokens: Number(flags["max-tokens"]) } : {}
  const own = method === "dq-lore" ? {} : { model }
  const stages = method === "none" ? [] : [{ [method]: { ...own, ...written } }]
  const pipeline = await buildPipeline(
    { retriever: { candidates: { depth: Number(flags.depth) } }, stages },
    { candidates: dataset.candidates, documents: () => dataset.documents() },
  )
  const began = performance.now()
  const rankings = await pipeline.retrieve(judged, {
    topK: Number(flags.depth),
    onError: "mark",
    onProgress: ({ done, total, unit }) => process.stderr.write(`\r${method}: ${done}/${total} ${unit}   `),
  })
  const seconds = (performance.now() - began) / 1000
  process.stderr.write("\n")
  const evaluation = evaluateRankings(rankings, onlyJudged(dataset.qrels, judged), flags.measures.split(","), {
    rel: dataset.relevance.threshold,
  })
  const sum = (of) => rankings.reduce((total, ranking) => total + of(ranking), 0)
  const warned = (code) =>
    sum(({ warnings }) =>
      warnings.filter((warning) => warning.code === code).reduce((all, { count }) => all + count, 0),
    )
  results.push({
    method,
    data: dataset.name,
    model: flags.model,
    precision: flags.precision ?? "as the file has it",
    queries: judged.length,
    ...written,
    depth: Number(flags.depth),
    measures: evaluation.measures,
    calls: sum(({ usage }) => usage.calls),
    promptTokens: sum(({ usage }) => usage.promptTokens),
    cachedTokens: sum(({ usage }) => usage.cachedTokens),
    completionTokens: sum(({ usage }) => usage.completionTokens),
    malformed: sum(({ usage }) => usage.repaired),
    truncated: warned("truncated"),
    failed: rankings.filter(({ status }) => status === "failed").length,
    seconds,
    peakMemoryBytes: peakMemoryBytes(),
    machine: cpus()[0]?.model ?? "",
    description: pipeline.describe?.(),
  })
  for (const { query, error } of rankings.filter(({ status }) => status === "failed").slice(0, 2))
    console.error(`  query ${query.id} failed: ${error?.message}`)
  console.log(row(results.at(-1)))
  writeFileSync(out, JSON.stringify({ results }, null, 1))
}
await disposeModels()
console.log(out)

function onlyJudged(qrels, queries) {
  const ids = new Set(queries.map(({ id }) => id))
  return new Map([...qrels].filter(([id]) => ids.has(id)))
}

function row({
  method,
  measures,
  calls,
  promptTokens,
  cachedTokens,
  completionTokens,
  malformed,
  failed,
  seconds,
  queries,
}) {
  const values = Object.values(measures).map((value) => value.toFixed(4))
  const count = (value) => Math.round(value).toLocaleString("en-US")
  return (
    `| ${method === "none" ? "no reranking" : method} | ${values.join(" | ")} | ${count(calls)} | ${count(promptTokens)} | ` +
    `${count(cachedTokens)} | ${count(completionTokens)} | ${count(malformed)} | ${failed} | ${(seconds / queries).toFixed(2)} |`
  )
}

function page(all) {
  const groups = new Map()
  for (const result of all) {
    const key = `${result.data}, ${result.queries} queries x ${result.depth} candidates, ${result.model} (${result.precision})`
    if (!groups.has(key)) groups.set(key, new Map())
    groups.get(key).set(result.method, result)
  }
  return [...groups]
    .map(([title, rows]) => {
      const [first] = rows.values()
      const names = Object.keys(first.measures)
      return [
        `### ${title}`,
        "",
        `| method | ${names.join(" | ")} | calls | prompt tokens | of them cached | written | malformed | failed | s/query |`,
        `| --- | ${names.map(() => "--:").join(" | ")} | --: | --: | --: | --: | --: | --: | --: |`,
        ...[...rows.values()].map(row),
      ].join("\n")
    })
    .join("\n\n")
}

/** The page's own words stay; what stands between the marks is replaced. */
function replaceTables(file, text) {
  const before = readFileSync(file, "utf8")
  const [head, tail] = ["<!-- tables -->", "<!-- end of tables -->"]
  const from = before.indexOf(head)
  const to = before.indexOf(tail)
  if (from === -1 || to === -1) throw new Error(`${file} has no ${head} … ${tail}`)
  writeFileSync(file, `${before.slice(0, from + head.length)}\n\n${text}\n\n${before.slice(to)}`)
}
