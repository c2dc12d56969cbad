// Reading prompts and writing answers, beside other engines: node bench/generation.mjs --help
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { benchFolder } from "./lib/engines.mjs"
import { describeMachine } from "./lib/machine.mjs"
import { ours } from "./lib/ours.mjs"
import { generationEngines, LLAMA } from "./peers/generation/engines.mjs"
import { compareAnswers, measureModel } from "./peers/generation/measure.mjs"
import { renderPage } from "./peers/generation/report.mjs"
import { textsOf } from "./peers/generation/texts.mjs"

const usage = `node bench/generation.mjs [options]

  --models A,B        folders in RANKINE_MODELS with a model.gguf (SmolLM2-135M-Instruct,gemma-3-270m)
  --engines A,B       ${generationEngines.map(({ name }) => name).join(", ")}
  --threads 1,2       threads of each engine
  --rounds N          rounds (5)
  --no-speed          compare answers only
  --no-answers        measure speed only
  --from A,B          earlier results as one, without measuring
  --write FILE        the page

node-llama-cpp is installed with: npm install --prefix bench/peers/generation --ignore-scripts
RANKINE_BENCH_PYTHON names a Python with torch and transformers; by default that of npm run bench:setup -- neural.`

const onStatus = (text) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)

/** Later results of a model and a number of threads replace earlier ones. */
function merge(files) {
  const results = files.map((file) => JSON.parse(readFileSync(file, "utf8")))
  const models = new Map()
  for (const model of results.flatMap((result) => result.models)) {
    const known = models.get(model.name) ?? { ...model, runs: [], answers: [] }
    const runs = [
      ...known.runs.filter(({ threads }) => !model.runs.some((run) => run.threads === threads)),
      ...model.runs,
    ]
    runs.sort((left, right) => left.threads - right.threads)
    models.set(model.name, { ...known, runs, answers: model.answers.length ? model.answers : known.answers })
  }
  return { ...results.at(-1), models: [...models.values()] }
}

async function measure({ models, engines: wanted, threads, rounds, speed, answers }) {
  const { defaultModelsDir } = await ours("src/models/locate.js")
  const engines = generationEngines.filter(({ name }) => !wanted || wanted.includes(name))
  const result = { schema: 1, date: new Date().toISOString(), machine: describeMachine(), models: [] }
  for (const name of models) {
    const path = join(defaultModelsDir(), name, "model.gguf")
    if (!existsSync(path)) {
      onStatus(`${name}: there is no ${path}`)
      continue
    }
    const texts = await textsOf(path, name)
    const model = { name, runs: [], answers: [] }
    if (speed)
      for (const count of threads) {
        const rows = await measureModel(engines, { path, name, file: texts.file, threads: count, rounds, onStatus })
        model.runs.push({ threads: count, rounds, rows })
      }
    const peer = generationEngines.find(({ name: each }) => each === LLAMA)
    if (answers)
      for (const ours of ["rankine-fp32", "rankine-blocks"]) {
        onStatus(`${name}: answers of ${ours}`)
        const engine = generationEngines.find(({ name: each }) => each === ours)
        model.answers.push(await compareAnswers([engine, peer], { path, name, ...texts }))
      }
    result.models.push(model)
  }
  const folder = join(benchFolder, "results")
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${result.date.slice(0, 19).replaceAll(":", "")}-generation.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`)
  onStatus(`results in bench/results/${file.slice(folder.length + 1)}`)
  return result
}

const list = (text) => text?.split(",").filter(Boolean)
const { values } = parseArgs({
  allowNegative: true,
  options: {
    help: { type: "boolean", default: false },
    models: { type: "string", default: "SmolLM2-135M-Instruct,gemma-3-270m" },
    engines: { type: "string" },
    threads: { type: "string", default: "1,2" },
    rounds: { type: "string", default: "5" },
    speed: { type: "boolean", default: true },
    answers: { type: "boolean", default: true },
    from: { type: "string" },
    write: { type: "string" },
  },
})
if (values.help) console.log(usage)
else {
  const { models, engines, threads, rounds, speed, answers, from, write } = values
  const result = from
    ? merge(list(from))
    : await measure({
        models: list(models),
        engines: list(engines),
        threads: list(threads).map(Number),
        rounds: Number(rounds),
        speed,
        answers,
      })
  const page = renderPage(result)
  if (write) writeFileSync(write, page)
  else console.log(page)
}
