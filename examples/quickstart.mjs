// `npm run quickstart`: everything once, without a download. Search the documentation of what is installed here by words and by
// meaning, see what each stage did, then measure pipelines on the judged collection that the package carries.
import { existsSync, readFileSync } from "node:fs"
import { mkdir, rm, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { createAnalyzer, openFolder } from "rankine"
import { openBundled } from "rankine/datasets"
import { compare, meanInterval, renderHtml, writeResult } from "rankine/evaluation"
import { buildPipeline, runBenchmark } from "rankine/pipelines"
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

/** Columns from `numbers` on are numbers, lined up on the right. */
function printTable(heads, rows, numbers) {
  const widths = heads.map((_, column) => Math.max(...[heads, ...rows].map((row) => row[column].length)))
  const line = (cells) =>
    `   ${cells.map((cell, at) => (at < numbers ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join("   ")}`
  console.log(bold(line(heads)))
  for (const row of rows) console.log(line(row))
}

console.log(bold("\n1  Search the documentation of what is installed, with the models that the package carries\n"))

const indexing = performance.now()
const { dependencies } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"))
const places = ["docs", ...Object.keys(dependencies).map((name) => `node_modules/${name}`)]
const folders = places.map((place) => fileURLToPath(new URL(place, root))).filter((place) => existsSync(place))
const folder = await openFolder(folders, { chunk: { maxTokens: 200 } })
let sections = 0
const markdown = async function* () {
  for await (const document of folder.documents()) {
    if (!/\.(md|markdown|mdx)$/i.test(document.metadata.path)) continue
    sections++
    yield document
  }
}
const pipeline = await buildPipeline("default", { documents: markdown, onProgress: progress })
clearProgress()
const parts = pipeline.describe().retriever.retrievers.map(({ name }) => name)
console.log(
  `   ${count(sections / parts.length)} sections indexed for ${parts.join(", ")} and their fusion in ${seconds(indexing)}`,
)

const english = createAnalyzer("english")
const questions = [
  "how do I show a progress bar in the terminal?",
  "what happens when the query has a word that no document contains?",
  "boost a field when searching",
]
let explained
for (const question of questions) {
  const asked = performance.now()
  const [ranking] = await pipeline.retrieve([{ id: question, text: question }], { topK: 5, explain: true })
  const took = milliseconds(asked)
  explained ??= ranking
  console.log(`\n   ${bold(question)}  ${dim(took)}`)
  const documents = await pipeline.documents.get(ranking.hits.slice(0, 2).map(({ id }) => id))
  const terms = new Set(english.terms(question))
  documents.forEach(({ title, text, metadata }, rank) => {
    const passage = snippet(text, terms, english, { length: 180, before, after })
    console.log(`   ${rank + 1}. ${title}  ${dim(`${metadata.path}  ${ranking.hits[rank].score.toFixed(2)}`)}`)
    console.log(`      ${passage.text.replace(/\s+/g, " ").trim()}`)
  })
}

console.log(bold("\n2  What each stage made of the first question\n"))

const rankIn = (stage, id) => {
  const place = stage.hits.findIndex((hit) => hit.id === id)
  return place < 0 ? "–" : String(place + 1)
}
const titles = new Map(
  (await pipeline.documents.get(explained.hits.map(({ id }) => id))).map((one) => [one.id, one.title]),
)
printTable(
  ["rank", "section", ...explained.stages.slice(0, -1).map(({ stage }) => stage), "score"],
  explained.hits.map(({ id, score }, rank) => [
    String(rank + 1),
    titles.get(id).slice(0, 48),
    ...explained.stages.slice(0, -1).map((stage) => rankIn(stage, id)),
    score.toFixed(4),
  ]),
  2,
)
for (const { stage, input, output, moved } of explained.stages)
  console.log(
    dim(
      `   ${stage}: ${input > 0 ? `${count(input)} hits in, ` : ""}${count(output)} out${input > 0 ? `, ${count(moved)} at another rank than ${parts[0]}'s` : ""}`,
    ),
  )

console.log(bold("\n3  Measure pipelines on a judged collection\n"))

const dataset = await openBundled("mbpp")
await rm(output, { recursive: true, force: true })
await mkdir(output, { recursive: true })
const results = []
for (const name of ["bm25", "elasticlunr", "dense", "sparse", "default"]) {
  const { result } = await runBenchmark(dataset, (context) => buildPipeline(name, context), {
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
printTable(columns, rows, 1)
console.log(dim("   ± half of the 95 % confidence interval over queries"))

const { comparisons, baseline } = compare(results)
console.log(`\n   ${measures[0]} against ${baseline}:`)
for (const { run, measure, difference, randomisation } of comparisons) {
  if (measure !== measures[0]) continue
  const p = randomisation.adjusted < 0.0001 ? "< 0.0001" : `= ${randomisation.adjusted.toFixed(4)}`
  console.log(`   ${run.padEnd(14)}   ${difference < 0 ? "" : "+"}${difference.toFixed(4)}   p ${p}`)
}
console.log(dim("   randomisation test, Holm's correction"))

const report = fileURLToPath(new URL("report.html", output))
await writeFile(report, await renderHtml(results, { title: "Pipelines on MBPP" }))
console.log(`\n   Report: rankine-quickstart/report.html ${dim("(one file, open it in a browser)")}`)

console.log(bold("\n4  Next\n"))
console.log(
  "   npx rankine index DIR --output my.index --chunk --pipeline default   your own Markdown, text or JSON lines",
)
console.log('   npx rankine search my.index "a question"            and what it says')
console.log("   npx rankine bench --data scifact --pipeline bm25    a public benchmark")
console.log("   npx rankine doctor                                  what this machine offers\n")
console.log(dim(`   ${seconds(started)} in all\n`))
