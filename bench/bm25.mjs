// Our BM25 beside other engines: npm run bench:bm25 -- --help
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { prepareCollection } from "./lib/collections.mjs"
import { describeMachine } from "./lib/machine.mjs"
import { checkMarks } from "./lib/marks.mjs"
import { readOptions, usage } from "./lib/options.mjs"
import { renderPage, renderReport } from "./lib/report.mjs"
import { runCollection } from "./lib/run.mjs"

const onStatus = (text) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)

/** Several results as one: every collection as last measured, and every commit and machine that took part named. */
function merge(files) {
  const results = files.map((file) => JSON.parse(readFileSync(file, "utf8")))
  const collections = new Map(results.flatMap((result) => result.collections.map((one) => [one.name, one])))
  const { machine, ...last } = results.at(-1)
  const all = (field) => [...new Set(results.map((result) => result.machine[field]))].join(" and ")
  const changed = results.some((result) => result.machine.changed)
  return {
    ...last,
    machine: { ...machine, processor: all("processor"), commit: all("commit"), changed },
    collections: [...collections.values()],
  }
}

async function measure(options) {
  const { rounds, seconds, cpu, limits } = options
  const date = new Date().toISOString()
  const result = {
    schema: 1,
    date,
    machine: describeMachine(),
    settings: { rounds, seconds, cpu, limits },
    collections: [],
  }
  mkdirSync(options.results, { recursive: true })
  const file = join(options.results, `${date.slice(0, 19).replaceAll(":", "")}-bm25.json`)
  for (const name of options.collections) {
    const collection = await prepareCollection(name, { ...options, onStatus })
    result.collections.push(collection.missing ? collection : await runCollection(collection, { ...options, onStatus }))
    // After every collection: a long run that is cut short has not been for nothing.
    writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`)
  }
  onStatus(`results in bench/results/${file.slice(options.results.length + 1)}`)
  return result
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options.help) console.log(usage)
  else {
    const result = options.from ? merge(options.from) : await measure(options)
    const marks = checkMarks(result)
    console.log(renderReport(result, marks))
    if (options.write) writeFileSync(options.write, renderPage(result, marks))
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
