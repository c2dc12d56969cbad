// `npm run quickstart`: everything once, without a download. Search the documentation inside this clone's own
// node_modules, then measure three retrievers on the judged collection that the package carries.
import { mkdir, rm, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { Bm25Index, openFolder } from "rankine"
import { openBundled } from "rankine/datasets"
import { compare, meanInterval, renderHtml, writeResult } from "rankine/evaluation"
import { runBenchmark } from "rankine/pipelines"
import { ElasticlunrRetriever } from "rankine/retrievers/elasticlunr"
import { snippet } from "rankine/text"

const root = new URL("../", import.meta.url)
const output = new URL("rankine-quickstart/", root)
const started = performance.now()

const terminal = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb"
const paint = (code) => (text) => (terminal ? `\u001b[${code}m${text}\u001b[0m` : text)
const bold = paint("1")
const dim = paint("2")
const [before, after] = terminal ? ["\u001b[1;33m", "\u001b[0m"] : ["«", "»"]
const milliseconds = (since) => `${(performance.now() - since).toFixed(1)} ms`
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`
const count = (value) => value.toLocaleString("en-US")

/** One line that is written over on a terminal, twenty times a second at most; elsewhere nothing. */
let shown = 0
function progress({ stage, done, total, unit }) {
  if (process.stderr.isTTY !== true || performance.now() - shown < 50) return
  shown = performance.now()
  process.stderr.write(`\r\u001b[K${dim(`${stage}: ${count(done)}${total ? ` of ${count(total)}` : ""} ${unit}`)}`)
}
function clearProgress() {
  if (process.stderr.isTTY === true) process.stderr.write("\r\u001b[K")
}

console.log(bold("\n1  Search the documentation in node_modules\n"))

const indexing = performance.now()
const folder = await openFolder(fileURLToPath(new URL("node_modules", root)), { chunk: { maxTokens: 200 } })
const markdown = async function* () {
  for await (const document of folder.documents({ onProgress: progress }))
    if (/\.(md|markdown|mdx)$/i.test(document.metadata.path)) yield document
}
const index = await Bm25Index.build(markdown())
clearProgress()
const files = folder.files.filter(({ id }) => /\.(md|markdown|mdx)$/i.test(id)).length
console.log(
  `   ${count(files)} Markdown files, ${count(index.size)} sections, ${count(index.stats.terms)} terms in ${seconds(indexing)}`,
)

const questions = [
  "how do I show a progress bar in the terminal?",
  "cancel a child process with an abort signal",
  "boost a field when searching",
]
for (const question of questions) {
  const asked = performance.now()
  const [ranking] = await index.retrieve([{ id: question, text: question }], { topK: 2 })
  const took = milliseconds(asked)
  console.log(`\n   ${bold(question)}  ${dim(took)}`)
  const documents = await index.documents.get(ranking.hits.map(({ id }) => id))
  const terms = new Set(index.analyzer.terms(question))
  ranking.hits.forEach((hit, rank) => {
    const { title, text, metadata } = documents[rank]
    const passage = snippet(text, terms, index.analyzer, { length: 180, before, after })
    console.log(`   ${rank + 1}. ${title}  ${dim(`${metadata.path}  ${hit.score.toFixed(2)}`)}`)
    console.log(`      ${passage.text.replace(/\s+/g, " ").trim()}`)
  })
}

console.log(bold("\n2  Measure three retrievers on a judged collection\n"))

const dataset = await openBundled("mbpp")
const pipelines = {
  bm25: ({ documents }) => Bm25Index.build(documents()),
  elasticlunr: ({ documents }) => ElasticlunrRetriever.build(documents()),
  // Words of letters only: names_like_this fall apart into words that a question shares with a program.
  "bm25-letters": ({ documents }) => Bm25Index.build(documents(), { analyzer: "simple" }),
}
await rm(output, { recursive: true, force: true })
await mkdir(output, { recursive: true })
const results = []
for (const [name, build] of Object.entries(pipelines)) {
  const { result } = await runBenchmark(dataset, build, {
    measures: ["nDCG@10", "RR@10", "Success@1", "R@100"],
    name,
    onProgress: progress,
  })
  results.push(result)
  await writeResult(fileURLToPath(new URL(`${name}.json`, output)), result)
}
clearProgress()
console.log(
  `   MBPP: ${count(dataset.queries.length)} problem statements, each to find its solution among ${count(results[0].dataset.documents)} programs.\n`,
)

const measures = Object.keys(results[0].measures)
const columns = ["", ...measures, "queries/s"]
const rows = results.map((result) => [
  result.pipeline.name,
  ...measures.map((measure) => {
    const { mean, high } = meanInterval(Object.values(result.perQuery).map((values) => values[measure]))
    return `${mean.toFixed(4)} ± ${(high - mean).toFixed(4)}`
  }),
  count(Math.round(result.queriesPerSecond)),
])
const widths = columns.map((_, column) => Math.max(...[columns, ...rows].map((row) => row[column].length)))
const line = (cells) =>
  `   ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("   ")}`
console.log(bold(line(columns)))
for (const row of rows) console.log(line(row))
console.log(dim("   ± half of the 95 % confidence interval over queries"))

const { comparisons, baseline } = compare(results)
console.log(`\n   ${measures[0]} against ${baseline}:`)
for (const { run, measure, difference, randomisation } of comparisons) {
  if (measure !== measures[0]) continue
  const p = randomisation.adjusted < 0.0001 ? "< 0.0001" : `= ${randomisation.adjusted.toFixed(4)}`
  console.log(`   ${run.padEnd(widths[0])}   ${difference < 0 ? "" : "+"}${difference.toFixed(4)}   p ${p}`)
}
console.log(dim("   randomisation test, Holm's correction"))

const report = fileURLToPath(new URL("report.html", output))
await writeFile(report, await renderHtml(results, { title: "Three retrievers on MBPP" }))
console.log(`\n   Report: rankine-quickstart/report.html ${dim("(one file, open it in a browser)")}`)

console.log(bold("\n3  Next\n"))
console.log("   npx rankine index DIR --output my.index --chunk     your own Markdown, text or JSON lines")
console.log('   npx rankine search my.index "a question"            and what it says')
console.log("   npx rankine bench --data scifact --pipeline bm25    a public benchmark")
console.log("   npx rankine doctor                                  what this machine offers\n")
console.log(dim(`   ${seconds(started)} in all\n`))
