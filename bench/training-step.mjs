// LoRA training steps beside torch + PEFT: node bench/training-step.mjs --help
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { benchFolder } from "./lib/engines.mjs"
import { describeMachine } from "./lib/machine.mjs"
import { trainingEngines, workloads } from "./lib/training/engines.mjs"
import { checkTrainingMarks, renderTraining, writeTrainingPage } from "./lib/training/report.mjs"
import { runTraining } from "./lib/training/run.mjs"

const names = (list) => list.map(({ name }) => name)

const usage = `node bench/training-step.mjs [options]
  --models NAMES   ${names(workloads).join(",")} (all of them)
  --peers NAMES    ${names(trainingEngines).join(",")} (all)
  --targets NAMES  layers with adapters: all,attention (all: every linear layer but the heads; attention: queries and values)
  --rank N         of the adapters (8)
  --threads N      of every engine (2)
  --rounds N       (3)
  --timeout MIN    an engine busy for longer than this is stopped (20)
  --memory GB      an engine larger than this is stopped (20)
  --dist DIR       the build of ours that is measured (dist)
  --write FILE     write the page in Markdown, such as docs/benchmarks-training.md
  --from FILES     measure nothing: print earlier results (bench/results/…json; several with commas: their parts together)

torch, transformers and peft are looked for in the environment that bench:setup makes, or in the Python that RANKINE_BENCH_PYTHON names.`

const onStatus = (text) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)

function chosen(text, known, option) {
  if (text === undefined) return known
  const list = text.split(",").filter(Boolean)
  for (const one of list)
    if (!known.includes(one)) throw new Error(`--${option}: there is no ${one}; there are ${known.join(", ")}`)
  return list
}

function positive(values, name) {
  const value = Number(values[name])
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0, got ${values[name]}`)
  return value
}

async function measure(values) {
  if (values.dist !== undefined) process.env.RANKINE_BENCH_DIST = resolve(values.dist)
  const date = new Date().toISOString()
  const settings = { threads: Math.ceil(positive(values, "threads")), rounds: Math.ceil(positive(values, "rounds")) }
  const options = {
    ...settings,
    rank: Math.ceil(positive(values, "rank")),
    engines: chosen(values.peers, names(trainingEngines), "peers"),
    limits: { seconds: positive(values, "timeout") * 60, bytes: positive(values, "memory") * 2 ** 30 },
    onStatus,
  }
  const result = { schema: 1, date, machine: describeMachine(), settings, parts: [] }
  const folder = join(benchFolder, "results")
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${date.slice(0, 19).replaceAll(":", "")}-training.json`)
  const models = chosen(values.models, names(workloads), "models")
  for (const targets of chosen(values.targets ?? "all", ["all", "attention"], "targets"))
    for (const workload of workloads.filter(({ name }) => models.includes(name))) {
      result.parts.push(await runTraining(workload, { ...options, targets }))
      // After every part: a long run that is cut short has not been for nothing.
      writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`)
    }
  onStatus(`results in bench/results/${file.slice(folder.length + 1)}`)
  return result
}

/** Several results as one, with the machine and the settings of the last. */
function merge(files) {
  const results = files.split(",").map((file) => JSON.parse(readFileSync(file, "utf8")))
  return { ...results.at(-1), parts: results.flatMap(({ parts }) => parts) }
}

try {
  const { values } = parseArgs({
    options: {
      models: { type: "string" },
      peers: { type: "string" },
      targets: { type: "string" },
      rank: { type: "string", default: "8" },
      threads: { type: "string", default: "2" },
      rounds: { type: "string", default: "3" },
      timeout: { type: "string", default: "20" },
      memory: { type: "string", default: "20" },
      dist: { type: "string" },
      write: { type: "string" },
      from: { type: "string" },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) console.log(usage)
  else {
    const result = values.from ? merge(values.from) : await measure(values)
    const marks = checkTrainingMarks(result)
    console.log(renderTraining(result, marks))
    if (values.write) await writeTrainingPage(values.write, result, marks)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
