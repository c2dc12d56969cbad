// Embedding, reranking, nearest neighbours and quality, beside other engines: npm run bench:neural -- --help
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describeMachine } from "./lib/machine.mjs"
import { checkNeuralMarks } from "./lib/neural/marks.mjs"
import { readOptions, usage } from "./lib/neural/options.mjs"
import { writePage } from "./lib/neural/page.mjs"
import { renderNeural } from "./lib/neural/report.mjs"

const onStatus = (text) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)

const runners = {
  embed: async (options) => (await import("./lib/neural/throughput.mjs")).runWorkload("embed", options),
  mixed: async (options) => (await import("./lib/neural/throughput.mjs")).runWorkload("mixed", options),
  memory: async (options) => (await import("./lib/neural/throughput.mjs")).runWorkload("memory", options),
  rerank: async (options) => (await import("./lib/neural/throughput.mjs")).runWorkload("rerank", options),
  nearest: async (options) => (await import("./lib/neural/nearest.mjs")).runNearest(options),
  growth: async (options) => (await import("./lib/neural/growth.mjs")).runGrowth(options),
  responsive: async (options) => (await import("./lib/neural/responsive.mjs")).runResponsive(options),
  quality: async (options) => (await import("./lib/neural/quality.mjs")).runQuality(options),
}

/** Several results as one: every part as last measured, with the machine, commit and settings that it was measured with. */
function merge(files) {
  const results = files.map((file) => JSON.parse(readFileSync(file, "utf8")))
  return { ...results.at(-1), parts: Object.assign({}, ...results.map(({ parts }) => parts)) }
}

async function measure(options) {
  const date = new Date().toISOString()
  const { threads, rounds, limit, cpu, limits } = options
  const run = { date, machine: describeMachine(), settings: { threads, rounds, limit, cpu, limits } }
  const result = { schema: 1, ...run, parts: {} }
  mkdirSync(options.results, { recursive: true })
  const file = join(options.results, `${date.slice(0, 19).replaceAll(":", "")}-neural.json`)
  for (const name of options.parts) {
    result.parts[name] = { ...(await runners[name]({ ...options, onStatus })), run }
    // After every part: a long run that is cut short has not been for nothing.
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
    const marks = checkNeuralMarks(result)
    console.log(renderNeural(result, marks))
    if (options.write) await writePage(options.write, result, marks)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
